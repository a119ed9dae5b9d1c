import type { ModelTopology, TopologyLayer } from '../model/model-topology.ts';
import {
  activationOf,
  biasOf,
  type ChannelAxis,
  inputChannelAxis,
  outputChannelAxis,
  scaleChannels,
  withBias,
  withWeightData,
} from './channel-scaling.ts';
import { bypassLayer, replaceLayers, TopologyLinks } from './topology-links.ts';

/** A normalisation that became part of a neighbour. */
export interface FoldedNormalization {
  readonly normalization: string;
  /** The layer that took it over. */
  readonly into: string;
  /** Whether that layer stood before the normalisation or behind it. */
  readonly neighbour: 'before' | 'behind';
}

/** A normalisation that stays, and why. */
export interface KeptNormalization {
  readonly normalization: string;
  readonly reason: string;
}

export interface BatchNormalizationFolding {
  readonly topology: ModelTopology;
  readonly folded: readonly FoldedNormalization[];
  readonly kept: readonly KeptNormalization[];
}

/** `y = scale * x + shift` per channel. */
interface Normalization {
  readonly layer: TopologyLayer;
  readonly scale: Float64Array;
  readonly shift: Float64Array;
}

/**
 * Moves batch normalisations, at their moving statistics, into neighbouring layers (Jacob et al. 2018, arXiv:1712.05877, section 3.2): into the
 * dense, (transposed, depthwise, separable) convolution layer before it when its activation is linear and nothing else reads it; else into the
 * dense or convolution layer behind it, also through a flatten layer, where no padding of zeros comes between. The outputs of the model stay the same
 * up to float32 rounding. Layers get a bias where they had none.
 *
 * Normalisations that cannot be moved without changing the function stay and are listed with the reason.
 *
 * @param topology read only; the result shares what did not change.
 */
export function foldBatchNormalization(topology: ModelTopology): BatchNormalizationFolding {
  const folded: FoldedNormalization[] = [];
  const kept = new Map<string, string>();
  let current = topology;
  for (;;) {
    const waiting = current.layers.find(
      ({ className, name }) => className === 'BatchNormalization' && !kept.has(name),
    );
    if (!waiting) break;
    const outcome = foldOne(current, waiting);
    if (typeof outcome === 'string') {
      kept.set(waiting.name, outcome);
      continue;
    }
    folded.push(outcome.folded);
    current = outcome.topology;
    // What stood in the way of another normalisation may be gone.
    kept.clear();
  }
  const reasons = [...kept].map(([normalization, reason]) => ({ normalization, reason }));
  return { topology: current, folded, kept: reasons };
}

/** The topology without one normalisation, or why it must stay. */
function foldOne(
  topology: ModelTopology,
  layer: TopologyLayer,
): { topology: ModelTopology; folded: FoldedNormalization } | string {
  const normalization = readNormalization(layer);
  if (typeof normalization === 'string') return normalization;
  const links = new TopologyLinks(topology);
  const before = foldIntoLayerBefore(links, normalization);
  const outcome = typeof before === 'string' ? foldIntoLayerBehind(links, normalization) : before;
  if (typeof outcome === 'string') return `${before as string}; ${outcome}`;
  const replaced = replaceLayers(topology, new Map([[outcome.name, outcome]]));
  const neighbour = outcome === before ? 'before' : 'behind';
  return {
    topology: bypassLayer(replaced, layer.name),
    folded: { normalization: layer.name, into: outcome.name, neighbour },
  };
}

function readNormalization(layer: TopologyLayer): Normalization | string {
  if (layer.calls.length !== 1) return 'it is shared between several places';
  const shape = layer.calls[0].outputShapes[0];
  const axis = Number(layer.config.axis ?? -1);
  if (axis !== -1 && axis !== shape.length) return 'it does not normalise the last axis';
  const data = (role: string) => layer.weights.find((weight) => weight.role === role)?.data;
  const [mean, variance] = [data('moving_mean'), data('moving_variance')];
  if (!mean || !variance) return 'it has no moving statistics';
  const [gamma, beta] = [data('gamma'), data('beta')];
  const epsilon = Number(layer.config.epsilon ?? 1e-3);
  const scale = Float64Array.from(
    variance,
    (value, channel) => (gamma?.[channel] ?? 1) / Math.sqrt(value + epsilon),
  );
  const shift = Float64Array.from(mean, (value, channel) => (beta?.[channel] ?? 0) - value * scale[channel]);
  if (![...scale, ...shift].every(Number.isFinite)) return 'its scale or shift is not finite';
  return { layer, scale, shift };
}

function foldIntoLayerBefore(
  links: TopologyLinks,
  { layer, scale, shift }: Normalization,
): TopologyLayer | string {
  const before = links.layer(layer.calls[0].inputs[0].layer);
  const axis = outputChannelAxis(before);
  if (!axis) return `the layer before it, "${before.name}", is no dense or convolution layer`;
  if (before.calls.length !== 1) return `"${before.name}" before it is shared between several places`;
  if (activationOf(before) !== 'linear') return `"${before.name}" before it has an activation`;
  if (!links.onlyUseOf(before)) return `the output of "${before.name}" before it is also read elsewhere`;
  if (!isChannelsLast(before)) return `"${before.name}" before it has its channels first`;
  const bias = biasOf(before, axis.channels).map((value, channel) => value * scale[channel] + shift[channel]);
  const scaled = withWeightData(before, { [axis.weight.role]: scaleChannels(axis, scale) });
  return withBias(scaled, Float32Array.from(bias));
}

function foldIntoLayerBehind(links: TopologyLinks, normalization: Normalization): TopologyLayer | string {
  const use = links.onlyUseOf(normalization.layer);
  if (!use) return 'its own output is not read by exactly one layer';
  const behind = use.layer.className === 'Flatten' ? links.onlyUseOf(use.layer)?.layer : use.layer;
  const [inputs, outputs] = behind ? [inputChannelAxis(behind), outputChannelAxis(behind)] : [null, null];
  if (!behind || !inputs || !outputs || behind.className === 'SeparableConv2D') {
    return `the layer behind it, "${use.layer.name}", is no dense or plain convolution layer`;
  }
  if (behind.calls.length !== 1) return `"${behind.name}" behind it is shared between several places`;
  if (![use.layer, behind].every(isChannelsLast)) return `"${behind.name}" behind it has its channels first`;
  if (isPadded(behind) && normalization.shift.some((value) => value !== 0)) {
    return `"${behind.name}" behind it pads with zeros, which the shift would move`;
  }
  return absorbIntoInput(behind, normalization, inputs, outputs);
}

/** `W (scale * x + shift) + b = (W * scale) x + (b + W shift)`. Flattened inputs repeat the channels. */
function absorbIntoInput(
  layer: TopologyLayer,
  { scale, shift }: Normalization,
  inputs: ChannelAxis,
  outputs: ChannelAxis,
): TopologyLayer {
  const factors = Float64Array.from({ length: inputs.channels }, (_, at) => scale[at % scale.length]);
  const bias = biasOf(layer, outputs.channels);
  for (const [at, value] of inputs.weight.data.entries()) {
    const input = Math.floor(at / inputs.stride) % inputs.channels;
    const output = Math.floor(at / outputs.stride) % outputs.channels;
    bias[output] += value * shift[input % shift.length];
  }
  const scaled = withWeightData(layer, { [inputs.weight.role]: scaleChannels(inputs, factors) });
  return withBias(scaled, Float32Array.from(bias));
}

function isChannelsLast({ config }: TopologyLayer): boolean {
  return config.dataFormat !== 'channelsFirst';
}

/** Whether zeros are put around the input of a layer. */
function isPadded({ className, config }: TopologyLayer): boolean {
  if (className === 'Dense' || config.padding === 'valid') return false;
  const size = config.kernelSize;
  return !(Array.isArray(size) ? size : [size]).every((taps) => taps === 1);
}
