import {
  elementCount,
  InvalidArgumentError,
  NonFiniteValueError,
  type Shape,
  ShapeMismatchError,
} from '@qedge/core';

/** A weight tensor whose elements compete to be kept. */
export interface PrunableTensor {
  /** Row-major; read only. */
  readonly values: Float32Array;
  readonly shape: Shape;
  /**
   * Root mean square of the activation that meets each row (index of axis 0); a weight then counts as `|w| * rms`, its
   * part in the layer's output, instead of `|w|` (the score of Wanda, Sun et al. 2023, arXiv:2306.11695).
   */
  readonly inputRms?: Float32Array;
  /** 0 where a weight was removed before: such weights are removed again before any other, so that none returns. */
  readonly mask?: Uint8Array;
}

/** What a weight that is still there counts at least when some are gone, to rank behind those; the least float32 above 0. */
const SMALLEST_SCORE = 2 ** -149;

/**
 * The magnitude at or below which weights fall when the `sparsity` fraction with the least magnitude is removed: the
 * `round(sparsity * n)`-th smallest; 0 when nothing is to be removed. Exact, in O(n).
 *
 * @param sparsity 0..1
 * @throws InvalidArgumentError for a sparsity outside 0..1, NonFiniteValueError for NaN or infinity.
 */
export function magnitudeThreshold(tensors: readonly PrunableTensor[], sparsity: number): number {
  const scores = tensorScores(tensors);
  const removed = removedCount(scores.length, sparsity);
  return removed === 0 ? 0 : selectRank(scores, removed).score;
}

/**
 * Chooses which weights to keep across all tensors together: exactly `round(sparsity * n)` of the least magnitude (or
 * saliency) are removed, ties by lowest index first, so that the sparsity is met even when all are equal.
 *
 * @param sparsity fraction to remove, 0..1
 * @returns per tensor, 1 where a weight is kept and 0 where it is removed.
 * @throws InvalidArgumentError for a sparsity outside 0..1, ShapeMismatchError when `inputRms` does not fit,
 *   NonFiniteValueError for NaN or infinity.
 */
export function globalMagnitudeMask(tensors: readonly PrunableTensor[], sparsity: number): Uint8Array[] {
  const scores = tensorScores(tensors);
  const removed = removedCount(scores.length, sparsity);
  const { score: threshold, ties } = removed === 0 ? { score: -1, ties: 0 } : selectRank(scores, removed);
  let tiesLeft = ties;
  let offset = 0;
  return tensors.map(({ values }) => {
    const mask = new Uint8Array(values.length);
    for (let i = 0; i < mask.length; i++) {
      const score = scores[offset + i];
      if (score > threshold) mask[i] = 1;
      else if (score === threshold && --tiesLeft < 0) mask[i] = 1;
    }
    offset += mask.length;
    return mask;
  });
}

function removedCount(count: number, sparsity: number): number {
  if (!(sparsity >= 0 && sparsity <= 1)) {
    throw new InvalidArgumentError('A sparsity is out of range', { expected: '0..1', actual: sparsity });
  }
  return Math.round(sparsity * count);
}

function tensorScores(tensors: readonly PrunableTensor[]): Float32Array {
  const scores = new Float32Array(tensors.reduce((sum, { values }) => sum + values.length, 0));
  let offset = 0;
  for (const { values, shape, inputRms, mask } of tensors) {
    const rows = inputRms ? shape[0] : 1;
    if (
      elementCount(shape) !== values.length ||
      (inputRms && inputRms.length !== rows) ||
      (mask && mask.length !== values.length)
    ) {
      throw new ShapeMismatchError('A tensor to prune does not fit its shape', {
        expected: shape,
        actual: [values.length, ...(inputRms ? [inputRms.length] : []), ...(mask ? [mask.length] : [])],
      });
    }
    const rowLength = values.length / rows;
    for (let row = 0, i = 0; row < rows; row++) {
      const weight = inputRms ? inputRms[row] : 1;
      for (let column = 0; column < rowLength; column++, i++) {
        const score = Math.abs(values[i] * weight);
        scores[offset++] = mask ? (mask[i] === 0 ? 0 : Math.max(score, SMALLEST_SCORE)) : score;
      }
    }
  }
  for (let i = 0; i < scores.length; i++) {
    if (!(scores[i] < Number.POSITIVE_INFINITY)) {
      throw new NonFiniteValueError('A weight cannot be ranked', {
        expected: 'finite numbers',
        actual: `${scores[i]} at index ${i}`,
      });
    }
  }
  return scores;
}

/**
 * The `rank`-th smallest score (from 1) and how many elements equal to it are among the `rank` smallest. Non-negative floats
 * order like their bit patterns, so two counting passes over 16 bits each find it exactly without sorting.
 */
function selectRank(scores: Float32Array, rank: number): { score: number; ties: number } {
  const bits = new Uint32Array(scores.buffer, scores.byteOffset, scores.length);
  const counts = new Uint32Array(65536);
  for (let i = 0; i < bits.length; i++) counts[bits[i] >>> 16]++;
  let left = rank;
  let high = 0;
  while (counts[high] < left) left -= counts[high++];
  counts.fill(0);
  for (let i = 0; i < bits.length; i++) if (bits[i] >>> 16 === high) counts[bits[i] & 0xffff]++;
  let low = 0;
  while (counts[low] < left) left -= counts[low++];
  const pattern = Uint32Array.of(high * 65536 + low);
  return { score: new Float32Array(pattern.buffer)[0], ties: left };
}
