import type { ActivationQuantization, QuantizationParameters } from '@qedge/core';
import type { Tensor } from '@tensorflow/tfjs';
import { roundHalfEven } from '../quantization/code-range.ts';
import type { ValueRange } from '../quantization/range-coding.ts';
import { editTensor, viewTensor } from '../tfjs/tensor-view.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { KernelProduct } from './kernel-product.ts';
import { type DecodedGradients, inMatrix, type KernelGradients, scaleTensor } from './kernel-tensors.ts';
import { withLazyGradient } from './lazy-gradient.ts';

/** One product of a layer with codes. */
export interface CodedCall {
  readonly product: KernelProduct;
  readonly input: Tensor;
  /** How inputs are coded; null leaves them float32. */
  readonly inputQuantization: ActivationQuantization | null;
  /** The smallest and largest input where they are known: inputs that all have codes need no clipping. */
  readonly inputRange: ValueRange | null;
  /** The real weights, which receive the gradient; only their shape is used. */
  readonly kernel: Tensor;
  readonly outputs: number;
  /** Makes the codes of the kernel less their zero points, whole numbers in float32. */
  readonly makeCodes: () => Tensor;
  readonly quantization: QuantizationParameters;
  /** The weight for the step, which receives a gradient too; null for none. */
  readonly step: Tensor | null;
  /** Makes the gradients of kernel and step; null passes that with respect to `codes * scale` on to the kernel (straight through). */
  readonly splitGradient: ((gradients: DecodedGradients) => KernelGradients) | null;
}

/**
 * `input * kernel` as integer hardware computes it, with straight-through gradients (Bengio et al. 2013, arXiv:1308.3432): rounding passes the
 * gradient on, clipping of inputs stops it.
 *
 * With coded inputs and scales per tensor or channel, whole numbers held in float32 are multiplied and their sums scaled afterwards by
 * `fround(inputScale * scale)`. Every partial sum below 2^24 is exact, so that the result equals that of int32 accumulators bit for bit,
 * whatever the order. Otherwise (float32 inputs, or scales per group) the decoded kernel is multiplied.
 *
 * One gradient function per layer: letting tfjs differentiate rounding, clipping and scaling costs four times a step.
 */
export function codedProduct(tf: Tensorflow, call: CodedCall): Tensor {
  const { product, input, inputQuantization, kernel, outputs, quantization, step, splitGradient } = call;
  const { scales } = quantization;
  const inputScale = inputQuantization ? Math.fround(inputQuantization.scale) : 1;
  const isPerOutput = scales.length <= Math.max(1, outputs);
  const scalesSums = inputQuantization !== null && isPerOutput;
  const scaled = (tensor: Tensor) => (inputScale === 1 ? tensor : tf.mul(tensor, inputScale));
  const isClipped = inputQuantization !== null && !coversInput(inputQuantization, call.inputRange);
  let stepGradient: Float32Array | null = null;
  const kernelGradient = (gradient: Tensor, { left, right, output, weights }: SavedTensors) => {
    const decodedGradient = product.kernelGradient(scaled(gradient), left, kernel.shape);
    if (!splitGradient) return decodedGradient;
    const split = splitGradient({
      kernel: weights!,
      outputs,
      quantization,
      gradient: decodedGradient,
      product: { output: output!, gradient },
      decoded: isPerOutput ? null : right,
    });
    stepGradient = split.step;
    return split.kernel;
  };
  return withLazyGradient(tf, {
    inputs: step ? { input, kernel, step } : { input, kernel },
    forward: (save) => {
      const quotients = inputQuantization ? inputCodes(tf, input, inputQuantization) : input;
      const left = inputQuantization && isClipped ? clipInput(tf, quotients, inputQuantization) : quotients;
      const codes = call.makeCodes();
      const right = scalesSums ? codes : decode(tf, codes, outputs, quantization);
      const sums = product.multiply(left, right);
      const output = scalesSums
        ? tf.mul(sums, tf.tensor1d(scales.map((scale) => inputScale * scale)))
        : scaled(sums);
      save([left, right, quotients, ...(splitGradient ? [output, kernel] : [])]);
      return output;
    },
    gradients: (gradient, [left, right, quotients, output, weights]) => {
      const saved = { left: left!, right: right!, output, weights };
      return {
        input: () => {
          const weighted = scalesSums ? tf.mul(gradient, tf.tensor1d(scales)) : gradient;
          const passed = product.inputGradient(weighted, right!, input.shape);
          return isClipped ? stopClipped(tf, passed, left!, quotients!) : passed;
        },
        kernel: () => kernelGradient(gradient, saved),
        step: () => {
          // Comes after the kernel, unless that is frozen.
          if (stepGradient === null) kernelGradient(gradient, saved);
          return tf.tensor(stepGradient!, step!.shape);
        },
      };
    },
  });
}

/** What {@link codedProduct} keeps for its gradients. */
interface SavedTensors {
  /** What was multiplied. */
  readonly left: Tensor;
  readonly right: Tensor;
  /** Where a step is learned: the product and the real weights. */
  readonly output: Tensor | undefined;
  readonly weights: Tensor | undefined;
}

/** The gradient without that of inputs whose code was clipped. @param gradient nobody else's. */
function stopClipped(tf: Tensorflow, gradient: Tensor, codes: Tensor, quotients: Tensor): Tensor {
  return editTensor(tf, gradient, (slopes) => {
    const [clipped, unclipped] = [viewTensor(tf, codes), viewTensor(tf, quotients)];
    for (let i = 0; i < slopes.length; i++) if (clipped[i] !== unclipped[i]) slopes[i] = 0;
  });
}

/** `roundHalfEven(fround(x / scale))`. */
function inputCodes(tf: Tensorflow, x: Tensor, { scale }: ActivationQuantization): Tensor {
  return tf.round(tf.div(x, scale));
}

/** Codes of 8 bits less their zero point. */
function clipInput(tf: Tensorflow, codes: Tensor, { zeroPoint }: ActivationQuantization): Tensor {
  return tf.clipByValue(codes, -zeroPoint, 255 - zeroPoint);
}

/** Whether no input is clipped. */
function coversInput({ scale, zeroPoint }: ActivationQuantization, range: ValueRange | null): boolean {
  if (range === null) return false;
  const code = (value: number) => roundHalfEven(Math.fround(value / Math.fround(scale))) + zeroPoint;
  return code(range.min) >= 0 && code(range.max) <= 255;
}

function decode(
  tf: Tensorflow,
  codes: Tensor,
  outputs: number,
  quantization: QuantizationParameters,
): Tensor {
  return inMatrix(tf, codes, outputs, (matrix) =>
    tf.mul(matrix, scaleTensor(tf, matrix.shape as [number, number], quantization)),
  );
}
