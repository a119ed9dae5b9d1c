import { InvalidArgumentError, NonFiniteValueError, ShapeMismatchError } from '@qedge/core';
import { selectSmallest } from './select-smallest.ts';
import type { WeightScores } from './weight-scores.ts';

/** By weight name, in the shape of the weight: 1 where an element is kept, 0 where it is removed. */
export type PruningMasks = ReadonlyMap<string, Uint8Array>;

/** Options of {@link maskBySparsity}. */
export interface SparsityMaskOptions {
  /** Fraction of the elements to remove, 0..1. */
  readonly sparsity: number;
  /** `global`: elements of all weights compete; `layer`: each weight reaches the sparsity on its own. */
  readonly scope: 'layer' | 'global';
  /** Masks of before: what they removed stays removed. */
  readonly previous?: PruningMasks;
}

/**
 * Chooses what to keep: exactly `round(sparsity * n)` elements with the least scores are removed, of equal ones those with the lowest
 * index (weights in the order of the map), so that the sparsity is met even when all are equal. More are removed only when `previous`
 * had already removed more. O(n), without sorting.
 *
 * @throws InvalidArgumentError for a sparsity outside 0..1, an unknown scope or a previous mask without scores, ShapeMismatchError for a
 *   previous mask of another length, NonFiniteValueError for NaN or infinity.
 */
export function maskBySparsity(scores: WeightScores, options: SparsityMaskOptions): Map<string, Uint8Array> {
  const { sparsity, scope, previous = new Map() } = options;
  if (!(sparsity >= 0 && sparsity <= 1)) {
    throw new InvalidArgumentError('A sparsity is out of range', { expected: '0..1', actual: sparsity });
  }
  if (scope !== 'layer' && scope !== 'global') {
    throw new InvalidArgumentError('Unknown scope of a sparsity', {
      expected: 'layer, global',
      actual: String(scope),
    });
  }
  assertPreviousFits(scores, previous);
  const names = [...scores.keys()];
  const groups = scope === 'global' ? [names] : names.map((name) => [name]);
  const masks = new Map<string, Uint8Array>();
  for (const group of groups) maskTogether(group, scores, previous, sparsity, masks);
  return masks;
}

function maskTogether(
  names: readonly string[],
  scores: WeightScores,
  previous: PruningMasks,
  sparsity: number,
  masks: Map<string, Uint8Array>,
): void {
  let total = 0;
  const parts = names.map((name) => {
    const values = scores.get(name)!;
    total += values.length;
    return { name, values, from: total - values.length, to: total };
  });
  const joined = new Float32Array(total);
  let gone = 0;
  for (const { name, values, from, to } of parts) {
    gone += writeRankable(name, values, previous.get(name), joined.subarray(from, to));
  }
  const kept = selectSmallest(joined, Math.max(gone, Math.round(sparsity * total)));
  for (const { name, from, to } of parts) masks.set(name, kept.slice(from, to));
}

/**
 * Copies scores; what was removed before ranks below all others, as negative infinity.
 * @returns how many were removed before.
 * @throws NonFiniteValueError
 */
export function writeRankable(
  name: string,
  scores: Float32Array,
  previous: Uint8Array | undefined,
  target: Float32Array,
): number {
  let gone = 0;
  for (let at = 0; at < scores.length; at++) {
    const score = scores[at]!;
    if (!Number.isFinite(score)) {
      throw new NonFiniteValueError(`The weight "${name}" cannot be ranked`, {
        expected: 'finite numbers',
        actual: `${score} at index ${at}`,
      });
    }
    const removed = previous !== undefined && previous[at] === 0;
    target[at] = removed ? Number.NEGATIVE_INFINITY : score;
    if (removed) gone++;
  }
  return gone;
}

/** @throws InvalidArgumentError when a mask has no scores, ShapeMismatchError when lengths differ. */
export function assertPreviousFits(scores: WeightScores, previous: PruningMasks): void {
  for (const [name, mask] of previous) {
    const score = scores.get(name);
    if (!score) {
      throw new InvalidArgumentError(`The weight "${name}" has a mask and no scores`, {
        expected: 'scores for each weight that was masked before',
        actual: [...scores.keys()],
      });
    }
    if (score.length !== mask.length) {
      throw new ShapeMismatchError(`The mask of "${name}" does not fit its scores`, {
        expected: score.length,
        actual: mask.length,
      });
    }
  }
}
