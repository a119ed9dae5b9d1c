import type { TopologyLayer, TopologyWeight } from '../model/model-topology.ts';

/** Where the channels of a layer lie in one of its weights: element `i` belongs to channel `floor(i / stride) % channels`. */
export interface ChannelAxis {
  readonly weight: TopologyWeight;
  readonly channels: number;
  readonly stride: number;
}

type Axis = { readonly role: string; readonly from: number; readonly to: number };

/** Which axes of which weight run over the output channels of a layer that is linear in its input, last axes counted from the end. */
const OUTPUT_AXES: Readonly<Record<string, Axis>> = {
  Dense: { role: 'kernel', from: -1, to: -1 },
  Conv1D: { role: 'kernel', from: -1, to: -1 },
  Conv2D: { role: 'kernel', from: -1, to: -1 },
  Conv3D: { role: 'kernel', from: -1, to: -1 },
  Conv2DTranspose: { role: 'kernel', from: -2, to: -2 },
  DepthwiseConv2D: { role: 'depthwise_kernel', from: -2, to: -1 },
  SeparableConv2D: { role: 'pointwise_kernel', from: -1, to: -1 },
};

/** Likewise over the input channels. */
const INPUT_AXES: Readonly<Record<string, Axis>> = {
  Dense: { role: 'kernel', from: -2, to: -2 },
  Conv1D: { role: 'kernel', from: -2, to: -2 },
  Conv2D: { role: 'kernel', from: -2, to: -2 },
  Conv3D: { role: 'kernel', from: -2, to: -2 },
  DepthwiseConv2D: { role: 'depthwise_kernel', from: -2, to: -2 },
  SeparableConv2D: { role: 'depthwise_kernel', from: -2, to: -2 },
};

/** The weight that makes the output channels of a convolution or dense layer, or null for other layers. */
export function outputChannelAxis(layer: TopologyLayer): ChannelAxis | null {
  return channelAxis(layer, OUTPUT_AXES);
}

/** The weight that reads the input channels of a convolution or dense layer, or null for other layers. */
export function inputChannelAxis(layer: TopologyLayer): ChannelAxis | null {
  return channelAxis(layer, INPUT_AXES);
}

/** A copy of the weight's data, each element multiplied by its channel's factor in float64 and rounded once. */
export function scaleChannels(
  { weight, channels, stride }: ChannelAxis,
  factors: Float64Array,
): Float32Array {
  return weight.data.map((value, at) => value * factors[Math.floor(at / stride) % channels]!);
}

/** A layer with other data in some of its weights, named by role. */
export function withWeightData(
  layer: TopologyLayer,
  data: Readonly<Record<string, Float32Array>>,
): TopologyLayer {
  const weights = layer.weights.map((weight) =>
    Object.hasOwn(data, weight.role) ? { ...weight, data: data[weight.role]! } : weight,
  );
  return { ...layer, weights };
}

/** A layer with a bias, which is made (the last weight, as tfjs has it) where there was none. */
export function withBias(layer: TopologyLayer, bias: Float32Array): TopologyLayer {
  if (layer.weights.some(({ role }) => role === 'bias')) return withWeightData(layer, { bias });
  const weight = {
    name: `${layer.name}/bias`,
    role: 'bias',
    shape: [bias.length],
    data: bias,
    trainable: true,
  };
  const trainable = layer.weights.some((each) => each.trainable);
  const config = { ...layer.config, useBias: true };
  return { ...layer, config, weights: [...layer.weights, { ...weight, trainable }] };
}

/** A copy of the bias of a layer; zeros where it has none. */
export function biasOf(layer: TopologyLayer, channels: number): Float64Array {
  const bias = layer.weights.find(({ role }) => role === 'bias');
  return bias ? Float64Array.from(bias.data) : new Float64Array(channels);
}

/** What a layer applies to its sums: `linear` where it says nothing. */
export function activationOf(layer: TopologyLayer): string {
  const { activation } = layer.config;
  return typeof activation === 'string' ? activation : 'linear';
}

function channelAxis(layer: TopologyLayer, axes: Readonly<Record<string, Axis>>): ChannelAxis | null {
  const axis = Object.hasOwn(axes, layer.className) ? axes[layer.className]! : null;
  const weight = axis && layer.weights.find(({ role }) => role === axis.role);
  if (!axis || !weight) return null;
  const { shape } = weight;
  const product = (from: number, to: number) =>
    shape.slice(shape.length + from, shape.length + to + 1).reduce((size, each) => size * each, 1);
  const stride = axis.to === -1 ? 1 : product(axis.to + 1, -1);
  return { weight, channels: product(axis.from, axis.to), stride };
}
