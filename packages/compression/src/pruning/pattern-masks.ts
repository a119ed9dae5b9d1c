import { InvalidArgumentError, ShapeMismatchError, UnsupportedError } from '@qedge/core';
import type { KernelWeight } from '../model/kernel-weight.ts';
import { assertPreviousFits, type PruningMasks, writeRankable } from './sparsity-masks.ts';
import type { WeightScores } from './weight-scores.ts';

/** Options of {@link maskByPattern}. `{ keep: 2, of: 4 }` is the pattern of sparse tensor cores. */
export interface PatternMaskOptions {
  /** Elements kept of each run: an integer, 1 <= keep < of. */
  readonly keep: number;
  /** Length of a run, an integer. */
  readonly of: number;
  /** Masks of before: what they removed stays removed. */
  readonly previous?: PruningMasks;
}

/**
 * N:M sparsity: of every run of `of` consecutive inputs of an output, the `keep` with the highest scores are kept (Mishra et al. 2021,
 * arXiv:2104.08378); of equal ones those with the higher index. A run follows the input channels of one output, in a convolution at one place
 * of the window, and does not reach from one place into the next; when `of` does not divide the input channels, the last run is shorter
 * and keeps `min(keep, its length)`.
 *
 * @param kernels the kernels to mask, each with scores.
 * @throws UnsupportedError for a depthwise kernel, which has no axis of inputs, InvalidArgumentError for an impossible pattern, a kernel without
 *   scores or a previous mask without scores, ShapeMismatchError for lengths that differ, NonFiniteValueError for NaN or infinity.
 */
export function maskByPattern(
  kernels: readonly KernelWeight[],
  scores: WeightScores,
  options: PatternMaskOptions,
): Map<string, Uint8Array> {
  const { keep, of, previous = new Map() } = options;
  if (!(Number.isSafeInteger(keep) && Number.isSafeInteger(of) && keep >= 1 && keep < of)) {
    throw new InvalidArgumentError('A sparsity pattern is impossible', {
      expected: 'integers, 1 <= keep < of',
      actual: { keep, of },
    });
  }
  assertPreviousFits(scores, previous);
  for (const kernel of kernels) assertPatternFits(kernel, scores);
  return new Map(
    kernels.map((kernel) => {
      const { name, data } = kernel.weight;
      const rankable = new Float32Array(data.length);
      writeRankable(name, scores.get(name)!, previous.get(name), rankable);
      return [name, maskRuns(kernel, rankable, keep, of)];
    }),
  );
}

function maskRuns(
  { weight, rows, outputs }: KernelWeight,
  scores: Float32Array,
  keep: number,
  of: number,
): Uint8Array {
  const inputs = weight.shape[weight.shape.length - 2]!;
  const mask = new Uint8Array(scores.length);
  for (let place = 0; place < rows; place += inputs) {
    for (let first = 0; first < inputs; first += of) {
      const length = Math.min(of, inputs - first);
      for (let output = 0; output < outputs; output++) {
        const start = (place + first) * outputs + output;
        for (const at of bestOfRun(scores, start, outputs, length, keep)) mask[at] = 1;
      }
    }
  }
  return mask;
}

/** Where the `keep` highest scores of a run are; of equal ones the later. What was removed before is not among them. */
function bestOfRun(
  scores: Float32Array,
  start: number,
  stride: number,
  length: number,
  keep: number,
): number[] {
  return Array.from({ length }, (_, at) => start + at * stride)
    .filter((at) => scores[at] !== Number.NEGATIVE_INFINITY)
    .sort((a, b) => scores[b]! - scores[a]! || b - a)
    .slice(0, keep);
}

function assertPatternFits({ kind, layer, weight }: KernelWeight, scores: WeightScores): void {
  if (kind === 'depthwise') {
    throw new UnsupportedError(`The kernel of "${layer.name}" has no axis of inputs for a pattern`, {
      expected: 'a dense or convolution kernel',
      actual: layer.className,
      remedy: 'Leave depthwise kernels out.',
    });
  }
  const score = scores.get(weight.name);
  if (!score) {
    throw new InvalidArgumentError(`The kernel "${weight.name}" has no scores`, {
      expected: 'scores for each kernel',
      actual: [...scores.keys()],
    });
  }
  if (score.length !== weight.data.length) {
    throw new ShapeMismatchError(`The scores of "${weight.name}" do not fit the kernel`, {
      expected: weight.data.length,
      actual: score.length,
    });
  }
}
