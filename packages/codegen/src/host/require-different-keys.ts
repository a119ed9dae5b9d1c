import { InvalidArgumentError } from '@qedge/core';
import type { EmittedKernel } from './kernel-host.ts';

/** @throws InvalidArgumentError when two kernels have one key. */
export function requireDifferentKeys(kernels: readonly EmittedKernel[]): void {
  const keys = new Set(kernels.map(({ key }) => key));
  if (keys.size === kernels.length) return;
  throw new InvalidArgumentError('Two emitted kernels have the same key', {
    expected: `${kernels.length} different ones`,
    actual: kernels.map(({ key }) => key),
  });
}
