import { elementCount, type Shape } from '@qedge/core';
import type { KernelSteps } from '../../engine/binding.ts';
import { copySteps } from '../../engine/copy.ts';
import { convertSteps } from '../../engine/element-kernels.ts';
import type { GraphValue } from './graph-values.ts';
import { inputOf, type Lowering } from './lowering.ts';

/** One scale and zero point that are known, as kernels want them; null for others. */
function knownParameters(scale: GraphValue, zeroPoint: GraphValue | null) {
  if (!scale.isConstant || scale.length !== 1 || (zeroPoint !== null && !zeroPoint.isConstant)) return null;
  const [step, zero] = [scale.load()[0]!, zeroPoint?.load()[0] ?? 0];
  return step > 0 && Number.isFinite(step) ? { scale: step, zeroPoint: zero } : null;
}

/** Elements that share a scale follow each other `inner` times, and there are `count` scales. */
function scalesAlong(shape: Shape, axis: number | null): { readonly inner: number; readonly count: number } {
  if (axis === null) return { inner: 1, count: 1 };
  return { inner: elementCount(shape.slice(axis + 1)), count: shape[axis]! };
}

/** Numbers to codes: a kernel for one known scale, else plain loops between the kernels. */
export function lowerQuantize(node: Lowering<'quantize'>): KernelSteps {
  const { context, operator, inputs } = node;
  const [x, scale, output] = [inputOf(node, 0), inputOf(node, 1), node.outputs[0]!];
  const zeroPoint = inputs[2] ?? null;
  const known = operator.axis === null ? knownParameters(scale, zeroPoint) : null;
  if (known !== null) {
    const to = output.dtype as 'int8' | 'uint8';
    return convertSteps(context, { from: 'float32', to, input: x.floats, output: output.data, ...known });
  }
  const { inner, count } = scalesAlong(x.shape, operator.axis);
  const [numbers, scales, zeros, codes] = [x.floats, scale.floats, zeroPoint?.data ?? null, output.data];
  const [low, high] = operator.dtype === 'int8' ? [-128, 127] : [0, 255];
  node.callBefore(() => quantizeAlong(numbers, scales, zeros, codes, inner, count, low, high));
  return [];
}

function quantizeAlong(
  numbers: Float32Array,
  scales: Float32Array,
  zeros: GraphValue['data'] | null,
  codes: GraphValue['data'],
  inner: number,
  count: number,
  low: number,
  high: number,
): void {
  for (let i = 0; i < codes.length; i++) {
    const at = Math.floor(i / inner) % count;
    const quotient = Math.fround(numbers[i]! / scales[at]!);
    const floor = Math.floor(quotient);
    const rest = quotient - floor;
    const up = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
    const rounded = up ? floor + 1 : floor;
    const zero = zeros === null ? 0 : zeros[at]!;
    codes[i] = Math.min(Math.max((Number.isNaN(rounded) ? 0 : rounded) + zero, low), high);
  }
}

/** Codes to numbers: a kernel for one known scale of bytes, else plain loops between the kernels. */
export function lowerDequantize(node: Lowering<'dequantize'>): KernelSteps {
  const { context, operator, inputs } = node;
  const [codes, scale, output] = [inputOf(node, 0), inputOf(node, 1), node.outputs[0]!];
  const zeroPoint = inputs[2] ?? null;
  const known = operator.axis === null ? knownParameters(scale, zeroPoint) : null;
  if (known !== null && codes.dtype !== 'int32') {
    const from = codes.dtype as 'int8' | 'uint8';
    return convertSteps(context, { from, to: 'float32', input: codes.data, output: output.floats, ...known });
  }
  const { inner, count } = scalesAlong(codes.shape, operator.axis);
  const [from, scales, zeros, to] = [codes.data, scale.floats, zeroPoint?.data ?? null, output.floats];
  node.callBefore(() => {
    for (let i = 0; i < to.length; i++) {
      const at = Math.floor(i / inner) % count;
      to[i] = (from[i]! - (zeros === null ? 0 : zeros[at]!)) * scales[at]!;
    }
  });
  return [];
}

/** Numbers of another dtype: a kernel widens bytes, the rest is copied by JavaScript. */
export function lowerCast(node: Lowering<'cast'>): KernelSteps {
  const { context } = node;
  const [input, output] = [inputOf(node, 0), node.outputs[0]!];
  if (input.dtype === output.dtype) {
    if (input.data.byteOffset === output.data.byteOffset) return [];
    const sizes = [input.length];
    return copySteps(context, { sizes, input: { data: input.data }, output: { data: output.data } });
  }
  if ((input.dtype === 'int8' || input.dtype === 'uint8') && output.dtype === 'float32') {
    return convertSteps(context, {
      from: input.dtype,
      to: 'float32',
      input: input.data,
      output: output.data,
    });
  }
  const [from, to] = [input.data, output.data];
  // Not `to.set(from)`, which copies the source first: both lie in one buffer.
  node.callBefore(() => {
    for (let i = 0; i < to.length; i++) to[i] = from[i]!;
  });
  return [];
}
