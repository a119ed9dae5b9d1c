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
      /** In panels, as `packGemmPanels` writes them. */
      readonly packed: true;
      /**
       * Columns per panel: a multiple of the target's lanes, and a divisor of `blocking.tileVectors` times the lanes. Tiles may span
       * several panels, so that one packing serves few and many rows.
       */
      readonly panelColumns: number;
      readonly format: 'float32' | 'float16' | 'bfloat16';
      /** Bytes from one packed matrix of a batch to the next; 0 shares one matrix. */
      readonly batchBytes: number;
    };

/** How the product is cut; changes the speed and the code, never the result. */
export interface GemmBlocking {
  /** Most rows that are computed together in registers; rows are divided into tiles whose heights differ by at most one. */
  readonly tileRows: number;
  /** Vectors of columns that are computed together. */
  readonly tileVectors: number;
  /** Most depth per pass: a panel of this depth stays in the first-level cache. */
  readonly depthBlock: number;
  /** Most rows per pass: a block of A of this height stays in the second-level cache. */
  readonly rowBlock: number;
  /** Copies blocks of A next to each other first; else A is read in place, whatever its strides. */
  readonly packA: boolean;
  /**
   * Copies B into panels first; else B is read in place, which needs `columnStride` 1. Ignored for a B that is packed already; a B
   * with another column stride is packed in any case.
   */
  readonly packB: boolean;
}

/**
 * `C = epilogue(alpha * A[rows, depth] * B[depth, columns] + beta * C)` on float32, one call per product or batch of products.
 *
 * Every sum runs over the depth in ascending order in one accumulator, so that a result does not depend on the blocking, the number
 * of rows or the number of threads, and strict arithmetic gives the same bits on every host. Then follow `* alpha`,
 * `+ beta * C` (one multiply-add), `+ bias`, the activation, and softmax.
 */
export interface GemmDescription {
  readonly kind: 'gemm';
  /** Products per call, 1 or more. */
  readonly batch: number;
  /** m, n, k: positive integers. The engine answers products with a size of 0 without a kernel. */
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Strides of A may be 0 (a repeated row or column), never negative. */
  readonly a: MatrixLayout;
  readonly b: GemmRightOperand;
  /** Any strides that give every element its own place. One product's elements must span less than 2^31 bytes, as A's and B's. */
  readonly c: MatrixLayout;
  /** `one`: alpha is 1. `argument`: alpha is a float32 in the argument block. */
  readonly alpha: 'one' | 'argument';
  /** `zero`: C is overwritten and not read. `one`: added to. `argument`: beta is a float32 in the argument block. */
  readonly beta: 'zero' | 'one' | 'argument';
  readonly epilogue: Epilogue;
  readonly blocking: GemmBlocking;
}

/**
 * Fields of the argument block of a gemm kernel; unused ones need no value. `scratch` is `gemmScratchBytes` of memory that the kernel
 * may overwrite, any content; `bias` is `columns` float32.
 */
export const GEMM_ARGUMENTS = { a: 0, b: 1, c: 2, scratch: 3, bias: 4, alpha: 5, beta: 6 } as const;

/** Fields that the argument block of a gemm kernel has. */
export const GEMM_ARGUMENT_COUNT = 7;
