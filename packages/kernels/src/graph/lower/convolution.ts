import type { WindowSpec } from '@qedge/core';
import type { KernelSteps } from '../../engine/binding.ts';
import { convolutionSteps, depthwiseSteps } from '../../engine/convolution.ts';
import { combineSteps } from '../../engine/element-kernels.ts';
import type { ImageOptions, WindowOptions } from '../../engine/image.ts';
import { poolingSteps } from '../../engine/pooling.ts';
import { activationAfter, planActivation } from './fused-activation.ts';
import type { GraphValue } from './graph-values.ts';
import { inputOf, type Lowering } from './lowering.ts';
import { computedWeightsSteps, finishingSteps } from './run-time-convolution.ts';
import { weightedProductSteps } from './weighted-product.ts';

/** A graph's window as the engine's options. */
export function windowOptions({ size, strides, dilations, padding }: WindowSpec): WindowOptions {
  const [top, left, bottom, right] = padding;
  return { window: size, stride: strides, dilation: dilations, padding: { top, left, bottom, right } };
}

function imageOptions(images: GraphValue): ImageOptions {
  const [batch, height, width, channels] = images.shape as [number, number, number, number];
  return { batch, height, width, channels, input: images.floats };
}

/**
 * Convolutions: single pixels as products, one input channel per group as depthwise ones, others directly. Weights and biases that are computed
 * cannot be packed: those become products of gathered cells, these are added afterwards.
 */
export function lowerConvolution(node: Lowering<'convolution'>): KernelSteps {
  const { context, operator, inputs, outputs } = node;
  if (!inputOf(node, 1).isConstant) {
    if (node.precision !== 'float32') node.report('float32', 'weights that are known at run time only');
    return [...computedWeightsSteps(node), ...finishingSteps(node)];
  }
  if (inputs[2] && !inputs[2].isConstant) {
    const plain = { ...node, inputs: [inputs[0]!, inputs[1]!] };
    return [...plainSteps(plain, 'none'), ...finishingSteps(node)];
  }
  const output = outputs[0]!.floats;
  const residual = inputs[3] ?? null;
  const isNarrow = outputs[0]!.shape[3]! < context.host.traits.lanes;
  const activation = planActivation(operator.activation, isNarrow);
  // The sum with the residual comes before the activation.
  const direct = residual === null ? activation : ({ fused: 'none', after: null } as const);
  const steps = [...plainSteps(node, direct.fused)];
  if (residual !== null) {
    const sum = { operation: 'add', a: output, b: residual.floats, activation: activation.fused } as const;
    steps.push(...combineSteps(context, sum));
  }
  return [...steps, ...activationAfter(context, activation, output)];
}

function plainSteps(
  node: Lowering<'convolution'>,
  activation: ReturnType<typeof planActivation>['fused'],
): KernelSteps {
  const { context, operator, inputs, outputs, precision } = node;
  const { groups, window } = operator;
  const [images, weights, output] = [inputOf(node, 0), inputOf(node, 1), outputs[0]!];
  const bias = inputs[2] ?? null;
  const outputChannels = output.shape[3]!;
  const channels = images.shape[3]!;
  if (isPixelProduct(window) && groups === 1) {
    const [m, n, k] = [output.length / outputChannels, outputChannels, channels];
    const product = { m, n, k, a: images.floats, weights, transposed: false, alpha: 1, bias, activation };
    return weightedProductSteps(node, { ...product, c: output.floats });
  }
  const epilogue = { ...(bias ? { bias: bias.load() as Float32Array } : {}), activation };
  const named = {
    name: bias ? `${weights.name} + ${bias.name}` : weights.name,
    load: () => weights.load() as Float32Array,
  };
  const common = { ...imageOptions(images), ...windowOptions(window), ...epilogue, weights: named };
  const multiplier = outputChannels / groups;
  if (groups === channels && (groups > 1 || channels === 1)) {
    if (precision !== 'float32') node.report('float32', 'a depthwise convolution, which waits for memory');
    return depthwiseSteps(context, { ...common, multiplier, output: output.floats });
  }
  const weightFormat = precision === 'float16' ? 'float16' : 'float32';
  if (precision === 'float16') node.report('float16', null);
  else if (precision !== 'float32') node.report('float32', 'a convolution with a window');
  return convolutionSteps(context, {
    ...common,
    groups,
    outputChannels,
    weightFormat,
    output: output.floats,
  });
}

function isPixelProduct({ size, strides, padding }: WindowSpec): boolean {
  return [...size, ...strides].every((one) => one === 1) && padding.every((cells) => cells === 0);
}

/** Pooling over windows. */
export function lowerPooling(node: Lowering<'pooling'>): KernelSteps {
  const { context, operator, outputs } = node;
  return poolingSteps(context, {
    ...imageOptions(inputOf(node, 0)),
    ...windowOptions(operator.window),
    operation: operator.operation,
    output: outputs[0]!.floats,
  });
}
