import { InvalidArgumentError } from '@qedge/core';
import type { ModelTopology, TopologyLayer } from '../model/model-topology.ts';
import { followHomogeneousPath, unclipActivation } from './homogeneous-path.ts';
import { type ScalableLayer, scalableLayer } from './scalable-layer.ts';
import { replaceLayers, TopologyLinks } from './topology-links.ts';

export interface CrossLayerEqualizationOptions {
  /**
   * What to do where relu6 stands between two layers: `keep` leaves that pair as it is; `unclip` makes it relu, which changes the function
   * wherever the clip was met. Default `keep`.
   */
  readonly relu6?: 'keep' | 'unclip';
}

/** Layers whose ranges became equal, in the order of the data: a pair, or a triple around a depthwise convolution. */
export interface EqualizedLayers {
  readonly layers: readonly string[];
  /** The ratio between the largest and the smallest range of the channels of the first layer, before and after; dead channels aside. */
  readonly imbalanceBefore: number;
  readonly imbalanceAfter: number;
}

export interface CrossLayerEqualization {
  readonly topology: ModelTopology;
  readonly equalized: readonly EqualizedLayers[];
  /** Layers with weights whose outputs could not be scaled, and why. */
  readonly skipped: readonly { readonly layer: string; readonly reason: string }[];
  /** Layers whose relu6 became relu. */
  readonly unclipped: readonly string[];
  /** Passes over all pairs and triples. */
  readonly passes: number;
  /** Whether the last pass changed no range by more than 0.01 %. */
  readonly isConverged: boolean;
}

const LARGEST_CHANGE = 1e-4;
const MOST_PASSES = 1000;

interface Chain {
  readonly first: ScalableLayer;
  /** The depthwise convolution of a triple. */
  readonly middle: ScalableLayer | null;
  readonly last: ScalableLayer;
  readonly names: readonly string[];
}

/**
 * Makes the ranges of the weights of neighbouring layers equal, channel by channel, by factors that cancel (cross-layer equalisation, Nagel et al.
 * 2019, arXiv:1906.04721, section 4.1): for a pair with ranges r1 and r2 the first layer is divided by `s = r1 / sqrt(r1 r2)` and the second
 * multiplied by it; the three ranges around a depthwise convolution all become their geometric mean. Channels with a range of 0 keep their
 * weights. Repeated until no factor changes. The outputs of the model stay the same up to float32 rounding; one scale per tensor then loses little.
 *
 * Acts through relu, leaky and parametric relu, pooling, flatten and other layers that commute with positive factors. Normalisations
 * have to be folded first.
 *
 * @param topology read only; the result shares what did not change.
 * @throws InvalidArgumentError when weights are not finite.
 */
export function equalizeAcrossLayers(
  topology: ModelTopology,
  { relu6 = 'keep' }: CrossLayerEqualizationOptions = {},
): CrossLayerEqualization {
  requireFiniteWeights(topology);
  const { chains, scalable, skipped, unclipped } = findChains(topology, relu6 === 'unclip');
  const before = chains.map(imbalance);
  let passes = 0;
  let change = Number.POSITIVE_INFINITY;
  for (; change > LARGEST_CHANGE && passes < MOST_PASSES; passes++) {
    change = chains.reduce((largest, chain) => Math.max(largest, equalizeChain(chain)), 0);
  }
  const equalized = chains.map((chain, at) => ({
    layers: chain.names,
    imbalanceBefore: before[at],
    imbalanceAfter: imbalance(chain),
  }));
  const touched = new Set(chains.flatMap(({ names }) => names));
  const replacements = new Map<string, TopologyLayer>();
  for (const name of touched) replacements.set(name, scalable.get(name)!.layer);
  for (const layer of topology.layers) {
    if (unclipped.has(layer.name)) {
      replacements.set(layer.name, unclipActivation(replacements.get(layer.name) ?? layer));
    }
  }
  const result = replaceLayers(topology, replacements);
  const isConverged = change <= LARGEST_CHANGE;
  return { topology: result, equalized, skipped, unclipped: [...unclipped], passes, isConverged };
}

function requireFiniteWeights({ layers }: ModelTopology): void {
  for (const { weights } of layers) {
    for (const { name, data } of weights) {
      if (data.every(Number.isFinite)) continue;
      throw new InvalidArgumentError('A weight cannot be equalised', {
        expected: 'finite numbers',
        actual: name,
      });
    }
  }
}

function findChains(topology: ModelTopology, unclips: boolean) {
  const links = new TopologyLinks(topology);
  const scalable = new Map<string, ScalableLayer>();
  for (const layer of topology.layers) {
    const scaled = scalableLayer(layer);
    if (scaled) scalable.set(layer.name, scaled);
  }
  const chains: Chain[] = [];
  const skipped: { layer: string; reason: string }[] = [];
  const unclipped = new Set<string>();
  const middles = new Set<string>();
  const follow = (layer: TopologyLayer) => {
    const path = followHomogeneousPath(links, layer);
    if (typeof path === 'string' || path.clipped.length === 0 || unclips) return path;
    return `"${path.clipped[0]}" is relu6`;
  };
  for (const layer of topology.layers) {
    if (!scalable.has(layer.name) || middles.has(layer.name)) continue;
    const path = follow(layer);
    if (typeof path === 'string') {
      skipped.push({ layer: layer.name, reason: path });
      continue;
    }
    const next = isPlainDepthwise(path.to) ? follow(path.to) : null;
    const isTriple = next !== null && typeof next !== 'string';
    if (isTriple) middles.add(path.to.name);
    const names = [layer.name, path.to.name, ...(isTriple ? [next.to.name] : [])];
    for (const name of [...path.clipped, ...(isTriple ? next.clipped : [])]) unclipped.add(name);
    const [first, second, third] = names.map((name) => scalable.get(name)!);
    chains.push({ first, middle: third ? second : null, last: third ?? second, names });
  }
  return { chains, scalable, skipped, unclipped };
}

/** One output per input channel. */
function isPlainDepthwise({ className, weights }: TopologyLayer): boolean {
  if (className !== 'DepthwiseConv2D') return false;
  return weights.some(({ role, shape }) => role === 'depthwise_kernel' && shape[shape.length - 1] === 1);
}

/** Scales one pair or triple; the largest relative change of a factor. */
function equalizeChain({ first, middle, last }: Chain): number {
  const channels = first.outputs;
  const ranges = [first.outputMagnitudes()];
  if (middle) ranges.push(middle.outputMagnitudes());
  ranges.push(last.inputMagnitudes(channels));
  const factors = ranges.map(() => new Float64Array(channels).fill(1));
  let change = 0;
  for (let channel = 0; channel < channels; channel++) {
    const own = ranges.map((range) => range[channel]);
    if (own.includes(0)) continue;
    const mean = Math.exp(own.reduce((sum, range) => sum + Math.log(range), 0) / own.length);
    for (const [at, range] of own.entries()) {
      factors[at][channel] = mean / range;
      change = Math.max(change, Math.abs(mean / range - 1));
    }
  }
  first.scaleOutputs(factors[0]);
  // The bias of the middle layer lies behind its own kernel, which the first layer's factor divides: only the product of both is left.
  middle?.scaleInputs(factors[1]);
  middle?.scaleBias(factors[0].map((factor, channel) => factor * factors[1][channel]));
  last.scaleInputs(factors[factors.length - 1]);
  return change;
}

function imbalance({ first }: Chain): number {
  const alive = first.outputMagnitudes().filter((range) => range > 0);
  return alive.length === 0
    ? 1
    : alive.reduce((a, b) => Math.max(a, b)) / alive.reduce((a, b) => Math.min(a, b));
}
