import { InvalidArgumentError } from '@qedge/core';
import type { ModelTopology } from '../model/model-topology.ts';
import { ChannelCost } from './channel-cost.ts';
import type { ChannelGroup, DependencyGraph } from './dependency-graph.ts';

/** How much to remove: a fraction of the channels that may go, or all but a fraction of the model's multiply-accumulates. */
export type ChannelTarget = { readonly sparsity: number } | { readonly macs: number };

/** How to choose channels. */
export interface ChannelSelection {
  readonly target: ChannelTarget;
  /**
   * `global` ranks the channels of all groups together: those with the lowest score go first. `layer` takes the same fraction of every group.
   * Default `global`.
   */
  readonly scope?: 'global' | 'layer';
  /** The channels that a group keeps are a multiple of this, for kernels that work in blocks. Groups that are smaller stay. Default 1. */
  readonly roundTo?: number;
  /** The least number of channels that a group keeps. Default 1. */
  readonly minimumChannels?: number;
}

/** A group on its way to fewer channels. */
interface ShrinkingGroup {
  readonly group: ChannelGroup;
  /** Lowest score first. */
  readonly order: Int32Array;
  removed: number;
}

/** How far removal has to go. */
interface RemovalBudget {
  /** True when nothing more has to go. */
  readonly isMet: boolean;
  /** Whether `count` more channels may go. */
  allows(count: number): boolean;
  remove(group: ChannelGroup, count: number): void;
  /** Called when no more channels may go. @throws InvalidArgumentError when that is not enough. */
  finish(): void;
}

/**
 * Chooses the channels to keep, block by block of `roundTo`, until the target is reached: for `sparsity` the most channels that do not
 * exceed it, for `macs` the first state at or below it.
 *
 * @param groups those of the graph that may shrink.
 * @param scores by channel number, as `scoreChannels` gives them.
 * @returns by channel number, 1 for channels that are kept.
 * @throws InvalidArgumentError for impossible options, and when the target cannot be reached with the channels that may go; for a target of
 * multiply-accumulates as `countMacs`.
 */
export function selectChannels(
  topology: ModelTopology,
  graph: DependencyGraph,
  groups: readonly ChannelGroup[],
  scores: Float64Array,
  selection: ChannelSelection,
): Uint8Array {
  validateSelection(selection);
  const { target, scope = 'global', roundTo = 1, minimumChannels = 1 } = selection;
  const budget =
    'macs' in target
      ? macBudget(new ChannelCost(topology, graph), target.macs)
      : channelBudget(groups, target.sparsity);
  const shrinking = groups.map((group) => ({
    group,
    order: sortByScore(group.channels, scores),
    removed: 0,
  }));
  const rank = (each: ShrinkingGroup, count: number) =>
    scope === 'layer' ? (each.removed + count) / each.order.length : scoreOfNext(each, count, scores) / count;
  while (!budget.isMet) {
    const candidates = shrinking
      .map((each) => ({ each, count: nextBlock(each, roundTo, minimumChannels) }))
      .filter(({ count }) => count > 0 && budget.allows(count))
      .map(({ each, count }) => ({ each, count, rank: rank(each, count) }));
    if (candidates.length === 0) break;
    const { each, count } = candidates.reduce((best, next) => (next.rank < best.rank ? next : best));
    budget.remove(each.group, count);
    each.removed += count;
  }
  budget.finish();
  const kept = new Uint8Array(graph.channelCount).fill(1);
  for (const { order, removed } of shrinking)
    for (const channel of order.subarray(0, removed)) kept[channel] = 0;
  return kept;
}

function channelBudget(groups: readonly ChannelGroup[], sparsity: number): RemovalBudget {
  const channels = groups.reduce((sum, group) => sum + group.channels.length, 0);
  let left = Math.floor(sparsity * channels);
  return {
    get isMet() {
      return left === 0;
    },
    allows: (count) => count <= left,
    remove: (_, count) => {
      left -= count;
    },
    finish: () => {},
  };
}

function macBudget(cost: ChannelCost, fraction: number): RemovalBudget {
  // The running total is a sum of rounded products.
  const limit = fraction * cost.total * (1 + 1e-9);
  return {
    get isMet() {
      return cost.total <= limit;
    },
    allows: () => true,
    remove: (group, count) => cost.remove(group, count),
    finish: () => {
      if (cost.total > limit) refuseTarget(fraction, cost.total, limit);
    },
  };
}

/** How many channels go next, so that a multiple of `roundTo` is left; 0 when none may. */
function nextBlock({ order, removed }: ShrinkingGroup, roundTo: number, minimumChannels: number): number {
  const left = order.length - removed;
  const block = left % roundTo || roundTo;
  return left - block >= minimumChannels ? block : 0;
}

function scoreOfNext({ order, removed }: ShrinkingGroup, count: number, scores: Float64Array): number {
  return order.subarray(removed, removed + count).reduce((sum, channel) => sum + scores[channel]!, 0);
}

/** Of equal scores the channel with the lower number goes first. */
function sortByScore(channels: Int32Array, scores: Float64Array): Int32Array {
  return Int32Array.from(channels).sort((a, b) => scores[a]! - scores[b]! || a - b);
}

/** @throws InvalidArgumentError for options out of range. */
export function validateSelection({
  target,
  scope,
  roundTo = 1,
  minimumChannels = 1,
}: ChannelSelection): void {
  const fraction = 'macs' in target ? target.macs : target.sparsity;
  const fractionFits = 'macs' in target ? fraction > 0 && fraction <= 1 : fraction >= 0 && fraction < 1;
  const isCount = (value: number) => Number.isSafeInteger(value) && value >= 1;
  const scopeFits = scope === undefined || scope === 'global' || scope === 'layer';
  if (fractionFits && isCount(roundTo) && isCount(minimumChannels) && scopeFits) return;
  throw new InvalidArgumentError('Channels cannot be chosen with these options', {
    expected:
      'sparsity in [0, 1) or macs in (0, 1], scope global or layer, roundTo and minimumChannels from 1',
    actual: { target, scope, roundTo, minimumChannels },
  });
}

function refuseTarget(target: number, reached: number, limit: number): never {
  throw new InvalidArgumentError('The target of multiply-accumulates cannot be reached', {
    expected: `at most ${Math.floor(limit)} multiply-accumulates (${target} of the model)`,
    actual: reached,
    remedy: 'Choose a larger fraction, fewer minimum channels, or leave out fewer layers.',
    facts: { reached, limit },
  });
}
