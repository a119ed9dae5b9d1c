import type { ActivationQuantization, QuantizationParameters } from '@qedge/core';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import type { Tensorflow } from './tensorflow.ts';

/** What the integer product of one layer needs. The tensors must outlive the gradient: make them outside of its function. */
export interface IntegerKernel {
  /** `[inputSize, units]`, whole numbers in float32. */
  readonly codes: Tensor2D;
  /** `[1, units]` */
  readonly scales: Tensor2D;
}

/** Uploads the codes of a layer. The tensors belong to the surrounding `tf.tidy`. */
export function uploadIntegerKernel(
  tf: Tensorflow,
  codes: Int8Array,
  { scales }: QuantizationParameters,
): IntegerKernel {
  const units = scales.length;
  return {
    codes: tf.tensor2d(new Float32Array(codes), [codes.length / units, units]),
    scales: tf.tensor2d(scales, [1, units]),
  };
}

/**
 * `x @ kernel` as integer hardware does it, with straight-through gradients (Bengio et al. 2013, arXiv:1308.3432): rounding
 * passes the gradient on, clipping stops it.
 *
 * Codes and centred activations are whole numbers held in float32 and are multiplied before they are scaled, so every partial
 * sum below 2^24 is exact and the result equals the int32 accumulator of an integer kernel bit for bit, whatever the order.
 *
 * One custom gradient, because letting tfjs differentiate the rounding, clipping and scaling costs about four times a step.
 *
 * @param kernel the real weights `[inputSize, units]`, only to receive the gradient; what is multiplied are their codes.
 * @param inputQuantization scale as float32, as `activationQuantization` gives it.
 * @param needsInputGradient false for the first layer, to save a product.
 */
export function quantizedProduct(
  tf: Tensorflow,
  input: Tensor2D,
  kernel: Tensor2D,
  { codes, scales }: IntegerKernel,
  inputQuantization: ActivationQuantization,
  needsInputGradient: boolean,
): Tensor2D {
  const { scale: inputScale, zeroPoint } = inputQuantization;
  const forward = (x: Tensor2D) => {
    const centred = centredCodes(tf, x, inputQuantization);
    return { centred, value: tf.mul(tf.matMul(centred, codes), tf.mul(scales, inputScale)) };
  };
  const kernelGradient = (gradient: Tensor2D, centred: Tensor2D) =>
    tf.mul(tf.matMul(centred, gradient, true, false), inputScale);
  const inputGradient = (gradient: Tensor2D, x: Tensor2D) => {
    const passed = tf.matMul(tf.mul(gradient, scales), codes, false, true);
    const low = (-0.5 - zeroPoint) * inputScale;
    const high = (255.5 - zeroPoint) * inputScale;
    const inside = tf.logicalAnd(tf.greaterEqual(x, low), tf.lessEqual(x, high));
    return tf.mul(passed, tf.cast(inside, 'float32'));
  };
  // customGrad is typed for tensors and its save function in one list; what arrives is what is passed below, then save.
  type Save = (tensors: Tensor[]) => void;
  if (!needsInputGradient) {
    const product = tf.customGrad((...args) => {
      const { centred, value } = forward(input);
      (args[1] as unknown as Save)([centred]);
      const gradFunc = (gradient: Tensor, saved: Tensor[]) => [
        kernelGradient(gradient as Tensor2D, saved[0] as Tensor2D),
      ];
      return { value, gradFunc };
    });
    return product(kernel) as Tensor2D;
  }
  const product = tf.customGrad((...args) => {
    const x = args[0] as Tensor2D;
    const { centred, value } = forward(x);
    (args[2] as unknown as Save)([x, centred]);
    const gradFunc = (gradient: Tensor, saved: Tensor[]) => [
      inputGradient(gradient as Tensor2D, saved[0] as Tensor2D),
      kernelGradient(gradient as Tensor2D, saved[1] as Tensor2D),
    ];
    return { value, gradFunc };
  });
  return product(input, kernel) as Tensor2D;
}

/** `clamp(roundHalfEven(x / scale) + zeroPoint, 0, 255) - zeroPoint` as whole numbers in float32. */
function centredCodes(tf: Tensorflow, x: Tensor2D, quantization: ActivationQuantization): Tensor2D {
  const { scale, zeroPoint } = quantization;
  return tf.clipByValue(tf.round(tf.div<Tensor2D>(x, scale)), -zeroPoint, 255 - zeroPoint);
}
