import type { Epilogue } from './epilogue.ts';

/** How a product with nibble weights is cut; changes the speed and the code, never a bit of the result. */
export interface NibbleGemmBlocking {
  /** Rows that are computed together in registers. */
  readonly tileRows: number;
  /** Vectors of columns that are computed together; also the width of a panel of packed weights. */
  readonly tileVectors: number;
}

/**
 * `C = epilogue(A * B)` with 4-bit weights in groups of 32 along the depth, the layout of ONNX Runtime's `MatMulNBits`, and with A
 * quantised to int8 per row and group (`quantize-rows` in mode `group-symmetric`), which is what ONNX Runtime calls accuracy level 4.
 *
 * With `f` for rounding to float32, over the groups g in ascending order in one accumulator:
 * `sum += f(integers) * f(rowScale[g] * weightScale[column, g])`, where `integers` is the exact sum of
 * `code * (nibble - zeroPoint)` over the group. The multiply-add rounds as `TargetTraits.fmaRounding` says.
 */
export interface NibbleGemmDescription {
  readonly kind: 'nibble-gemm';
  /** m, n, k: positive integers. k need not be a multiple of 32; the last group is padded. */
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Codes from one row of A to the next; at least the depth, rounded up to a multiple of 32. */
  readonly aRowStride: number;
  /** Elements from one row of C to the next. */
  readonly cRowStride: number;
  /** How the scales of the weights are stored. */
  readonly scales: 'float32' | 'float16';
  /** `eight`: every zero point is 8. `given`: 0..15 for each column and group. */
  readonly zeroPoints: 'eight' | 'given';
  readonly epilogue: Epilogue;
  readonly blocking: NibbleGemmBlocking;
}

/**
 * Fields of the argument block of a nibble-gemm kernel: the addresses of the codes of A, of the panels (`packNibblePanels`), of C, and of
 * the group parameters, `GROUP_PARAMETER_BYTES` for each group of each row.
 */
export const NIBBLE_GEMM_ARGUMENTS = { a: 0, b: 1, c: 2, groupParameters: 3 } as const;
