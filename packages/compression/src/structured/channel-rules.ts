import type { TopologyLayer } from '../model/model-topology.ts';

/** A shape without the batch; `null` where a size is open. */
type OpenShape = readonly (number | null)[];

/**
 * How a slice of a weight belongs to a channel: it makes the channel (`output`: a column of a kernel, a bias), reads it (`input`: a row of a
 * kernel) or changes it in place (`through`: batch normalisation, a depthwise kernel).
 */
export type SliceSide = 'output' | 'input' | 'through';

/** One use of a layer, as a rule sees it. Channels are along the last axis of every tensor. */
export interface LayerUse {
  readonly layer: TopologyLayer;
  /** Per input, the channel at each position of its last axis; at least one. */
  readonly inputs: readonly Int32Array[];
  /** The last size is known. */
  readonly inputShapes: readonly OpenShape[];
  readonly outputShape: OpenShape;
  /** New channels, one per position of the last axis of the output. */
  makeChannels(): Int32Array;
  /** Ties channels position by position: they stay or go together. */
  tie(left: Int32Array, right: Int32Array): void;
  /** States that an axis of the weight `role`, when the layer has it, runs over these channels. */
  slice(role: string, axis: number, channels: Int32Array, side: SliceSide): void;
  /** States that a weight has no axis over channels. */
  leaveWhole(role: string): void;
  /** Keeps channels from being removed; the reason follows the name of the layer. */
  keep(channels: Int32Array, reason: string): void;
}

/** Follows channels through a layer: the channels of its output, or in words why they cannot be followed. */
export type ChannelRule = (use: LayerUse) => Int32Array | string;

/** Activation functions that act on each number alone. */
const ELEMENTWISE: ReadonlySet<unknown> = new Set([
  ...['linear', 'relu', 'relu6', 'elu', 'selu', 'sigmoid', 'hardSigmoid', 'softplus', 'softsign', 'tanh'],
  ...['gelu', 'gelu_new', 'mish', 'swish'],
]);

const RULES: Readonly<Record<string, ChannelRule>> = {
  Dense: kernelRule(0, 1),
  Conv1D: kernelRule(1, 2),
  Conv2D: kernelRule(2, 3),
  DepthwiseConv2D: followDepthwise,
  SeparableConv2D: followSeparable,
  BatchNormalization: followBatchNormalization,
  LayerNormalization: () => 'normalises over its channels',
  PReLU: followPReLU,
  Activation: followActivation,
  Softmax: () => 'normalises over its channels',
  Concatenate: followConcatenate,
  Flatten: followReshape,
  Reshape: followReshape,
  Permute: followPermute,
  ...namedRules(['Add', 'Subtract', 'Multiply', 'Average', 'Maximum', 'Minimum'], followMerge),
  ...namedRules(['ReLU', 'LeakyReLU', 'ELU', 'ThresholdedReLU'], followInPlace),
  ...namedRules(
    ['Dropout', 'SpatialDropout1D', 'GaussianNoise', 'GaussianDropout', 'AlphaDropout'],
    followNoise,
  ),
  ...namedRules(
    ['MaxPooling1D', 'MaxPooling2D', 'AveragePooling1D', 'AveragePooling2D', 'ZeroPadding2D'],
    followInPlace,
  ),
  ...namedRules(['UpSampling2D', 'Cropping2D', 'RepeatVector'], followInPlace),
  ...namedRules(
    ['GlobalAveragePooling1D', 'GlobalAveragePooling2D', 'GlobalMaxPooling1D', 'GlobalMaxPooling2D'],
    followInPlace,
  ),
};

/** The rule of a layer class. Classes without one are refused by name. */
export function channelRuleOf(className: string): ChannelRule | null {
  return Object.hasOwn(RULES, className) ? RULES[className]! : null;
}

function namedRules(classNames: readonly string[], rule: ChannelRule): Record<string, ChannelRule> {
  return Object.fromEntries(classNames.map((className) => [className, rule]));
}

function kernelRule(inputAxis: number, outputAxis: number): ChannelRule {
  return (use) => {
    if (hasChannelsFirst(use.layer)) return 'has its channels first';
    const output = use.makeChannels();
    use.slice('kernel', inputAxis, use.inputs[0]!, 'input');
    use.slice('kernel', outputAxis, output, 'output');
    use.slice('bias', 0, output, 'output');
    return afterActivation(use, output);
  };
}

/** Kernel `[height, width, channels, multiplier]`; output channel `c * multiplier + q` reads channel `c`, so all of its outputs go with it. */
function followDepthwise(use: LayerUse): Int32Array | string {
  if (hasChannelsFirst(use.layer)) return 'has its channels first';
  const output = repeatEach(use.inputs[0]!, use.outputShape.at(-1)!);
  use.slice('depthwise_kernel', 2, use.inputs[0]!, 'through');
  use.slice('bias', 0, output, 'through');
  return afterActivation(use, output);
}

function followSeparable(use: LayerUse): Int32Array | string {
  if (hasChannelsFirst(use.layer)) return 'has its channels first';
  const pointwise = use.layer.weights.find(({ role }) => role === 'pointwise_kernel');
  if (!pointwise) return 'has no pointwise kernel';
  const output = use.makeChannels();
  use.slice('depthwise_kernel', 2, use.inputs[0]!, 'through');
  use.slice('pointwise_kernel', 2, repeatEach(use.inputs[0]!, pointwise.shape[2]!), 'input');
  use.slice('pointwise_kernel', 3, output, 'output');
  use.slice('bias', 0, output, 'output');
  return afterActivation(use, output);
}

function followBatchNormalization(use: LayerUse): Int32Array | string {
  const axis = (use.layer.config.axis ?? -1) as number;
  if (!isLastAxis(axis, use.inputShapes[0]!)) return 'normalises along an axis that is not the last';
  for (const role of ['gamma', 'beta', 'moving_mean', 'moving_variance']) {
    use.slice(role, 0, use.inputs[0]!, 'through');
  }
  return use.inputs[0]!;
}

/** Its slopes have the shape of the input, with size 1 along shared axes. */
function followPReLU(use: LayerUse): Int32Array | string {
  const input = use.inputs[0]!;
  const alpha = use.layer.weights.find(({ role }) => role === 'alpha');
  if (alpha?.shape.at(-1) === input.length) use.slice('alpha', alpha.shape.length - 1, input, 'through');
  else use.leaveWhole('alpha');
  return input;
}

function followActivation(use: LayerUse): Int32Array {
  return afterActivation(use, use.inputs[0]!);
}

function followInPlace(use: LayerUse): Int32Array | string {
  return hasChannelsFirst(use.layer) ? 'has its channels first' : use.inputs[0]!;
}

function followNoise(use: LayerUse): Int32Array | string {
  return use.layer.config.noiseShape == null ? use.inputs[0]! : 'has a fixed shape of its noise';
}

/** Inputs of one channel beside wider ones are broadcast, and so are not tied to them. */
function followMerge(use: LayerUse): Int32Array {
  const widest = use.inputs.reduce((left, right) => (right.length > left.length ? right : left));
  for (const input of use.inputs) if (input.length === widest.length) use.tie(widest, input);
  return widest;
}

function followConcatenate(use: LayerUse): Int32Array {
  const axis = (use.layer.config.axis ?? -1) as number;
  if (!isLastAxis(axis, use.outputShape)) return followMerge(use);
  return Int32Array.from(use.inputs.flatMap((input) => [...input]));
}

/**
 * Flatten and reshape keep the row-major order. With channels last, position `i` of the flat tensor holds channel `i mod channels`; so when one
 * last axis divides the other, either several positions of the new axis hold one channel, or several channels share one new position.
 */
function followReshape(use: LayerUse): Int32Array | string {
  if (hasChannelsFirst(use.layer)) return 'has its channels first';
  const input = use.inputs[0]!;
  const width = lastSize(use.inputShapes[0]!, use.outputShape);
  if (width === null) return 'has an open size';
  if (width % input.length === 0) {
    return Int32Array.from({ length: width }, (_, at) => input[at % input.length]!);
  }
  if (input.length % width !== 0) return 'mixes channels with positions';
  const output = input.subarray(0, width);
  for (let at = width; at < input.length; at += width) use.tie(output, input.subarray(at, at + width));
  return output;
}

/** The last size of a reshaped tensor, which tfjs leaves open when it follows from the others; null when it cannot be told. */
function lastSize(input: OpenShape, output: OpenShape): number | null {
  const elements = input.reduce(
    (product, size) => (product === null || size === null ? null : product * size),
    1,
  );
  const last = output.at(-1) ?? null;
  if (elements === null || last !== null) return elements === null ? null : last;
  const others = output.slice(0, -1).reduce<number>((product, size) => product * (size ?? 1), 1);
  return output.indexOf(null) === output.length - 1 ? elements / others : null;
}

function followPermute(use: LayerUse): Int32Array | string {
  const order = use.layer.config.dims as readonly number[];
  return order.at(-1) === order.length ? use.inputs[0]! : 'moves the channels to another axis';
}

function afterActivation(use: LayerUse, channels: Int32Array): Int32Array {
  const activation = use.layer.config.activation ?? 'linear';
  if (!ELEMENTWISE.has(activation)) {
    use.keep(
      channels,
      `has an activation (${String(activation)}) that is not known to act on each channel alone`,
    );
  }
  return channels;
}

function hasChannelsFirst({ config }: TopologyLayer): boolean {
  return config.dataFormat === 'channelsFirst';
}

/** `axis` as tfjs counts it: from 0 at the batch, or from the end when negative. */
function isLastAxis(axis: number, shape: OpenShape): boolean {
  return axis === -1 || axis === shape.length;
}

function repeatEach(channels: Int32Array, length: number): Int32Array {
  const times = length / channels.length;
  return Int32Array.from({ length }, (_, at) => channels[Math.floor(at / times)]!);
}
