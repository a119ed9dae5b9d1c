import type { KernelSteps } from '../../engine/binding.ts';
import { gemmSteps } from '../../engine/gemm.ts';
import type { MatrixView } from '../../engine/matrix-view.ts';
import { activationAfter, planActivation } from './fused-activation.ts';
import type { GraphValue } from './graph-values.ts';
import { inputOf, type Lowering } from './lowering.ts';
import { weightedProductSteps } from './weighted-product.ts';

/** Products of matrices. Leading axes broadcast; constant weights are packed. */
export function lowerMatmul(node: Lowering<'matmul'>): KernelSteps {
  const { context, operator, outputs } = node;
  const activation = planActivation(operator.activation);
  const [a, b, output] = [inputOf(node, 0), inputOf(node, 1), outputs[0]!];
  const bias = node.inputs[2] ?? null;
  const [m, n] = output.shape.slice(-2) as [number, number];
  const k = operator.transposeA ? a.shape.at(-2)! : a.shape.at(-1)!;
  const isWeighted = b.isConstant && b.length === k * n && !operator.transposeA;
  if (isWeighted && k > 0) {
    const product = weightedProductSteps(node, {
      m: output.length / n,
      ...{ n, k, a: a.floats, weights: b, transposed: operator.transposeB, alpha: operator.alpha, bias },
      activation: activation.fused,
      c: output.floats,
    });
    return [...product, ...activationAfter(context, activation, output.floats)];
  }
  if (node.precision !== 'float32') node.report('float32', 'a product of two values that are computed');
  const epilogue = { ...(bias ? { bias: bias.floats } : {}), activation: activation.fused };
  const steps = batchesOf(a, b, output).flatMap(({ batch, at, strides }) => {
    const view = (value: GraphValue, side: 'a' | 'b' | 'c'): MatrixView => {
      const data = value.floats.subarray(at[side]);
      return { data, rowStride: value.shape.at(-1)!, batchStride: strides[side] };
    };
    const { transposeA, transposeB, alpha } = operator;
    const operands = { a: view(a, 'a'), b: view(b, 'b'), c: view(output, 'c') };
    return gemmSteps(context, { m, n, k, batch, ...operands, transposeA, transposeB, alpha, ...epilogue });
  });
  return [...steps, ...activationAfter(context, activation, output.floats)];
}

type Sides = Readonly<Record<'a' | 'b' | 'c', number>>;

/** Products whose matrices lie at equal distances. */
interface Batch {
  readonly batch: number;
  /** Elements before the first matrix. */
  readonly at: Sides;
  /** Elements from one matrix to the next; 0 where all share one. */
  readonly strides: Sides;
}

/** The leading axes as few batches: neighbouring axes that continue each other become one; the rest is counted out. */
function batchesOf(a: GraphValue, b: GraphValue, output: GraphValue): Batch[] {
  const axes = output.shape.slice(0, -2).map((size, axis) => {
    const fromEnd = output.shape.length - axis;
    const stride = (value: GraphValue) => {
      const own = value.shape[value.shape.length - fromEnd] ?? 1;
      return own === 1 ? 0 : value.shape.slice(value.shape.length - fromEnd + 1).reduce((x, y) => x * y, 1);
    };
    return { size, a: stride(a), b: stride(b), c: stride(output) };
  });
  const merged: typeof axes = [];
  for (const axis of axes.filter(({ size }) => size > 1)) {
    const outer = merged.at(-1);
    const continues =
      outer && (['a', 'b', 'c'] as const).every((side) => outer[side] === axis[side] * axis.size);
    if (continues) merged[merged.length - 1] = { ...axis, size: outer.size * axis.size };
    else merged.push(axis);
  }
  const inner = merged.pop() ?? { size: 1, a: 0, b: 0, c: 0 };
  let starts: Sides[] = [{ a: 0, b: 0, c: 0 }];
  for (const axis of merged) {
    starts = starts.flatMap((at) => {
      return Array.from({ length: axis.size }, (_, index) => ({
        a: at.a + index * axis.a,
        b: at.b + index * axis.b,
        c: at.c + index * axis.c,
      }));
    });
  }
  return starts.map((at) => ({ batch: inner.size, at, strides: inner }));
}
