import type { QuantizationParameters } from '@qedge/core';

/** Inclusive limits of integer codes. */
export interface CodeRange {
  readonly lowest: number;
  readonly highest: number;
}

/** Which codes may occur: symmetric `[-(2^(b-1)-1), 2^(b-1)-1]`, otherwise all of the signed or unsigned `b`-bit integers. */
export function codeRange(
  { bits, symmetric }: Pick<QuantizationParameters, 'bits' | 'symmetric'>,
  signed: boolean,
): CodeRange {
  if (!signed) return { lowest: 0, highest: 2 ** bits - 1 };
  const highest = 2 ** (bits - 1) - 1;
  return { lowest: symmetric ? -highest : -highest - 1, highest };
}

/** The position of the first code outside of the range, or -1. */
export function findCodeOutOfRange(codes: Int8Array | Uint8Array, { lowest, highest }: CodeRange): number {
  for (let i = 0; i < codes.length; i++) {
    if (codes[i]! < lowest || codes[i]! > highest) return i;
  }
  return -1;
}
