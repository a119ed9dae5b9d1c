import type { Tensor, Tensor2D, Tensor4D, TensorInfo } from '@tensorflow/tfjs';
import type { KernelKind } from '../model/kernel-weight.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';

/** How a layer multiplies inputs with its kernel, bilinear in both. */
export interface KernelProduct {
  multiply(input: Tensor, kernel: Tensor): Tensor;
  /** With respect to an input of a shape. */
  inputGradient(gradient: Tensor, kernel: Tensor, inputShape: readonly number[]): Tensor;
  /** With respect to a kernel of a shape. */
  kernelGradient(gradient: Tensor, input: Tensor, kernelShape: readonly number[]): Tensor;
}

/** Where the windows of a convolution lie. Channels are last. */
export interface WindowSettings {
  readonly strides: readonly [number, number];
  readonly padding: 'valid' | 'same';
  readonly dilations: readonly [number, number];
}

/** @param settings of a convolution; not read for dense layers, whose inputs are `[batch, inputs]`. */
export function kernelProduct(tf: Tensorflow, kind: KernelKind, settings: WindowSettings): KernelProduct {
  if (kind === 'dense') return denseProduct(tf);
  return kind === 'convolution' ? convolutionProduct(tf, settings) : depthwiseProduct(tf, settings);
}

function denseProduct(tf: Tensorflow): KernelProduct {
  return {
    multiply: (input, kernel) => tf.matMul(input as Tensor2D, kernel as Tensor2D),
    inputGradient: (gradient, kernel) => tf.matMul(gradient as Tensor2D, kernel as Tensor2D, false, true),
    kernelGradient: (gradient, input) => tf.matMul(input as Tensor2D, gradient as Tensor2D, true, false),
  };
}

function convolutionProduct(tf: Tensorflow, settings: WindowSettings): KernelProduct {
  const { strides, padding, dilations } = mutable(settings);
  const attributes = { strides, pad: padding, dataFormat: 'NHWC', dimRoundingMode: null };
  return {
    multiply: (input, kernel) =>
      tf.conv2d(input as Tensor4D, kernel as Tensor4D, strides, padding, 'NHWC', dilations),
    inputGradient: (gradient, kernel, inputShape) =>
      runKernel(tf, 'Conv2DBackpropInput', { dy: gradient, filter: kernel }, { ...attributes, inputShape }),
    kernelGradient: (gradient, input, filterShape) =>
      runKernel(tf, 'Conv2DBackpropFilter', { x: input, dy: gradient }, { ...attributes, filterShape }),
  };
}

function depthwiseProduct(tf: Tensorflow, settings: WindowSettings): KernelProduct {
  const { strides, padding, dilations } = mutable(settings);
  const attributes = { strides, pad: padding, dilations, dimRoundingMode: null };
  const run = (which: 'Input' | 'Filter', inputs: Record<string, TensorInfo>, shape: object) =>
    runKernel(tf, `DepthwiseConv2dNativeBackprop${which}`, inputs, { ...attributes, ...shape });
  return {
    multiply: (input, kernel) =>
      tf.depthwiseConv2d(input as Tensor4D, kernel as Tensor4D, strides, padding, 'NHWC', dilations),
    inputGradient: (gradient, kernel, inputShape) =>
      run('Input', { dy: gradient, filter: kernel }, { inputShape }),
    kernelGradient: (gradient, input, filterShape) =>
      run('Filter', { x: input, dy: gradient }, { filterShape }),
  };
}

function mutable({ strides, padding, dilations }: WindowSettings) {
  return {
    strides: [...strides] as [number, number],
    padding,
    dilations: [...dilations] as [number, number],
  };
}

/** Kernels of gradients have no function of their own in the public interface of tfjs. */
function runKernel(
  tf: Tensorflow,
  name: string,
  inputs: Record<string, TensorInfo>,
  attributes: object,
): Tensor {
  type Run = (name: string, inputs: Record<string, TensorInfo>, attributes: object) => Tensor;
  const engine = tf.engine() as unknown as { runKernel: Run };
  return engine.runKernel(name, inputs, attributes);
}
