import {
  type Activation,
  type GemmPanelShape,
  gemmPanelBytes,
  gemmPanelColumns,
  packGemmPanels,
} from '@qedge/codegen';
import type { TensorInfo } from '@tensorflow/tfjs';
import { areFloats, type KernelInputs, type KernelMaker } from './accelerated-kernel.ts';
import type { KernelRunner, Operand } from './kernel-runner.ts';
import type { Program, ProgramPlan, WeightPacking } from './program.ts';
import { ProgramBuilder, placeMatrix } from './program-builder.ts';
import { operandAt } from './scratch-layout.ts';
import { WeightCache } from './weight-cache.ts';

const FUSED: Readonly<Record<string, Activation>> = {
  linear: 'none',
  relu: 'relu',
  relu6: 'relu6',
  sigmoid: 'sigmoid',
};

/** The activation that a kernel of tfjs has fused; undefined for one that the stock kernel is to compute. */
export function fusedActivation(attrs: Readonly<Record<string, unknown>>): Activation | undefined {
  return FUSED[(attrs.activation as string | undefined) ?? 'linear'];
}

/** `BatchMatMul` and `_FusedMatMul`: products with any transpositions, one operand shared among a batch or not. */
export const makeMatrixProducts: KernelMaker = (runner) => {
  const cache = new WeightCache(runner);
  return [
    {
      name: 'BatchMatMul',
      serve: (call) => multiply(runner, cache, call, 'none'),
      trials: [
        ...[false, true].flatMap((transposeA) =>
          [false, true].map((transposeB) => ({
            inputs: { a: transposeA ? [17, 5] : [5, 17], b: transposeB ? [9, 17] : [17, 9] },
            attrs: { transposeA, transposeB },
          })),
        ),
        { inputs: { a: [3, 4, 6], b: [1, 6, 7] }, attrs: { transposeA: false, transposeB: false } },
      ],
    },
    {
      name: '_FusedMatMul',
      serve: (call) => {
        const activation = fusedActivation(call.attrs);
        return activation === undefined ? null : multiply(runner, cache, call, activation);
      },
      trials: ['linear', 'relu', 'sigmoid'].map((activation) => ({
        inputs: { a: [4, 11], b: [11, 33], bias: [33] },
        attrs: { transposeA: false, transposeB: false, activation },
      })),
    },
  ];
};

interface ProductShape {
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** One matrix serves the whole batch. */
  readonly sharedA: boolean;
  readonly sharedB: boolean;
  readonly bias: boolean;
  readonly activation: Activation;
}

/** Larger matrices are rarely weights, and packing them for good would hold too much memory. */
const MOST_PACKED = 2 ** 24;

function multiply(
  runner: KernelRunner,
  cache: WeightCache,
  { inputs, attrs }: KernelInputs,
  activation: Activation,
): TensorInfo | null {
  const [a, b, bias] = [inputs.a!, inputs.b!, inputs.bias];
  if (!areFloats(a, b, bias)) return null;
  const shape = shapeOf(a, b, bias, attrs.transposeA === true, attrs.transposeB === true, activation);
  if (shape === null) return null;
  const { batch, m, n, k } = shape;
  const flags =
    (shape.transposeA ? 1 : 0) +
    (shape.transposeB ? 2 : 0) +
    (shape.sharedA ? 4 : 0) +
    (shape.sharedB ? 8 : 0) +
    (bias ? 16 : 0);
  const key = `product ${batch} ${m} ${n} ${k} ${flags} ${activation}`;
  let program: Program | null = null;
  let right: Operand = b;
  if (batch === 1 && m > 1 && n * k <= MOST_PACKED && cache.isReused(b, packingKey(shape))) {
    program = runner.program(`packed ${key}`, () => planMultiply(runner, shape, packingOf(runner, shape)));
    if (program !== null) right = cache.find(program.packing!, b, undefined);
  }
  program ??= runner.program(key, () => planMultiply(runner, shape, null));
  if (program === null) return null;
  const output = runner.output([...outerShape(a, b), rowsOf(a, attrs.transposeA === true), n]);
  runner.run(program, bias ? [a, right, output, bias] : [a, right, output]);
  return output;
}

function rowsOf({ shape }: TensorInfo, transposed: boolean): number {
  return shape[shape.length - (transposed ? 1 : 2)]!;
}

/** The axes before the last two; those of the operand that has more of them, or more in them. */
function outerShape(a: TensorInfo, b: TensorInfo): number[] {
  const [ranks, counts] = [a.shape.length - b.shape.length, outerCount(a.shape) - outerCount(b.shape)];
  return (ranks > 0 || (ranks === 0 && counts >= 0) ? a : b).shape.slice(0, -2);
}

function shapeOf(
  a: TensorInfo,
  b: TensorInfo,
  bias: TensorInfo | undefined,
  transposeA: boolean,
  transposeB: boolean,
  activation: Activation,
): ProductShape | null {
  const rankA = a.shape.length;
  const rankB = b.shape.length;
  if (rankA < 2 || rankB < 2) return null;
  const m = rowsOf(a, transposeA);
  const k = a.shape[rankA - (transposeA ? 2 : 1)]!;
  const n = b.shape[rankB - (transposeB ? 2 : 1)]!;
  if (b.shape[rankB - (transposeB ? 1 : 2)] !== k) return null;
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== n)) return null;
  const batchA = outerCount(a.shape);
  const batchB = outerCount(b.shape);
  const isPlain = batchA === batchB ? sameOuter(a, b) : batchA === 1 || batchB === 1;
  if (!isPlain) return null;
  // Rows of one matrix after the other.
  const isOne = batchB === 1 && !transposeA;
  const batch = isOne ? 1 : Math.max(batchA, batchB);
  return {
    batch,
    m: isOne ? batchA * m : m,
    n,
    k,
    transposeA,
    transposeB,
    sharedA: !isOne && batchA < batch,
    sharedB: batchB < batch,
    bias: bias !== undefined,
    activation,
  };
}

/** Matrices of a tensor: the product of the axes before the last two. */
function outerCount(shape: readonly number[]): number {
  let count = 1;
  for (let axis = 0; axis < shape.length - 2; axis++) count *= shape[axis]!;
  return count;
}

function sameOuter(a: TensorInfo, b: TensorInfo): boolean {
  const [left, right] = [a.shape, b.shape];
  if (left.length !== right.length) return outerCount(left) === 1;
  for (let axis = 0; axis < left.length - 2; axis++) if (left[axis] !== right[axis]) return false;
  return true;
}

function packingKey({ n, k, transposeB }: ProductShape): string {
  return `product ${n} ${k} ${transposeB}`;
}

/** Panels that serve the product whatever the number of its rows. */
function packingOf({ host }: KernelRunner, shape: ProductShape): PanelPacking {
  const { n, k, transposeB } = shape;
  const panelColumns = gemmPanelColumns(host.traits, n);
  const panels: GemmPanelShape = { depth: k, columns: n, panelColumns, format: 'float32' };
  const [rowStride, columnStride] = transposeB ? [1, k] : [n, 1];
  return {
    key: packingKey(shape),
    panelColumns,
    byteLength: gemmPanelBytes(panels),
    pack: (values, _bias, target) => packGemmPanels(panels, { values, rowStride, columnStride }, target),
  };
}

interface PanelPacking extends WeightPacking {
  readonly panelColumns: number;
}

function planMultiply(runner: KernelRunner, shape: ProductShape, packing: PanelPacking | null): ProgramPlan {
  const { batch, m, n, k, transposeA, transposeB, sharedA, sharedB, bias, activation } = shape;
  return new ProgramBuilder(runner)
    .product({
      batch,
      m,
      n,
      k,
      a: placeMatrix(operandAt(0), m, k, transposeA, sharedA),
      b:
        packing === null
          ? placeMatrix(operandAt(1), k, n, transposeB, sharedB)
          : { at: operandAt(1), panelColumns: packing.panelColumns },
      c: placeMatrix(operandAt(2), m, n),
      bias: bias ? operandAt(3) : null,
      activation,
    })
    .plan(packing);
}
