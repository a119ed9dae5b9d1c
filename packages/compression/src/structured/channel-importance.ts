import { InvalidArgumentError, NonFiniteValueError, ShapeMismatchError } from '@qedge/core';
import type { ModelTopology, TopologyWeight } from '../model/model-topology.ts';
import type { WeightValues } from '../pruning/weight-scores.ts';
import { isKernel } from './channel-cost.ts';
import type { ChannelSlice } from './channel-tracer.ts';
import type { ChannelGroup, DependencyGraph, RefusedGroup } from './dependency-graph.ts';

/**
 * What a channel is worth. Each criterion gives a number per slice (a column or a row of a kernel, a factor of a batch normalisation):
 * - `l1`, `l2`: the sum of `|w|` or of `w^2`, over kernels and factors (Fang et al. 2023);
 * - `batch-norm`: `|gamma|` alone (Liu et al. 2017, arXiv:1708.06519);
 * - `taylor`: the mean over batches of `(sum of gradient * w)^2`, by which removing the slice changes the loss to first order (Molchanov et al.
 *   2019, arXiv:1906.10771); gradients of the loss by weight name, one map per batch;
 * - `activation`: the sum of `|w| * rms(input)` over the rows that read the channel, its part in what the next layers make (after Sun et al. 2023,
 *   arXiv:2306.11695); `inputRms` by weight name, one number per index of the kernel apart from its last axis. Pointwise kernels of separable
 *   convolutions count where they have such numbers, which `measureInputRms` does not give.
 */
export type ImportanceCriterion =
  | { readonly kind: 'l1' | 'l2' | 'batch-norm' }
  | { readonly kind: 'taylor'; readonly gradients: readonly WeightValues[] }
  | { readonly kind: 'activation'; readonly inputRms: ReadonlyMap<string, Float32Array> };

/** Channels in the order of what they are worth. */
export interface ChannelScores {
  /** By channel number; NaN for channels that are in no scored group. The mean of a group is 1, or all are 0. */
  readonly scores: Float64Array;
  /** Groups without a weight that the criterion looks at. */
  readonly unscored: readonly RefusedGroup[];
}

/** A number per element of a weight; sums of them become numbers per slice. */
interface SliceMeasure {
  readonly sees: (slice: ChannelSlice, weight: TopologyWeight) => boolean;
  /** Sums over the elements of each channel, one array per batch (or a single one). */
  readonly element: (weight: TopologyWeight) => readonly ((at: number) => number)[];
  /** Applied to a batch's sum. */
  readonly finish: (sum: number) => number;
}

/**
 * Scores the channels of a graph: per group the mean over its slices, divided by the mean of the group, so that groups of large and of small
 * weights can be ranked together.
 *
 * @throws NonFiniteValueError for weights or statistics that are not finite, InvalidArgumentError for statistics that are missing,
 * ShapeMismatchError for those that do not fit.
 */
export function scoreChannels(
  topology: ModelTopology,
  graph: DependencyGraph,
  criterion: ImportanceCriterion,
): ChannelScores {
  const weights = new Map(
    topology.layers.flatMap(({ weights: all }) => all.map((each) => [each.name, each])),
  );
  const measure = chooseMeasure(criterion);
  const sums = new Float64Array(graph.channelCount);
  const slices = new Int32Array(graph.channelCount);
  for (const slice of graph.slices) {
    const weight = weights.get(slice.weight)!;
    if (measure.sees(slice, weight)) addSlice(slice, weight, measure, { sums, slices });
  }
  const scores = new Float64Array(graph.channelCount).fill(Number.NaN);
  const isScored = ({ channels }: ChannelGroup) => slices[channels[0]!]! > 0;
  for (const { channels } of graph.groups.filter(isScored)) normalizeGroup(channels, sums, scores);
  const unscored = graph.groups
    .filter((group) => !isScored(group))
    .map((group) => ({ ...group, reason: `has no weights that "${criterion.kind}" can score` }));
  return { scores, unscored };
}

const isFactor = ({ role }: TopologyWeight) => role === 'gamma';

function chooseMeasure(criterion: ImportanceCriterion): SliceMeasure {
  const sum = (value: number) => value;
  const isMagnitude = (_: ChannelSlice, weight: TopologyWeight) => isKernel(weight) || isFactor(weight);
  switch (criterion.kind) {
    case 'l1':
      return { sees: isMagnitude, element: ({ data }) => [(at) => Math.abs(data[at]!)], finish: sum };
    case 'l2':
      return { sees: isMagnitude, element: ({ data }) => [(at) => data[at]! ** 2], finish: sum };
    case 'batch-norm':
      return {
        sees: (_, weight) => isFactor(weight),
        element: ({ data }) => [(at) => Math.abs(data[at]!)],
        finish: sum,
      };
    case 'taylor':
      return taylorMeasure(criterion.gradients);
    case 'activation':
      return activationMeasure(criterion.inputRms);
    default:
      throw new InvalidArgumentError('Unknown criterion of importance', {
        expected: 'l1, l2, batch-norm, taylor or activation',
        actual: (criterion as { kind: unknown }).kind,
      });
  }
}

function taylorMeasure(batches: readonly WeightValues[]): SliceMeasure {
  if (batches.length === 0) {
    throw new InvalidArgumentError('Taylor importance needs gradients', {
      expected: 'at least one batch',
      actual: 0,
    });
  }
  return {
    sees: (_, weight) => weight.trainable,
    element: ({ name, data }) =>
      batches.map((batch) => {
        const gradient = requireStatistic(batch, name, 'gradient', (length) => length === data.length);
        return (at) => gradient[at]! * data[at]!;
      }),
    finish: (sum) => sum ** 2,
  };
}

function activationMeasure(inputRms: ReadonlyMap<string, Float32Array>): SliceMeasure {
  return {
    sees: ({ side }, { name, role }) => side === 'input' && (role === 'kernel' || inputRms.has(name)),
    element: ({ name, data, shape }) => {
      const columns = shape.at(-1)!;
      const rms = requireStatistic(
        inputRms,
        name,
        'root mean square',
        (length) => length * columns === data.length,
      );
      return [(at) => Math.abs(data[at]!) * rms[Math.floor(at / columns)]!];
    },
    finish: (sum) => sum,
  };
}

function requireStatistic(
  values: ReadonlyMap<string, Float32Array>,
  name: string,
  what: string,
  fits: (length: number) => boolean,
): Float32Array {
  const found = values.get(name);
  if (!found) {
    throw new InvalidArgumentError(`There is no ${what} for "${name}"`, {
      expected: 'statistics of every weight that is scored',
      actual: [...values.keys()],
    });
  }
  if (!fits(found.length)) {
    throw new ShapeMismatchError(`The ${what} of "${name}" does not fit`, {
      expected: 'the shape of the weight',
      actual: found.length,
    });
  }
  return found;
}

function addSlice(
  { axis, channels }: ChannelSlice,
  weight: TopologyWeight,
  measure: SliceMeasure,
  { sums, slices }: { readonly sums: Float64Array; readonly slices: Int32Array },
): void {
  const batches = measure.element(weight);
  const perChannel = new Map<number, number>(Array.from(channels, (channel) => [channel, 0]));
  for (const element of batches) {
    const totals = sumByChannel(weight, axis, channels, element);
    for (const [channel, total] of totals) {
      perChannel.set(channel, perChannel.get(channel)! + measure.finish(total) / batches.length);
    }
  }
  for (const [channel, score] of perChannel) {
    if (!Number.isFinite(score)) refuseNonFinite(weight.name, score);
    sums[channel] += score;
    slices[channel]++;
  }
}

function sumByChannel(
  { shape, data }: TopologyWeight,
  axis: number,
  channels: Int32Array,
  element: (at: number) => number,
): ReadonlyMap<number, number> {
  const inner = shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const positions = new Float64Array(channels.length);
  for (let at = 0; at < data.length; at++) positions[Math.floor(at / inner) % channels.length] += element(at);
  const totals = new Map<number, number>();
  channels.forEach((channel, position) => {
    totals.set(channel, (totals.get(channel) ?? 0) + positions[position]!);
  });
  return totals;
}

/** The sums of a group are over the same number of slices, so the mean over slices cancels. */
function normalizeGroup(channels: Int32Array, sums: Float64Array, scores: Float64Array): void {
  let total = 0;
  for (const channel of channels) total += sums[channel]!;
  const mean = total / channels.length;
  for (const channel of channels) scores[channel] = mean === 0 ? 0 : sums[channel]! / mean;
}

function refuseNonFinite(weight: string, actual: number): never {
  throw new NonFiniteValueError(`The weight "${weight}" cannot be scored`, {
    expected: 'finite numbers',
    actual,
  });
}
