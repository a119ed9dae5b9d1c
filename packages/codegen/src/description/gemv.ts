import type { Activation } from './epilogue.ts';
import type { GemmDescription, MatrixLayout } from './gemm.ts';

/** How a product of a matrix with few vectors is cut; changes the speed and the code, never the result. */
export interface GemvBlocking {
  /** Most rows that are computed together in registers. */
  readonly tileRows: number;
  /** Most vectors that are multiplied together. */
  readonly tileColumns: number;
}

/**
 * `C = activation(alpha * A[rows, depth] * B[depth, columns] + beta * C + bias)` on float32 for few columns, where the rows of A and
 * the columns of B are contiguous: dot products along the depth.
 *
 * Every sum runs in 16 lanes on every target, element k in lane k modulo 16, k ascending; the lanes are then added in halves: lane
 * i and i + 8, i + 4, i + 2, i + 1. So a result does not depend on the blocking, the number of rows and columns or the number of threads,
 * and strict arithmetic gives the same bits on every host; but they are not those of a `gemm`, which sums in one lane. The error of
 * a sum is at most `(depth / 16 + 5) * 2^-24 * sum |a * b|`, to first order.
 */
export interface GemvDescription {
  readonly kind: 'gemv';
  /** Products per call, 1 or more. */
  readonly batch: number;
  /** Positive integers. */
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Elements from row to row, and from matrix to matrix of a batch; 0 repeats. */
  readonly a: { readonly rowStride: number; readonly batchStride: number };
  /** Elements from column to column, and from matrix to matrix of a batch; 0 repeats. */
  readonly b: { readonly columnStride: number; readonly batchStride: number };
  /** As in {@link GemmDescription}. */
  readonly c: MatrixLayout;
  readonly alpha: GemmDescription['alpha'];
  readonly beta: GemmDescription['beta'];
  /** The bias is a float32 per row. */
  readonly epilogue: { readonly bias: boolean; readonly activation: Activation };
  readonly blocking: GemvBlocking;
}

/** Fields of the argument block of a gemv kernel: those of a gemm kernel. There is no scratch memory. */
export const GEMV_ARGUMENTS = { a: 0, b: 1, c: 2, bias: 4, alpha: 5, beta: 6 } as const;
