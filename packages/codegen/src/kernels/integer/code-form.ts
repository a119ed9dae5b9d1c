import { GROUP_DEPTH, type QuantizationMode } from '../../description/quantize-rows.ts';
import type { TargetTraits } from '../../target/target.ts';

type FormTraits = Pick<TargetTraits, 'dot' | 'multiplyBytes'>;

/** Bytes of one code of A for `integer-gemm`: a uint8, or an int16 that holds 0..255. */
export function encodedCodeBytes({ dot }: Pick<TargetTraits, 'dot'>): 1 | 2 {
  return dot === 'bytes' ? 1 : 2;
}

/**
 * The form of the codes of `nibble-gemm`: int8 where the target multiplies bytes in any way, else int16. (An unsigned nibble times an
 * int8 cannot saturate `multiplyBytes`.)
 */
export function groupCodeForm({ dot, multiplyBytes }: FormTraits): 'bytes' | 'words' {
  return dot === 'bytes' || multiplyBytes ? 'bytes' : 'words';
}

/** Bytes of one code of A for `nibble-gemm`. */
export function encodedGroupCodeBytes(traits: FormTraits): 1 | 2 {
  return groupCodeForm(traits) === 'bytes' ? 1 : 2;
}

/** `count`, rounded up to a multiple of `multiple`. */
export function roundUp(count: number, multiple: number): number {
  return Math.ceil(count / multiple) * multiple;
}

/** Codes per row that a `quantize-rows` kernel writes, the zeros behind the last number included. */
export function paddedCodeDepth(mode: QuantizationMode, depth: number): number {
  return roundUp(depth, mode === 'group-symmetric' ? GROUP_DEPTH : 4);
}

/**
 * A good number of codes from one row of A to the next: no smaller than any kernel needs, and no large power of two, whose rows would
 * compete for the same places of the first-level cache.
 */
export function defaultCodeRowStride(depth: number): number {
  const stride = roundUp(depth, depth < 64 ? 32 : 64);
  return stride % 512 === 0 ? stride + 64 : stride;
}

/** Whether a matrix of uint8 with this depth can be A as it lies, without a `quantize-rows` kernel. Its row stride is free. */
export function readsUint8InPlace(traits: Pick<TargetTraits, 'dot'>, depth: number): boolean {
  return traits.dot === 'bytes' && depth % 4 === 0;
}

/** The second word of a row's parameters: `z` and `128 * z` as int16 numbers, z an integer 0..255. */
export function encodeRowZeroPoint(zeroPoint: number): number {
  return zeroPoint + zeroPoint * 2 ** 23;
}
