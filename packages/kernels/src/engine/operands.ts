import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import type { Arena } from './arena.ts';

/** The arrays that kernels read and write. float16 and bfloat16 are the bits of each number in a Uint16Array. */
export type KernelArray = Float32Array | Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array;

const CONSTRUCTORS = {
  Float32Array,
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
} as const;

/** The names of the array types of {@link KernelArray}. */
export type KernelArrayName = keyof typeof CONSTRUCTORS;

/** Bytes of a buffer, first included, last not. */
export interface ByteRange {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/**
 * Checks that an operand is an array of the type wanted, and one of the arena's arrays or a view of one.
 *
 * @returns the address of its first element.
 * @throws InvalidArgumentError naming the operand.
 */
export function requireArray(arena: Arena, name: string, type: KernelArrayName, array: KernelArray): number {
  const found = typeName(array);
  if (found !== type) {
    throw new InvalidArgumentError(`${name} has the wrong type`, { expected: type, actual: found });
  }
  const { buffer, byteOffset, address } = arena.memory;
  if (!arena.lends(array)) {
    throw new InvalidArgumentError(`${name} does not lie in this workspace`, {
      expected: `a ${type} made by this workspace, or a view of one`,
      actual: array.buffer === buffer ? 'bytes of its memory that it does not hand out' : 'another buffer',
      remedy: 'Make it with workspace.float32() and the like, and copy the numbers in with set().',
    });
  }
  return address + array.byteOffset - byteOffset;
}

/** What a value is called, also when it comes from another realm. */
export function typeName(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1);
}

/** As {@link requireArray}, with a length. @throws ShapeMismatchError for another one. */
export function requireVector(
  arena: Arena,
  name: string,
  type: KernelArrayName,
  array: KernelArray,
  length: number,
): number {
  const address = requireArray(arena, name, type, array);
  if (array.length === length) return address;
  throw new ShapeMismatchError(`${name} has the wrong length`, {
    expected: `${length} numbers`,
    actual: `${array.length} numbers`,
  });
}

/** Bytes of a whole array. */
export function bytesOf(name: string, array: KernelArray): ByteRange {
  return { name, from: array.byteOffset, to: array.byteOffset + array.byteLength };
}

/** @throws InvalidArgumentError when the result shares bytes with an operand: its elements would change while they are read. */
export function requireDisjoint(result: ByteRange, operands: readonly ByteRange[]): void {
  for (const operand of operands) {
    if (result.from >= operand.to || operand.from >= result.to) continue;
    throw new InvalidArgumentError(`${result.name} overlaps ${operand.name}`, {
      expected: 'a result that shares no bytes with an operand',
      actual: `bytes ${result.from}..${result.to - 1} and ${operand.from}..${operand.to - 1}`,
    });
  }
}

/** @throws InvalidArgumentError unless `value` is an integer from `least` to 2^31 - 1. */
export function requireSize(name: string, value: number, least = 0): void {
  if (Number.isInteger(value) && value >= least && value < 2 ** 31) return;
  throw new InvalidArgumentError(`${name} is out of range`, {
    expected: `an integer from ${least} to 2^31 - 1`,
    actual: typeof value === 'number' ? value : `${typeof value} ${String(value)}`,
  });
}

/** @throws InvalidArgumentError unless `value` is one of `allowed`. */
export function requireOneOf(name: string, value: unknown, allowed: readonly unknown[]): void {
  if (allowed.includes(value)) return;
  throw new InvalidArgumentError(`${name} is not known`, {
    expected: allowed.join(', '),
    actual: String(value),
  });
}

/** How packed weights may be stored. */
export const WEIGHT_FORMATS = ['float32', 'float16', 'bfloat16'] as const;

/** @throws InvalidArgumentError unless `value` is a finite number. */
export function requireFinite(name: string, value: number): void {
  if (Number.isFinite(value)) return;
  throw new InvalidArgumentError(`${name} is no finite number`, {
    expected: 'a finite number',
    actual: value,
  });
}
