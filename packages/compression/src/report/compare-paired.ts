import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import { mcnemarTest } from './mcnemar-test.ts';

/** Per sample, 1 where a classifier is right and 0 where it is wrong. */
export type Outcomes = Uint8Array;

/** How much better one classifier is than another on the same samples, as fractions of the samples. */
export interface AccuracyDifference {
  /** Accuracy of the candidate minus that of the reference: negative for a loss. */
  readonly difference: number;
  /** Of the difference, over the samples. */
  readonly standardError: number;
  /** 95 % interval: the difference and 1.96 standard errors to either side. */
  readonly low: number;
  readonly high: number;
}

/** What {@link comparePaired} found. */
export interface PairedComparison extends AccuracyDifference {
  readonly count: number;
  /** Samples that only the reference has right. */
  readonly onlyReference: number;
  /** Samples that only the candidate has right. */
  readonly onlyCandidate: number;
  /** McNemar's test of no difference. */
  readonly pValue: number;
  readonly method: 'exact' | 'chi-square';
}

/** What {@link comparePairedRuns} found. */
export interface PairedRunsComparison extends AccuracyDifference {
  readonly count: number;
  /** One for each pair of runs. */
  readonly runs: readonly PairedComparison[];
}

const NORMAL_QUANTILE = 1.959963984540054;

/** Whether each prediction is right. @throws ShapeMismatchError when the lengths differ. */
export function gradePredictions(predictions: ArrayLike<number>, labels: ArrayLike<number>): Outcomes {
  if (predictions.length !== labels.length) {
    throw new ShapeMismatchError('There must be a prediction for each label', {
      expected: labels.length,
      actual: predictions.length,
    });
  }
  return Uint8Array.from(labels, (label, at) => (predictions[at] === label ? 1 : 0));
}

/**
 * Compares two classifiers on the same samples: the paired difference with its standard error, which is smaller than that of two
 * separate accuracies because most samples are easy or hard for both, and McNemar's test.
 *
 * @throws InvalidArgumentError without samples or for outcomes other than 0 and 1, ShapeMismatchError when the lengths differ.
 */
export function comparePaired(reference: Outcomes, candidate: Outcomes): PairedComparison {
  const { runs } = comparePairedRuns([reference], [candidate]);
  return runs[0]!;
}

/**
 * Compares several runs (seeds) of two ways on the same samples. The difference is the mean over the runs; its standard error is over the
 * samples, each with its mean over the runs, and so does not contain the spread between seeds.
 *
 * @param references outcomes of the reference, one for each run
 * @param candidates outcomes of the candidate of the same run
 * @throws as {@link comparePaired}, and InvalidArgumentError when there are no runs or not as many of each.
 */
export function comparePairedRuns(
  references: readonly Outcomes[],
  candidates: readonly Outcomes[],
): PairedRunsComparison {
  const count = assertComparable(references, candidates);
  const runs = references.map((reference, run) => {
    const candidate = candidates[run]!;
    let onlyReference = 0;
    let onlyCandidate = 0;
    for (let i = 0; i < count; i++) {
      if (reference[i]! > candidate[i]!) onlyReference++;
      else if (reference[i]! < candidate[i]!) onlyCandidate++;
    }
    const difference = meanDifference([reference], [candidate]);
    return {
      count,
      onlyReference,
      onlyCandidate,
      ...difference,
      ...mcnemarTest(onlyReference, onlyCandidate),
    };
  });
  return { count, runs, ...meanDifference(references, candidates) };
}

function meanDifference(
  references: readonly Outcomes[],
  candidates: readonly Outcomes[],
): AccuracyDifference {
  const count = references[0]!.length;
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < count; i++) {
    let difference = 0;
    for (let run = 0; run < references.length; run++)
      difference += candidates[run]![i]! - references[run]![i]!;
    // Whole numbers, so that no rounding enters the sums.
    sum += difference;
    squares += difference * difference;
  }
  const mean = sum / count / references.length;
  const variance = Math.max(0, squares / count - (sum / count) ** 2) / references.length ** 2;
  const standardError = Math.sqrt(variance / count);
  const half = NORMAL_QUANTILE * standardError;
  return { difference: mean, standardError, low: mean - half, high: mean + half };
}

function assertComparable(references: readonly Outcomes[], candidates: readonly Outcomes[]): number {
  const count = references[0]?.length ?? 0;
  if (count === 0 || references.length !== candidates.length) {
    throw new InvalidArgumentError('There is nothing to compare', {
      expected: 'at least one sample, and as many runs of the candidate as of the reference',
      actual: `${count} samples, ${references.length} and ${candidates.length} runs`,
    });
  }
  for (const outcomes of [...references, ...candidates]) {
    if (outcomes.length !== count) {
      throw new ShapeMismatchError('Paired outcomes must be of the same samples', {
        expected: count,
        actual: outcomes.length,
      });
    }
    if (outcomes.some((outcome) => outcome > 1)) {
      throw new InvalidArgumentError('An outcome is neither right nor wrong', {
        expected: '1 for right, 0 for wrong',
        actual: outcomes.find((outcome) => outcome > 1),
      });
    }
  }
  return count;
}
