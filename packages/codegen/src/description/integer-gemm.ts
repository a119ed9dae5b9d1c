import type { Epilogue } from './epilogue.ts';

/** How integer weights are stored: `int8` codes -128..127, or `int4` codes -8..7, two per byte. */
export type IntegerWeights = 'int8' | 'int4';

/** How an integer product is cut; changes the speed and the code, never a bit of the result. */
export interface IntegerGemmBlocking {
  /** Most rows that are computed together in registers; rows are divided into tiles whose heights differ by at most one. */
  readonly tileRows: number;
  /** Vectors of columns that are computed together; also the width of a panel of packed weights. */
  readonly tileVectors: number;
  /** Most rows per pass over a panel: a block of A of this height stays in the second-level cache. */
  readonly rowBlock: number;
}

/**
 * `C = (A - zero point) * B` on uint8 codes A `[rows, depth]` and int8 or int4 codes B `[depth, columns]`, summed exactly in int32; one
 * call per product.
 *
 * A is always a matrix of uint8 codes. What lies in memory for each is what the target multiplies (`IntegerArithmetic`): a uint8, an
 * int8 less by 128 or an int16; the `quantize-rows` kernel writes it. B lies in panels of `packIntegerPanels`, and with it
 * everything that belongs to a column: the start value `-zeroPoint * columnSum`, the scale and the bias.
 *
 * With `f` for rounding to float32, ties to even, a float32 output is
 * `activation(f(f(f(sum) * scale) + bias))`, where `scale` is the column's, or `f(rowScale * columnScale)` with `rowScales`.
 */
export interface IntegerGemmDescription {
  readonly kind: 'integer-gemm';
  /** m, n, k: positive integers. */
  readonly rows: number;
  readonly columns: number;
  /** At most {@link MAX_INTEGER_DEPTH}; with `rowZeroPoints` at most {@link MAX_ROW_ZERO_POINT_DEPTH}. */
  readonly depth: number;
  readonly weights: IntegerWeights;
  /**
   * Codes from one row of A to the next; at least the depth, rounded up to a multiple of 4, and 4 more where `multiply-bytes` keeps a start
   * value there; `defaultCodeRowStride` has room for it. What lies in the padding has no effect.
   */
  readonly aRowStride: number;
  /** Elements from one row of C to the next. */
  readonly cRowStride: number;
  readonly output: 'int32' | 'float32';
  /** Multiplies the scale of each row of A into the result; the row parameters lie in memory. */
  readonly rowScales: boolean;
  /** Subtracts a zero point per row of A, from the row parameters, besides that of the packed weights. */
  readonly rowZeroPoints: boolean;
  /** Nothing but `NO_EPILOGUE` for int32 output. */
  readonly epilogue: Epilogue;
  readonly blocking: IntegerGemmBlocking;
}

/**
 * Fields of the argument block of an integer-gemm kernel: the addresses of A, of the panels, of C and (with row scales or row zero
 * points) of the row parameters, {@link ROW_PARAMETER_BYTES} for each row.
 */
export const INTEGER_GEMM_ARGUMENTS = { a: 0, b: 1, c: 2, rowParameters: 3 } as const;

/**
 * The deepest sum of products of a uint8 code and an int8 code, or 16 times an int4 code, that cannot leave int32:
 * floor((2^31 - 1) / (255 * 128)).
 */
export const MAX_INTEGER_DEPTH = 65793;

/** The deepest product with zero points per row: the sum of a column, divided by 128, must fit int16. */
export const MAX_ROW_ZERO_POINT_DEPTH = 32767;

/**
 * Bytes of the parameters of one row: a float32 scale, then the zero point z (0..255) as the pair of int16 numbers `z` and `128 * z`.
 * The `quantize-rows` kernel writes them; `encodeRowZeroPoint` gives the second word.
 */
export const ROW_PARAMETER_BYTES = 8;
