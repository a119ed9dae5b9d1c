import type { IntegerWeights } from '../../description/integer-gemm.ts';
import { GROUP_DEPTH, type QuantizationMode } from '../../description/quantize-rows.ts';
import type { TargetTraits } from '../../target/target.ts';

type FormTraits = Pick<TargetTraits, 'dot' | 'multiplyBytes'>;

/**
 * How a target multiplies the codes of `integer-gemm`, and with it how a code c of A (0..255) lies in memory:
 * - `dot-bytes`: four bytes at once into int32; c is a uint8;
 * - `multiply-bytes`: two bytes at once into int16, for int4 weights; c is the int8 number c - 128;
 * - `dot-words`: two 16-bit numbers at once into int32; c is an int16.
 */
export type IntegerArithmetic = 'dot-bytes' | 'multiply-bytes' | 'dot-words';

/** The arithmetic of a target for some weights. */
export function integerArithmetic(
  weights: IntegerWeights,
  { dot, multiplyBytes }: FormTraits,
): IntegerArithmetic {
  if (dot === 'bytes') return 'dot-bytes';
  return weights === 'int4' && multiplyBytes > 0 ? 'multiply-bytes' : 'dot-words';
}

/** Rows from which on codes that fit int4 are faster as int8, where bytes are multiplied into int32: then unpacking costs more than memory. */
const MOST_UNPACKED_ROWS = 8;

/**
 * Whether weights -8..7 are better packed as int4 than as int8 in a product with so many rows of A, as measured; the bits of the result are the
 * same.
 */
export function prefersNibbles(rows: number, traits: FormTraits): boolean {
  const arithmetic = integerArithmetic('int4', traits);
  return arithmetic === 'multiply-bytes' || (arithmetic === 'dot-bytes' && rows <= MOST_UNPACKED_ROWS);
}

/** Bytes of one code of A for `integer-gemm` with some weights: 2 where the target multiplies 16-bit numbers, else 1. */
export function encodedCodeBytes(weights: IntegerWeights, traits: FormTraits): 1 | 2 {
  return integerArithmetic(weights, traits) === 'dot-words' ? 2 : 1;
}

/**
 * The form of the codes of `nibble-gemm`: int8 where the target multiplies bytes in any way, else int16. (An unsigned nibble fits
 * every `multiplyBytes`, and times an int8 cannot saturate it.)
 */
export function groupCodeForm({ dot, multiplyBytes }: FormTraits): 'bytes' | 'words' {
  return dot === 'bytes' || multiplyBytes > 0 ? 'bytes' : 'words';
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
 * A good number of codes from one row of A to the next: no smaller than any kernel on any target needs, and no large power of two, whose
 * rows would compete for the same places of the first-level cache.
 */
export function defaultCodeRowStride(depth: number): number {
  const stride = roundUp(depth + 4, depth < 60 ? 32 : 64);
  return stride % 512 === 0 ? stride + 64 : stride;
}

/**
 * The least number of codes from one row of A to the next for `integer-gemm`: whole groups of four, and for `multiply-bytes` four bytes
 * more, behind the last group: -8 times the sum of the row's signed codes, as int32. `quantize-rows` writes it.
 */
export function leastCodeRowStride(weights: IntegerWeights, depth: number, traits: FormTraits): number {
  const hasStart = integerArithmetic(weights, traits) === 'multiply-bytes';
  return paddedCodeDepth('static', depth) + (hasStart ? 4 : 0);
}

/** Whether a matrix of uint8 with this depth can be A as it lies, without a `quantize-rows` kernel. Its row stride is free. */
export function readsUint8InPlace(traits: Pick<TargetTraits, 'dot'>, depth: number): boolean {
  return traits.dot === 'bytes' && depth % 4 === 0;
}

/** The second word of a row's parameters: `z` and `128 * z` as int16 numbers, z an integer 0..255. */
export function encodeRowZeroPoint(zeroPoint: number): number {
  return zeroPoint + zeroPoint * 2 ** 23;
}
