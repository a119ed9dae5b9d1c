import type { QuantizationParameters } from '@qedge/core';
import type { Tensor } from '@tensorflow/tfjs';
import { codeRange } from '../quantization/code-range.ts';
import { codeRanges } from '../quantization/range-coding.ts';
import { scaleLayout } from '../quantization/scale-layout.ts';
import { viewTensor } from '../tfjs/tensor-view.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { kernelGranularity, kernelParameters, matrixShape } from './kernel-codes.ts';
import { stepGradient, sumCodesByOutput, sumPerScale } from './kernel-step.ts';
import type { KernelQuantization } from './layer-quantization.ts';

/**
 * The parameters that `kernelParameters` gives for a kernel that is a tensor, in less time where only its largest magnitudes are needed.
 */
export function tensorParameters(
  tf: Tensorflow,
  kernel: Tensor,
  outputs: number,
  settings: KernelQuantization,
  step: Float32Array | null,
): QuantizationParameters {
  const { bits, granularity } = settings;
  if (step || bits === 1 || typeof granularity === 'object') {
    return kernelParameters(step ? EMPTY : viewTensor(tf, kernel), outputs, settings, step);
  }
  const magnitudes = largestMagnitudes(viewTensor(tf, kernel), outputs);
  const largest = granularity === 'channel' ? magnitudes : [magnitudes.reduce((a, b) => Math.max(a, b), 0)];
  const ranges = Array.from(largest, (magnitude) => ({ min: -magnitude, max: magnitude }));
  return codeRanges(ranges, { bits, symmetric: true }, kernelGranularity(settings));
}

const COLUMNS_AT_ONCE = 4;

/** Of each column of a matrix `[rows, outputs]`; NaN where one is. Four columns at a time, whose maxima stay in registers. */
function largestMagnitudes(values: Float32Array, outputs: number): Float32Array {
  const largest = new Float32Array(outputs);
  let column = 0;
  for (; column + COLUMNS_AT_ONCE <= outputs; column += COLUMNS_AT_ONCE) {
    let [max0, max1, max2, max3] = [0, 0, 0, 0];
    for (let i = column; i < values.length; i += outputs) {
      max0 = Math.max(max0, Math.abs(values[i]!));
      max1 = Math.max(max1, Math.abs(values[i + 1]!));
      max2 = Math.max(max2, Math.abs(values[i + 2]!));
      max3 = Math.max(max3, Math.abs(values[i + 3]!));
    }
    largest.set([max0, max1, max2, max3], column);
  }
  for (; column < outputs; column++) {
    let max = 0;
    for (let i = column; i < values.length; i += outputs) max = Math.max(max, Math.abs(values[i]!));
    largest[column] = max;
  }
  return largest;
}

const EMPTY = new Float32Array(0);

/**
 * The codes that `kernelCodes` gives, as whole numbers in float32 of the kernel's shape. The quotients are those of float32 where the backend divides
 * as IEEE 754 says: wasm, cpu and tensorflow do.
 *
 * @param isCovered true where the scales come from the largest magnitudes of this kernel, so that nothing is clipped.
 */
export function tensorCodes(
  tf: Tensorflow,
  kernel: Tensor,
  outputs: number,
  quantization: QuantizationParameters,
  { keepSurvivors, isCovered }: { readonly keepSurvivors: boolean; readonly isCovered: boolean },
): Tensor {
  const { bits } = quantization;
  if (bits === 1) return tf.add(tf.mul(tf.cast(tf.greaterEqual(kernel, 0), 'float32'), 2), -1);
  const { high } = codeRange(bits, true);
  // Every survivor is 1 or -1, whatever the scale.
  if (keepSurvivors && high === 1) return signs(tf, kernel);
  return inMatrix(tf, kernel, outputs, (matrix) => {
    const rounded = tf.round(tf.div(matrix, scaleTensor(tf, matrix.shape as [number, number], quantization)));
    const codes = isCovered ? rounded : tf.clipByValue(rounded, -high, high);
    if (!keepSurvivors) return codes;
    // Adds the sign where the code is 0, and 0 elsewhere.
    return tf.add(codes, tf.sub(signs(tf, matrix), tf.clipByValue(codes, -1, 1)));
  });
}

/**
 * The signs of numbers, of the smallest ones too, which grow beyond 1 here. `tf.sign` of the wasm backend takes numbers below 1e-7 for 0, and ten times
 * longer.
 */
function signs(tf: Tensorflow, tensor: Tensor): Tensor {
  return tf.clipByValue(tf.mul(tf.mul(tensor, 2 ** 100), 2 ** 100), -1, 1);
}

/** What reaches the weights behind the codes. */
export interface KernelGradients {
  readonly kernel: Tensor;
  /** One number per scale. */
  readonly step: Float32Array;
}

/** What the gradients of a kernel and of its step come from. */
export interface DecodedGradients {
  readonly kernel: Tensor;
  readonly outputs: number;
  readonly quantization: QuantizationParameters;
  /** With respect to `codes * scale`. */
  readonly gradient: Tensor;
  /** Of the product with `codes * scale`. */
  readonly product: { readonly output: Tensor; readonly gradient: Tensor };
  /** `codes * scale`, where scales are shared by groups; else null. */
  readonly decoded: Tensor | null;
}

/**
 * Turns the gradient with respect to `codes * scale` into those of the kernel and of its learned step, see {@link stepGradient}. A weight of
 * the largest code or more is clipped before it would be rounded and gets no gradient, others get all of it: Esser et al. 2020, eq. 5.
 */
export function splitTensorGradient(
  tf: Tensorflow,
  gradients: DecodedGradients,
  { keepSurvivors, step }: KernelQuantization,
): KernelGradients {
  const { kernel, outputs, quantization, gradient, product, decoded } = gradients;
  const { high } = codeRange(quantization.bits, true);
  const [view, sum] = [
    (tensor: Tensor) => viewTensor(tf, tensor),
    (tensor: Tensor) => sumTensorPerScale(tf, tensor, outputs, quantization),
  ];
  const codes = decoded
    ? sum(tf.mul(decoded, gradient)).map((total, index) => total / quantization.scales[index]!)
    : sumCodesByOutput(view(product.output), view(product.gradient), outputs, quantization.scales);
  const passed = quantization.bits === 1 ? gradient : dropClipped(tf, gradients, high);
  const hasSigns = quantization.bits === 1 || (keepSurvivors && high === 1);
  const weights = hasSigns ? null : sum(tf.mul(passed, kernel));
  return {
    kernel: passed,
    step: stepGradient({ codes, weights }, kernel.size, outputs, quantization, { step }),
  };
}

/** The gradient where weights are less than the largest code, and 0 elsewhere. */
function dropClipped(
  tf: Tensorflow,
  { kernel, outputs, quantization, gradient }: DecodedGradients,
  high: number,
): Tensor {
  const limits = { ...quantization, scales: quantization.scales.map((scale) => scale * high) };
  const isPassed = inMatrix(tf, kernel, outputs, (matrix) =>
    tf.step(tf.sub(scaleTensor(tf, matrix.shape as [number, number], limits), tf.abs(matrix))),
  );
  return tf.mul(gradient, isPassed);
}

function sumTensorPerScale(
  tf: Tensorflow,
  tensor: Tensor,
  outputs: number,
  quantization: QuantizationParameters,
): Float64Array {
  const { scales } = quantization;
  if (scales.length > Math.max(1, outputs)) return sumPerScale(viewTensor(tf, tensor), outputs, quantization);
  const channels = tf.sum(tf.reshape(tensor, matrixShape(tensor.size, outputs)), 0).dataSync<'float32'>();
  return scales.length === 1
    ? Float64Array.of(channels.reduce((all, sum) => all + sum, 0))
    : Float64Array.from(channels);
}

/** Works on a kernel as a matrix `[rows, outputs]`. */
export function inMatrix(
  tf: Tensorflow,
  kernel: Tensor,
  outputs: number,
  work: (matrix: Tensor) => Tensor,
): Tensor {
  if (kernel.rank === 2) return work(kernel);
  return tf.reshape(work(tf.reshape(kernel, matrixShape(kernel.size, outputs))), kernel.shape);
}

/** Scales in a shape that broadcasts with the kernel `[rows, outputs]`. */
export function scaleTensor(
  tf: Tensorflow,
  shape: [number, number],
  { scales, axis, groupSize }: QuantizationParameters,
): Tensor {
  if (groupSize === undefined || scales.length <= shape[1]) return tf.tensor1d(scales);
  const layout = scaleLayout(shape[0] * shape[1], shape, { axis, groupSize });
  const expanded = new Float32Array(shape[0] * shape[1]);
  for (let row = 0; row < shape[0]; row++) {
    const first = Math.floor(row / layout.groupSize) * shape[1];
    expanded.set(scales.subarray(first, first + shape[1]), row * shape[1]);
  }
  return tf.tensor2d(expanded, shape);
}
