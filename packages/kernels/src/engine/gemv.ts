import {
  type Activation,
  defaultGemvBlocking,
  GEMM_ARGUMENT_COUNT,
  GEMV_ARGUMENTS,
  type GemvDescription,
} from '@qedge/codegen';
import { type BindingContext, blockFields, type KernelSteps, worthwhileThreads } from './binding.ts';
import { type GemmOptions, gemmSteps } from './gemm.ts';
import { checkMatrix, type MatrixOperand } from './matrix-view.ts';
import {
  bytesOf,
  requireArray,
  requireDisjoint,
  requireFinite,
  requireSize,
  requireVector,
} from './operands.ts';
import { PackedMatrix } from './packed-matrix.ts';
import { divide } from './split-work.ts';

/** `result = activation(alpha * matrix * vector + beta * result + bias)` on float32. */
export interface GemvOptions {
  /** Of the matrix as it is multiplied; 0 is allowed. */
  readonly rows: number;
  readonly columns: number;
  /**
   * `[rows, columns]`, or `[columns, rows]` with `transpose`; or weights that were packed before as `b` of `[columns, rows]`
   * (`k: columns, n: rows`).
   */
  readonly matrix: MatrixOperand | PackedMatrix;
  readonly transpose?: boolean;
  /** `[columns]`. */
  readonly vector: Float32Array;
  /** `[rows]`; must share no bytes with the operands. */
  readonly result: Float32Array;
  /** Default 1. */
  readonly alpha?: number;
  /** Default 0: the old result is not read. */
  readonly beta?: number;
  /** `[rows]`. */
  readonly bias?: Float32Array;
  /** Default `none`. */
  readonly activation?: Activation;
}

/** Checks a product with a vector and plans its kernels. @throws as `KernelWorkspace.gemv`. */
export function gemvSteps(context: BindingContext, options: GemvOptions): KernelSteps {
  const { rows, columns, matrix, transpose = false } = options;
  requireSize('rows', rows);
  requireSize('columns', columns);
  if (matrix instanceof PackedMatrix) return asGemm(context, options, { b: matrix, transposeB: transpose });
  const shape = { batch: 1, rows, columns };
  const { layout } = checkMatrix('matrix', matrix, shape, transpose);
  // Rows that lie together are multiplied as they lie; other matrices are the right operand of a product with one row.
  if (layout.columnStride === 1 && rows * columns > 0) return dotSteps(context, options, layout.rowStride);
  return asGemm(context, options, { b: matrix, transposeB: !transpose });
}

function asGemm(
  context: BindingContext,
  { rows, columns, vector, result, transpose: _transpose, matrix: _matrix, ...rest }: GemvOptions,
  right: Pick<GemmOptions, 'b' | 'transposeB'>,
): KernelSteps {
  return gemmSteps(context, { ...rest, ...right, m: 1, n: rows, k: columns, a: vector, c: result });
}

function dotSteps(context: BindingContext, options: GemvOptions, rowStride: number): KernelSteps {
  const { arena, host } = context;
  const { rows, columns, matrix, transpose, vector, result, bias } = options;
  const { alpha = 1, beta = 0, activation = 'none' } = options;
  requireFinite('alpha', alpha);
  requireFinite('beta', beta);
  const { data, range } = checkMatrix(
    'matrix',
    matrix as MatrixOperand,
    { batch: 1, rows, columns },
    transpose,
  );
  const addresses = {
    matrix: requireArray(arena, 'matrix', 'Float32Array', data),
    vector: requireVector(arena, 'vector', 'Float32Array', vector, columns),
    result: requireVector(arena, 'result', 'Float32Array', result, rows),
    bias: bias === undefined ? 0 : requireVector(arena, 'bias', 'Float32Array', bias, rows),
  };
  const operands = [range, bytesOf('vector', vector), ...(bias === undefined ? [] : [bytesOf('bias', bias)])];
  requireDisjoint(bytesOf('result', result), operands);
  const describe = (count: number): GemvDescription => ({
    kind: 'gemv',
    batch: 1,
    rows: count,
    columns: 1,
    depth: columns,
    a: { rowStride, batchStride: 0 },
    b: { columnStride: columns, batchStride: 0 },
    c: { rowStride: 1, columnStride: 1, batchStride: 0 },
    alpha: alpha === 1 ? 'one' : 'argument',
    beta: beta === 0 ? 'zero' : beta === 1 ? 'one' : 'argument',
    epilogue: { bias: bias !== undefined, activation },
    blocking: defaultGemvBlocking({ rows: count, columns: 1 }, host.traits),
  });
  const parts = divide(rows, worthwhileThreads(context, 2 * rows * columns)).map(({ from, count }) => ({
    description: describe(count),
    fields: blockFields(GEMM_ARGUMENT_COUNT, {
      [GEMV_ARGUMENTS.a]: addresses.matrix + from * rowStride * 4,
      [GEMV_ARGUMENTS.b]: addresses.vector,
      [GEMV_ARGUMENTS.c]: addresses.result + from * 4,
      [GEMV_ARGUMENTS.bias]: addresses.bias + from * 4,
      [GEMV_ARGUMENTS.alpha]: { float32: alpha },
      [GEMV_ARGUMENTS.beta]: { float32: beta },
    }),
  }));
  return [parts];
}
