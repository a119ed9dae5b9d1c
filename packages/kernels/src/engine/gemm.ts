import {
  type Activation,
  GEMM_ARGUMENT_COUNT,
  GEMM_ARGUMENTS,
  type GemmDescription,
  type GemmProduct,
  type GemmRightOperand,
  gemmScratchBytes,
  type MatrixLayout,
} from '@qedge/codegen';
import {
  type BindingContext,
  blockFields,
  type KernelPart,
  type KernelSteps,
  worthwhileThreads,
} from './binding.ts';
import { type CheckedMatrix, checkMatrix, type MatrixOperand, requireDistinct } from './matrix-view.ts';
import {
  bytesOf,
  requireArray,
  requireDisjoint,
  requireFinite,
  requireSize,
  requireVector,
} from './operands.ts';
import { PackedMatrix } from './packed-matrix.ts';
import { type ProductPart, splitProduct } from './split-work.ts';

/** What follows a product before its result is stored: `softmax(activation(result + bias))`. */
export interface EpilogueOptions {
  /** `[n]`: added to every row. */
  readonly bias?: Float32Array;
  /** Default `none`. */
  readonly activation?: Activation;
  /** Softmax over each row of the result; default false. */
  readonly softmax?: boolean;
}

/** `c = softmax(activation(alpha * a * b + beta * c + bias))` on float32. */
export interface GemmOptions extends EpilogueOptions {
  /** Rows of a and c, columns of b and c, columns of a and rows of b; 0 is allowed. */
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Products per run; default 1. Plain arrays then hold one matrix after the other. */
  readonly batch?: number;
  /** `[m, k]`, or `[k, m]` with `transposeA`. */
  readonly a: MatrixOperand;
  /** `[k, n]`, or `[n, k]` with `transposeB`; or weights that were packed before, which is faster for small m. */
  readonly b: MatrixOperand | PackedMatrix;
  /** `[m, n]`; must share no bytes with a, b and bias. */
  readonly c: MatrixOperand;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Default 1. */
  readonly alpha?: number;
  /** Default 0: c is overwritten and its old content not read. */
  readonly beta?: number;
}

/** Checks a product and plans its kernels. @throws as `KernelWorkspace.gemm`. */
export function gemmSteps(context: BindingContext, options: GemmOptions): KernelSteps {
  const product = checkGemm(context, options);
  if (product.batch * product.m * product.n === 0) return [];
  return context.arena.reuse(() => [partsOfGemm(context, product)]);
}

/** A product whose operands were checked. */
interface CheckedGemm {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly a: Operand;
  readonly b: Operand | PackedMatrix;
  readonly c: Operand;
  readonly alpha: number;
  readonly beta: number;
  /** Address of the bias; null for none. */
  readonly bias: number | null;
  readonly activation: Activation;
  readonly softmax: boolean;
}

interface Operand {
  readonly address: number;
  readonly layout: MatrixLayout;
}

function checkGemm(context: BindingContext, options: GemmOptions): CheckedGemm {
  const { m, n, k, batch = 1, alpha = 1, beta = 0, activation = 'none', softmax = false } = options;
  requireSize('m', m);
  requireSize('n', n);
  requireSize('k', k);
  requireSize('batch', batch);
  requireFinite('alpha', alpha);
  requireFinite('beta', beta);
  const { arena } = context;
  const operand = ({ data, layout }: CheckedMatrix, name: string): Operand => {
    return { address: requireArray(arena, name, 'Float32Array', data), layout };
  };
  const a = checkMatrix('a', options.a, { batch, rows: m, columns: k }, options.transposeA);
  const c = checkMatrix('c', options.c, { batch, rows: m, columns: n });
  if (batch * m * n > 0) requireDistinct('c', { batch, rows: m, columns: n }, c.layout);
  const ranges = [a.range];
  let b: Operand | PackedMatrix;
  if (options.b instanceof PackedMatrix) {
    options.b.requireShape(arena, { batch, k, n }, options.transposeB ?? false);
    b = options.b;
  } else {
    const right = checkMatrix('b', options.b, { batch, rows: k, columns: n }, options.transposeB);
    ranges.push(right.range);
    b = operand(right, 'b');
  }
  const bias = options.bias ? requireVector(arena, 'bias', 'Float32Array', options.bias, n) : null;
  if (options.bias) ranges.push(bytesOf('bias', options.bias));
  requireDisjoint(c.range, ranges);
  const [left, result] = [operand(a, 'a'), operand(c, 'c')];
  return { batch, m, n, k, a: left, b, c: result, alpha, beta, bias, activation, softmax };
}

function partsOfGemm(context: BindingContext, product: CheckedGemm): KernelPart[] {
  const { batch, m, n, k, softmax } = product;
  if (k === 0) return partsOfGemm(context, withZeroDepth(context, product));
  const whole = describe(product, context);
  const { tileRows, tileVectors } = whole.blocking;
  const { lanes } = context.host.traits;
  const panelColumns = product.b instanceof PackedMatrix ? product.b.panelColumns : tileVectors * lanes;
  const cut = { batch, rows: m, columns: n, tileRows, panelColumns, wholeRows: softmax };
  const threads = worthwhileThreads(context, 2 * batch * m * n * k);
  return splitProduct(cut, threads).map((part) => partOf(context, product, whole, part));
}

/** A product of no depth is a product with zeros: `0 + beta * c`, then the epilogue. */
function withZeroDepth({ arena }: BindingContext, product: CheckedGemm): CheckedGemm {
  const { address } = arena.allocate(Math.max(product.m, product.n) * 4, 'zeros');
  const row = { address, layout: { rowStride: 0, columnStride: 1, batchStride: 0 } };
  const column = { address, layout: { rowStride: 1, columnStride: 0, batchStride: 0 } };
  return { ...product, k: 1, alpha: 1, a: column, b: row };
}

function describe(product: CheckedGemm, { host, tuner }: BindingContext): GemmDescription {
  const { batch, m, n, k, a, b, c, alpha, beta, bias, activation, softmax } = product;
  const right: GemmRightOperand =
    b instanceof PackedMatrix
      ? { packed: true, format: b.format, panelColumns: b.panelColumns, batchBytes: b.batchBytes }
      : { packed: false, ...b.layout };
  const unblocked: GemmProduct = {
    kind: 'gemm',
    batch,
    rows: m,
    columns: n,
    depth: k,
    a: a.layout,
    b: right,
    c: c.layout,
    alpha: alpha === 1 ? 'one' : 'argument',
    beta: beta === 0 ? 'zero' : beta === 1 ? 'one' : 'argument',
    epilogue: { bias: bias !== null, activation, softmax },
  };
  return { ...unblocked, blocking: tuner.gemmBlocking(host, unblocked) };
}

function partOf(
  { host, arena }: BindingContext,
  product: CheckedGemm,
  whole: GemmDescription,
  { batch, rows, columns }: ProductPart,
): KernelPart {
  const description = { ...whole, batch: batch.count, rows: rows.count, columns: columns.count };
  const { a, b, c, bias, alpha, beta } = product;
  const at = ({ address, layout }: Operand, row: number, column: number) => {
    const elements = batch.from * layout.batchStride + row * layout.rowStride + column * layout.columnStride;
    return address + elements * 4;
  };
  const scratchBytes = gemmScratchBytes(description, host.traits);
  const fields = blockFields(GEMM_ARGUMENT_COUNT, {
    [GEMM_ARGUMENTS.a]: at(a, rows.from, 0),
    [GEMM_ARGUMENTS.b]:
      b instanceof PackedMatrix ? b.addressOf(batch.from, columns.from) : at(b, 0, columns.from),
    [GEMM_ARGUMENTS.c]: at(c, rows.from, columns.from),
    [GEMM_ARGUMENTS.scratch]: scratchBytes > 0 ? arena.temporary(scratchBytes, 'scratch memory').address : 0,
    [GEMM_ARGUMENTS.bias]: bias === null ? 0 : bias + columns.from * 4,
    [GEMM_ARGUMENTS.alpha]: { float32: alpha },
    [GEMM_ARGUMENTS.beta]: { float32: beta },
  });
  return { description, fields };
}
