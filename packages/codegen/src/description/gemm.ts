import type { Epilogue } from './epilogue.ts';

/** Where the elements of a matrix lie: element `[i, j]` is `i * rowStride + j * columnStride` elements after the first. */
export interface MatrixLayout {
  readonly rowStride: number;
  readonly columnStride: number;
  /** Elements from one matrix of a batch to the next; 0 shares one matrix. */
  readonly batchStride: number;
}

/** How B lies in memory: as a matrix that the kernel packs itself, or already in panels. */
export type GemmRightOperand =
  | ({ readonly packed: false } & MatrixLayout)
  | {
      /** In panels of `blocking.tileVectors` vectors, as the packing of this package writes them. */
      readonly packed: true;
      readonly format: 'float32' | 'float16' | 'bfloat16';
      /** Bytes from one packed matrix of a batch to the next; 0 shares one matrix. */
      readonly batchBytes: number;
    };

/** How the product is cut; changes the speed and the code, never the result. */
export interface GemmBlocking {
  /** Rows that are computed together in registers. */
  readonly tileRows: number;
  /** Vectors of columns that are computed together. */
  readonly tileVectors: number;
  /** Depth per pass: a panel of this depth stays in the first-level cache. */
  readonly depthBlock: number;
  /** Rows per pass: a block of A of this height stays in the second-level cache. */
  readonly rowBlock: number;
  /** Copies blocks of A next to each other first; needed where the elements of a row of A are not neighbours. */
  readonly packA: boolean;
}

/**
 * `C = epilogue(alpha * A[rows, depth] * B[depth, columns] + beta * C)` on float32, one call per product or batch of products.
 *
 * Every sum runs over the depth in ascending order in one accumulator, so that a result does not depend on the blocking, the number
 * of rows or the number of threads, and strict arithmetic gives the same bits on every host.
 */
export interface GemmDescription {
  readonly kind: 'gemm';
  /** Products per call, 1 or more. */
  readonly batch: number;
  /** m, n, k: positive integers. */
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly a: MatrixLayout;
  readonly b: GemmRightOperand;
  readonly c: MatrixLayout;
  /** `one`: alpha is 1. `argument`: alpha is a float32 in the argument block. */
  readonly alpha: 'one' | 'argument';
  /** `zero`: C is overwritten and not read. `one`: added to. `argument`: beta is a float32 in the argument block. */
  readonly beta: 'zero' | 'one' | 'argument';
  readonly epilogue: Epilogue;
  readonly blocking: GemmBlocking;
}

/** Fields of the argument block of a gemm kernel; unused ones need no value. */
export const GEMM_ARGUMENTS = { a: 0, b: 1, c: 2, scratch: 3, bias: 4, alpha: 5, beta: 6 } as const;
