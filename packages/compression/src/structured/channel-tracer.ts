import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import type { LayerCall, ModelTopology, TensorReference, TopologyLayer } from '../model/model-topology.ts';
import { ChannelPartition } from './channel-partition.ts';
import { channelRuleOf, type LayerUse, type SliceSide } from './channel-rules.ts';

/** An axis of a weight that runs over channels. */
export interface ChannelSlice {
  readonly layer: string;
  /** `TopologyWeight.name`. */
  readonly weight: string;
  readonly axis: number;
  readonly side: SliceSide;
  /** Per position of the axis, its channel. */
  readonly channels: Int32Array;
}

/** The key of a tensor in {@link TracedChannels.tensors}. */
export function tensorKey({ layer, call, output }: TensorReference): string {
  return `${call}:${output}:${layer}`;
}

/** What following the channels through every call has found. Channels are members of `partition`. */
export interface TracedChannels {
  readonly partition: ChannelPartition;
  readonly slices: readonly ChannelSlice[];
  /** By {@link tensorKey}: the channel at each position of the last axis; empty when the size is open or there is no axis. */
  readonly tensors: ReadonlyMap<string, Int32Array>;
  /** Channels that must stay, with the reason. */
  readonly kept: readonly { readonly channel: number; readonly reason: string }[];
}

/**
 * Follows channels from the inputs of a model to its outputs.
 * @throws InvalidArgumentError for a reference to nothing or a call that reads itself, ShapeMismatchError for weights that do not fit.
 */
export function traceChannels(topology: ModelTopology): TracedChannels {
  const tracer = new ChannelTracer(topology);
  for (const layer of topology.layers) {
    for (let call = 0; call < layer.calls.length; call++) tracer.visit(layer.name, call);
  }
  for (const output of topology.outputs)
    tracer.keep(tracer.channelsOf(output), 'is an output of the model', output.layer);
  return tracer;
}

class ChannelTracer implements TracedChannels {
  readonly partition = new ChannelPartition();
  readonly slices: ChannelSlice[] = [];
  readonly tensors = new Map<string, Int32Array>();
  readonly kept: { channel: number; reason: string }[] = [];
  readonly #layers: ReadonlyMap<string, TopologyLayer>;
  readonly #sliceOf = new Map<string, ChannelSlice>();
  readonly #visited = new Set<string>();

  constructor({ layers }: ModelTopology) {
    this.#layers = new Map(layers.map((layer) => [layer.name, layer]));
  }

  channelsOf(reference: TensorReference): Int32Array {
    this.visit(reference.layer, reference.call);
    return this.tensors.get(tensorKey(reference)) ?? refersToNothing(reference);
  }

  keep(channels: Int32Array, reason: string, layer: string): void {
    for (const channel of channels) this.kept.push({ channel, reason: `"${layer}" ${reason}` });
  }

  /** Visits what the call reads first: a shared layer may read tensors of layers that stand after it. */
  visit(name: string, callNumber: number): void {
    const layer = this.#layers.get(name);
    const call = layer?.calls[callNumber];
    if (!layer || !call) refersToNothing({ layer: name, call: callNumber, output: 0 });
    const key = `${callNumber}:${name}`;
    if (this.#visited.has(key)) return;
    this.#visited.add(key);
    const inputs = call.inputs.map((reference) => this.channelsOf(reference));
    const followed = this.#follow(layer, call, inputs);
    const outputs = typeof followed === 'string' ? this.#refuse(layer, call, inputs, followed) : [followed];
    outputs.forEach((channels, output) => {
      this.tensors.set(tensorKey({ layer: name, call: callNumber, output }), channels);
    });
  }

  #follow(layer: TopologyLayer, call: LayerCall, inputs: readonly Int32Array[]): Int32Array | string {
    if (layer.className === 'InputLayer') return 'is an input of the model';
    const rule = channelRuleOf(layer.className);
    if (!rule) return `is a ${layer.className}, whose use of channels is not known`;
    const [outputShape, ...others] = call.outputShapes;
    const countsAreKnown = inputs.length > 0 && inputs.every(({ length }) => length > 0);
    if (!outputShape || others.length > 0 || !countsAreKnown) return 'has an open number of channels';
    const use = this.#use(layer, call, inputs, outputShape);
    const output = rule(use);
    if (typeof output === 'string') return output;
    if (output.length !== (outputShape.at(-1) ?? output.length)) misfit(layer, outputShape, output.length);
    const forgotten = layer.weights.find((weight) => !use.told.has(weight.role));
    if (!forgotten) return output;
    const reason = `has a weight "${forgotten.role}" whose use of channels is not known`;
    this.keep(output, reason, layer.name);
    return reason;
  }

  #use(
    layer: TopologyLayer,
    call: LayerCall,
    inputs: readonly Int32Array[],
    outputShape: LayerUse['outputShape'],
  ) {
    const told = new Set<string>();
    const use: LayerUse & { readonly told: ReadonlySet<string> } = {
      layer,
      inputs,
      inputShapes: call.inputs.map((input, at) => [...this.#shapeOf(input).slice(0, -1), inputs[at]!.length]),
      outputShape,
      told,
      makeChannels: () => this.partition.fresh(outputShape.at(-1) ?? 0),
      tie: (left, right) => this.partition.unite(left, right),
      leaveWhole: (role) => told.add(role),
      keep: (channels, reason) => this.keep(channels, reason, layer.name),
      slice: (role, axis, channels, side) => {
        told.add(role);
        this.#slice(layer, role, axis, channels, side);
      },
    };
    return use;
  }

  /** The calls of a shared layer use the same weights, so their channels are tied. */
  #slice(layer: TopologyLayer, role: string, axis: number, channels: Int32Array, side: SliceSide): void {
    const weight = layer.weights.find((each) => each.role === role);
    if (!weight) return;
    if (weight.shape[axis] !== channels.length) misfit(layer, weight.shape, channels.length);
    const key = `${axis}:${weight.name}`;
    const known = this.#sliceOf.get(key);
    if (known) {
      this.partition.unite(known.channels, channels);
      return;
    }
    const slice = { layer: layer.name, weight: weight.name, axis, side, channels };
    this.#sliceOf.set(key, slice);
    this.slices.push(slice);
  }

  #refuse(
    { name }: TopologyLayer,
    call: LayerCall,
    inputs: readonly Int32Array[],
    reason: string,
  ): Int32Array[] {
    for (const channels of inputs) this.keep(channels, reason, name);
    return call.outputShapes.map((shape) => {
      const channels = this.partition.fresh(shape.at(-1) ?? 0);
      this.keep(channels, reason, name);
      return channels;
    });
  }

  #shapeOf({ layer, call, output }: TensorReference): readonly (number | null)[] {
    return this.#layers.get(layer)!.calls[call]!.outputShapes[output]!;
  }
}

function refersToNothing(reference: TensorReference): never {
  throw new InvalidArgumentError('The topology refers to a tensor that is not there when it is needed', {
    expected: 'references to outputs of its layers, without loops',
    actual: reference,
  });
}

function misfit(
  { name, className }: TopologyLayer,
  shape: readonly (number | null)[],
  channels: number,
): never {
  throw new ShapeMismatchError(`The channels of layer "${name}" (${className}) do not fit`, {
    expected: `an axis of ${channels} channels`,
    actual: shape,
  });
}
