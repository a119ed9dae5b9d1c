import type { ActivationQuantization } from '@qedge/core';
import type { Tensor } from '@tensorflow/tfjs';
import { centreActivations, unclippedActivations } from '../quantization/activation-codes.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { decodeKernel, type KernelCodes } from './kernel-codes.ts';
import type { KernelProduct } from './kernel-product.ts';
import type { KernelGradients } from './kernel-step.ts';
import { withLazyGradient } from './lazy-gradient.ts';

/** One product of a layer with codes. */
export interface CodedCall {
  readonly product: KernelProduct;
  readonly input: Tensor;
  /** How inputs are coded; null leaves them float32. */
  readonly inputQuantization: ActivationQuantization | null;
  /** The input's numbers where they were read already. */
  readonly inputValues: Float32Array | null;
  /** The real weights; only their shape is used, and they receive the gradient. */
  readonly kernel: Tensor;
  readonly codes: KernelCodes;
  /** The weight for the step, which receives a gradient too; null for none. */
  readonly step: Tensor | null;
  /** Turns the gradient with respect to `codes * scale` into those of kernel and step; null passes it on (straight through). */
  readonly splitGradient: ((gradient: Float32Array) => KernelGradients) | null;
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
  const { product, input, inputQuantization, kernel, codes, step, splitGradient } = call;
  const inputScale = inputQuantization ? Math.fround(inputQuantization.scale) : 1;
  const factors = outputFactors(codes, inputQuantization !== null);
  let split: KernelGradients | null = null;
  // What stops gradients, if anything does.
  let clippedInput: { readonly values: Float32Array; readonly coding: ActivationQuantization } | null = null;
  const decodedGradient = (gradient: Tensor, left: Tensor) =>
    product.kernelGradient(inputScale === 1 ? gradient : tf.mul(gradient, inputScale), left, kernel.shape);
  const splitOnce = (gradient: Tensor, left: Tensor) => {
    split ??= splitGradient!(decodedGradient(gradient, left).dataSync<'float32'>());
    return split;
  };
  return withLazyGradient(tf, {
    inputs: step ? { input, kernel, step } : { input, kernel },
    forward: (save) => {
      let left = input;
      if (inputQuantization) {
        const values = call.inputValues ?? input.dataSync<'float32'>();
        const centred = new Float32Array(values.length);
        const clipped = centreActivations(values, inputQuantization, centred);
        if (clipped > 0) clippedInput = { values, coding: inputQuantization };
        left = tf.tensor(centred, input.shape);
      }
      const right = tf.tensor(factors ? codes.codes : decodeKernel(codes), kernel.shape);
      save([left, right]);
      const sums = product.multiply(left, right);
      if (factors) return tf.mul(sums, tf.tensor1d(factors.map((factor) => inputScale * factor)));
      return inputScale === 1 ? sums : tf.mul(sums, inputScale);
    },
    gradients: (gradient, [left, right]) => ({
      input: () => {
        const scaled = factors ? tf.mul(gradient, tf.tensor1d(factors)) : gradient;
        const passed = product.inputGradient(scaled, right!, input.shape);
        if (!clippedInput) return passed;
        const inside = unclippedActivations(clippedInput.values, clippedInput.coding);
        return tf.mul(passed, tf.tensor(inside, input.shape));
      },
      kernel: () => {
        if (!splitGradient) return decodedGradient(gradient, left!);
        return tf.tensor(splitOnce(gradient, left!).kernel, kernel.shape);
      },
      step: () => tf.tensor(splitOnce(gradient, left!).step, step!.shape),
    }),
  });
}

/** What sums of whole numbers are multiplied with, per output channel or one for all; null where there is no such number. */
function outputFactors({ quantization, layout }: KernelCodes, isCodedInput: boolean): Float32Array | null {
  return isCodedInput && quantization.scales.length <= layout.channels ? quantization.scales : null;
}
