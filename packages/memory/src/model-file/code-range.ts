import type { QuantizationParameters } from '@qedge/core';

/** Inclusive limits of integer codes. */
export interface CodeRange {
  readonly lowest: number;
  readonly highest: number;
  /** Whether 0 is a code; it is not among the two codes of 1 bit. */
  readonly hasZero: boolean;
}

/**
 * Which codes may occur: symmetric `[-(2^(b-1)-1), 2^(b-1)-1]`, otherwise all of the signed or unsigned `b`-bit integers. With 1 bit
 * they are -1 and +1: 0 lies between, but is none.
 */
export function codeRange(
  { bits, symmetric }: Pick<QuantizationParameters, 'bits' | 'symmetric'>,
  signed: boolean,
): CodeRange {
  if (bits === 1) return { lowest: -1, highest: 1, hasZero: false };
  if (!signed) return { lowest: 0, highest: 2 ** bits - 1, hasZero: true };
  const highest = 2 ** (bits - 1) - 1;
  return { lowest: symmetric ? -highest : -highest - 1, highest, hasZero: true };
}

/** The position of the first code outside of the range, or -1. */
export function findCodeOutOfRange(
  codes: Int8Array | Uint8Array,
  { lowest, highest, hasZero }: CodeRange,
): number {
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    if (code < lowest || code > highest || (code === 0 && !hasZero)) return i;
  }
  return -1;
}
