import type { QuantizationParameters } from '@qedge/core';

/** Codes as `grouped-matmul` and MatMulNBits read them. */
export interface GroupedCodes {
  /** `[outputs, groups, groupSize / 2]`, low half of a byte first; 8 more than the codes. Beyond the last row stands the zero point. */
  readonly codes: Uint8Array;
  /** `[outputs, groups]`. */
  readonly scales: Float32Array;
  /** `[outputs, ceil(groups / 2)]`, low half first. */
  readonly zeroPoints: Uint8Array;
}

/** Where codes come from: row-major `[rows, outputs]`. */
export interface GroupLayout {
  readonly rows: number;
  readonly outputs: number;
  readonly groupSize: number;
}

/** What 0 becomes in 4 bits without a sign. */
const MIDDLE = 8;

/**
 * Signed codes of at most 4 bits in groups along the rows. Each group has the scale of its output, or its own where the codes are in groups of
 * this size already: the numbers stay the same.
 */
export function groupCodes(
  codes: Int8Array,
  quantization: QuantizationParameters,
  { rows, outputs, groupSize }: GroupLayout,
): GroupedCodes {
  const { scales, zeroPoints, axis } = quantization;
  const isGrouped = quantization.groupSize !== undefined;
  const groups = Math.ceil(rows / groupSize);
  const zeroBytes = Math.ceil(groups / 2);
  const grouped = {
    codes: new Uint8Array((outputs * groups * groupSize) / 2),
    scales: new Float32Array(outputs * groups),
    zeroPoints: new Uint8Array(outputs * zeroBytes),
  };
  for (let output = 0; output < outputs; output++) {
    for (let group = 0; group < groups; group++) {
      const channel = axis === null ? 0 : output + (isGrouped ? group * outputs : 0);
      const zero = zeroPoints[channel]! + MIDDLE;
      grouped.scales[output * groups + group] = scales[channel]!;
      grouped.zeroPoints[output * zeroBytes + (group >> 1)]! |= zero << (4 * (group & 1));
      for (let row = group * groupSize; row < (group + 1) * groupSize; row++) {
        const code = row < rows ? codes[row * outputs + output]! + MIDDLE : zero;
        grouped.codes[(output * groups * groupSize + row) >> 1]! |= code << (4 * (row & 1));
      }
    }
  }
  return grouped;
}

/** The codes that {@link groupCodes} grouped. */
export function ungroupCodes(
  grouped: Pick<GroupedCodes, 'codes'>,
  { rows, outputs, groupSize }: GroupLayout,
): Int8Array {
  const padded = Math.ceil(rows / groupSize) * groupSize;
  const codes = new Int8Array(rows * outputs);
  for (let row = 0; row < rows; row++) {
    for (let output = 0; output < outputs; output++) {
      const at = output * padded + row;
      codes[row * outputs + output] = ((grouped.codes[at >> 1]! >> (4 * (at & 1))) & 15) - MIDDLE;
    }
  }
  return codes;
}
