import type { OperatorOf } from '@qedge/core';
import type { KernelSteps } from '../../engine/binding.ts';
import { planNibbleGemm } from '../../engine/nibble-gemm.ts';
import { activationAfter, planActivation } from './fused-activation.ts';
import type { GraphValue } from './graph-values.ts';
import { inputOf, type Lowering } from './lowering.ts';
import { weightedProductSteps } from './weighted-product.ts';

type Operator = OperatorOf<'grouped-matmul'>;

/** Group size of the kernels for nibbles. */
const NIBBLE_GROUP = 32;

/**
 * At float32 and float16 the weights are decoded and the product is exact; at int8 and int4, 4-bit weights in groups of 32 are multiplied as they
 * are with activations that are quantised per group (accuracy level 4 of ONNX Runtime).
 */
export function lowerGroupedMatmul(node: Lowering<'grouped-matmul'>): KernelSteps {
  const { context, operator, outputs, precision } = node;
  const [a, codes, scales] = [inputOf(node, 0), inputOf(node, 1), inputOf(node, 2)];
  const [zeroPoints, bias] = [node.inputs[3] ?? null, node.inputs[4] ?? null];
  const activation = planActivation(operator.activation);
  const [n, k] = [operator.columns, a.shape.at(-1)!];
  const common = { m: a.length / k, n, k, a: a.floats, c: outputs[0]!.floats, activation: activation.fused };
  const after = activationAfter(context, activation, outputs[0]!.floats);
  const name = [codes, scales, zeroPoints].map((value) => value?.name ?? 'nothing').join(' * ');
  const isNarrow = (precision === 'int8' || precision === 'int4') && (bias?.isConstant ?? true);
  if (!isNarrow || operator.bits !== 4 || operator.groupSize !== NIBBLE_GROUP) {
    const weights = { name, load: () => decodeGroups(operator, k, codes, scales, zeroPoints) };
    return [
      ...weightedProductSteps(node, { ...common, weights, transposed: true, alpha: 1, bias }),
      ...after,
    ];
  }
  node.report('int4', null);
  const product = planNibbleGemm(context, {
    ...common,
    weights: {
      name: `${name} + ${bias?.name ?? 'nothing'}`,
      load: () => ({
        nibbles: codes.load() as Uint8Array,
        scales: scales.load() as Float32Array,
        ...(zeroPoints ? { zeroPoints: zeroPoints.load() as Uint8Array } : {}),
      }),
    },
    scaleFormat: 'float32',
    zeroPoints: zeroPoints ? 'given' : 'eight',
    ...(bias ? { bias: bias.load() as Float32Array } : {}),
  });
  return [...product, ...after];
}

/** The weights `[columns, k]` as numbers. */
function decodeGroups(
  { bits, groupSize, columns }: Operator,
  k: number,
  codes: GraphValue,
  scales: GraphValue,
  zeroPoints: GraphValue | null,
): Float32Array {
  const groups = codes.shape[1]!;
  const [bytes, steps, zeros] = [codes.load(), scales.load(), zeroPoints?.load() ?? null];
  const codeAt = (from: ArrayLike<number>, start: number, index: number) => {
    return bits === 8 ? from[start + index]! : (from[start + (index >> 1)]! >> (4 * (index & 1))) & 15;
  };
  const [groupBytes, zeroBytes] = [(groupSize * bits) / 8, Math.ceil((groups * bits) / 8)];
  const weights = new Float32Array(columns * k);
  for (let column = 0; column < columns; column++) {
    for (let i = 0; i < k; i++) {
      const group = Math.floor(i / groupSize);
      const at = column * groups + group;
      const zero = zeros === null ? 2 ** (bits - 1) : codeAt(zeros, column * zeroBytes, group);
      weights[column * k + i] = (codeAt(bytes, at * groupBytes, i % groupSize) - zero) * steps[at]!;
    }
  }
  return weights;
}
