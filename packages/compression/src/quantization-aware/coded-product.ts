import type { ActivationQuantization, QuantizationParameters } from '@qedge/core';
import type { Tensor } from '@tensorflow/tfjs';
import { roundHalfEven } from '../quantization/code-range.ts';
import type { ValueRange } from '../quantization/range-coding.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { KernelProduct } from './kernel-product.ts';
import { inMatrix, type KernelGradients, scaleTensor } from './kernel-tensors.ts';
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
  /** Turns the gradient with respect to `codes * scale` into those of kernel and step; null passes it on (straight through). */
  readonly splitGradient: ((gradient: Tensor, kernel: Tensor) => KernelGradients) | null;
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
  const scalesSums = inputQuantization !== null && scales.length <= Math.max(1, outputs);
  const scaled = (tensor: Tensor) => (inputScale === 1 ? tensor : tf.mul(tensor, inputScale));
  const decodedGradient = (gradient: Tensor, left: Tensor) =>
    product.kernelGradient(scaled(gradient), left, kernel.shape);
  const isClipped = inputQuantization !== null && !coversInput(inputQuantization, call.inputRange);
  let stepGradient: Float32Array | null = null;
  const kernelGradient = (gradient: Tensor, left: Tensor, weights: Tensor) => {
    const split = splitGradient!(decodedGradient(gradient, left), weights);
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
      save([left, right, ...(isClipped ? [quotients] : []), ...(splitGradient ? [kernel] : [])]);
      const sums = product.multiply(left, right);
      if (!scalesSums) return scaled(sums);
      return tf.mul(sums, tf.tensor1d(scales.map((scale) => inputScale * scale)));
    },
    gradients: (gradient, [left, right, ...others]) => ({
      input: () => {
        const weighted = scalesSums ? tf.mul(gradient, tf.tensor1d(scales)) : gradient;
        const passed = product.inputGradient(weighted, right!, input.shape);
        return isClipped ? tf.mul(passed, tf.cast(tf.equal(left!, others[0]!), 'float32')) : passed;
      },
      kernel: () => {
        if (!splitGradient) return decodedGradient(gradient, left!);
        return kernelGradient(gradient, left!, others[others.length - 1]!);
      },
      step: () => {
        // Comes after the kernel, unless that is frozen.
        if (stepGradient === null) kernelGradient(gradient, left!, others[others.length - 1]!);
        return tf.tensor(stepGradient!, step!.shape);
      },
    }),
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
