import { ConvergenceError } from '@qedge/core';
import { formatPercent } from './format-percent.ts';
import type { CompressionTargets } from './targets.ts';

/** What one sparsity gave. Plain, JSON-able data. */
export interface CompressionAttempt {
  readonly sparsity: number;
  readonly bytes: number;
  /** On the validation data, of the compressed model. */
  readonly accuracy: number;
  /** Below the dense control, on the validation data; negative when it is better. */
  readonly accuracyDrop: number;
}

/** Sparsities that are tried, ascending. Half of what is left goes with about every second one. */
export const SPARSITY_LADDER: readonly number[] = [
  0, 0.5, 0.7, 0.8, 0.9, 0.93, 0.95, 0.96, 0.97, 0.98, 0.985,
];

/** How many sparsities a search tries at most: bisection asks about one rung for each halving. */
export function mostAttempts(ladder: readonly number[]): number {
  return Math.ceil(Math.log2(ladder.length + 1));
}

/** The result of a search: the best attempt with what `run` made for it, and all attempts in their order. */
export interface SparsitySearch<Result> {
  readonly best: Result;
  readonly attempts: readonly CompressionAttempt[];
}

/**
 * Finds the highest sparsity of the ladder whose loss of accuracy is allowed, by bisection: more zeros mean fewer bytes and, by and large, less
 * accuracy. Without a limit of accuracy: the lowest sparsity whose file is small enough, which keeps the most accuracy.
 *
 * @param run compresses at one sparsity; called at most four times on the standard ladder.
 * @param ladder sparsities to choose from, ascending.
 * @throws ConvergenceError, telling what was reached, when no sparsity meets all targets; what `run` throws.
 */
export async function searchSparsity<Result extends { readonly attempt: CompressionAttempt }>(
  targets: CompressionTargets,
  run: (sparsity: number) => Promise<Result>,
  ladder: readonly number[] = SPARSITY_LADDER,
): Promise<SparsitySearch<Result>> {
  const { maxAccuracyDrop = Number.POSITIVE_INFINITY, maxBytes = Number.POSITIVE_INFINITY } = targets;
  const isAccurate = ({ attempt }: Result) => attempt.accuracyDrop <= maxAccuracyDrop;
  const isSmall = ({ attempt }: Result) => attempt.bytes <= maxBytes;
  const byAccuracy = Number.isFinite(maxAccuracyDrop);
  const tried: Result[] = [];
  // The answer is the last rung that is accurate, or the first that is small: either way the boundary of a yes and a no.
  let [low, high] = [0, ladder.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    const result = await run(ladder[middle]!);
    tried.push(result);
    const goHigher = byAccuracy ? isAccurate(result) : !isSmall(result);
    if (goHigher) low = middle + 1;
    else high = middle - 1;
  }
  const good = tried.filter((result) => isAccurate(result) && isSmall(result));
  const attempts = tried.map(({ attempt }) => attempt);
  if (good.length === 0) {
    throw new ConvergenceError('No sparsity meets the targets', {
      expected: describeLimits(targets),
      actual: attempts.map(describeAttempt).join('; '),
      remedy: 'Allow more bytes or a larger loss of accuracy, or ask for other bits.',
      facts: { targets, attempts },
    });
  }
  const rank = ({ attempt }: Result) => (byAccuracy ? -attempt.bytes : attempt.accuracy);
  const best = good.reduce((a, b) => (rank(b) > rank(a) ? b : a));
  return { best, attempts };
}

function describeLimits({ maxAccuracyDrop, maxBytes }: CompressionTargets): string {
  const limits = [
    ...(maxBytes === undefined ? [] : [`${maxBytes} bytes`]),
    ...(maxAccuracyDrop === undefined ? [] : [describeLoss(maxAccuracyDrop)]),
  ];
  return `at most ${limits.join(' and ')}`;
}

function describeAttempt({ sparsity, bytes, accuracyDrop }: CompressionAttempt): string {
  return `${bytes} bytes and ${describeLoss(accuracyDrop)} with ${formatPercent(sparsity)} zeros`;
}

function describeLoss(accuracyDrop: number): string {
  const points = (100 * Math.abs(accuracyDrop)).toFixed(2);
  return `${points} points of accuracy ${accuracyDrop < 0 ? 'gained' : 'lost'}`;
}
