import type { Shape } from '@qedge/core';
import { InvalidArgumentError } from 'commander';

/** Parses `--shape x=1x3x48x320`, which may be given for several inputs. */
export function parseShape(
  text: string,
  before: Readonly<Record<string, Shape>>,
): Readonly<Record<string, Shape>> {
  const [, name, sizes] = /^(.+)=(\d+(?:x\d+)*)$/.exec(text) ?? [];
  const shape = sizes?.split('x').map(Number);
  if (!name || !shape?.every((size) => Number.isSafeInteger(size) && size > 0)) {
    throw new InvalidArgumentError(`Expected name=1x3x48x320, got "${text}".`);
  }
  return { ...before, [name]: shape };
}

/** Parses `--constant sr=16000`, which may be given for several inputs. */
export function parseConstant(
  text: string,
  before: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const [, name, number] = /^(.+)=(-?\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (name && number) return { ...before, [name]: Number(number) };
  throw new InvalidArgumentError(`Expected name=number, got "${text}".`);
}
