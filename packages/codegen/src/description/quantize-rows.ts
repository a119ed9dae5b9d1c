import type { IntegerWeights } from './integer-gemm.ts';

/**
 * How codes come from a row of numbers:
 * - `static`: float32 with the scale and zero point of the argument block, to uint8 codes;
 * - `row-symmetric`: float32 with a scale per row, written to the row parameters; uint8 codes with zero point 128;
 * - `row-asymmetric`: float32 with a scale and zero point per row, written to the row parameters; uint8 codes;
 * - `group-symmetric`: float32 with a scale per group of 32 values of a row; signed codes for `nibble-gemm`;
 * - `uint8`, `int8`: numbers that are codes already; int8 becomes uint8 with zero point 128.
 */
export type QuantizationMode =
  | 'static'
  | 'row-symmetric'
  | 'row-asymmetric'
  | 'group-symmetric'
  | 'uint8'
  | 'int8';

/**
 * Rows of numbers to rows of integer codes, in the form that the target's dot product reads. The number of rows is an argument.
 *
 * With `f` for rounding to float32 and `round` to the nearest integer, ties to even: a NaN counts as 0, and
 * - `static`: `code = clamp(round(f(x / scale)) + zeroPoint, 0, 255)`;
 * - `row-symmetric`: `scale = max(f(min(max |x|, largest float32) / 127), 2^-126)`, `code = clamp(round(f(x / scale)), -127, 127) + 128`;
 * - `row-asymmetric`: with `low = max(min(x, 0), -2^126)` and `high = min(max(x, 0), 2^126)` over the row,
 *   `scale = max(f((high - low) / 255), 2^-126)`, `zeroPoint = round(f(-low / scale))`, then as `static`;
 * - `group-symmetric`: as `row-symmetric` for each group, without the 128; `start = -8 * sum of the group's codes`.
 *
 * Codes from `depth` to the padded depth are written as 0 (a multiple of 4, of 32 for groups).
 */
export interface QuantizeRowsDescription {
  readonly kind: 'quantize-rows';
  readonly mode: QuantizationMode;
  /** Those of the product that reads the codes, which decide their form (`IntegerArithmetic`); `int4` for groups. */
  readonly weights: IntegerWeights;
  /** Numbers per row, positive. */
  readonly depth: number;
  /** Numbers from one row of the source to the next. */
  readonly sourceRowStride: number;
  /** Codes from one row of the result to the next; at least the padded depth. */
  readonly codeRowStride: number;
}

/**
 * Fields of the argument block of a quantize-rows kernel: addresses of the source and of the codes, the number of rows, the address
 * of the parameters (row modes: `ROW_PARAMETER_BYTES` per row; groups: {@link GROUP_PARAMETER_BYTES} per group, row by row), and for `static`
 * two float32: the positive scale and the zero point, an integer 0..255.
 */
export const QUANTIZE_ROWS_ARGUMENTS = {
  source: 0,
  codes: 1,
  rows: 2,
  parameters: 3,
  scale: 4,
  zeroPoint: 5,
} as const;

/** Values that share one scale in `group-symmetric` rows and in nibble weights. */
export const GROUP_DEPTH = 32;

/** Bytes of the parameters of one group: a float32 scale, then the int32 number -8 times the sum of the group's codes. */
export const GROUP_PARAMETER_BYTES = 8;
