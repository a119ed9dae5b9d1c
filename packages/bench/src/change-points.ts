import { InvalidArgumentError, quantileOfSorted, Random } from '@qedge/core';

/** Options of {@link detectChangePoints}. */
export interface ChangePointOptions {
  /** Probability that a series without any change raises an alarm at all (family-wise). Default 0.01. */
  readonly falseAlarmProbability?: number;
  /** Shortest stretch between two changes, at least 2. Shorter ones are treated as outliers. Default 5. */
  readonly minimumSegment?: number;
  /** Shuffles behind the threshold; the smallest probability that can be held is about 1 / permutations. Default 499. */
  readonly permutations?: number;
  /** Default 1. */
  readonly seed?: number;
}

/** A place where the level of a series changed. */
export interface ChangePoint {
  /** The first value at the new level. */
  readonly index: number;
  /** Median between the previous change (or the start) and this one. */
  readonly before: number;
  /** Median between this change and the next one (or the end). */
  readonly after: number;
  /** `(after - before) / |before|`; NaN when `before` is 0. */
  readonly changeFraction: number;
  /** The rank statistic between the neighbouring changes, deflated for autocorrelation, in units of the threshold; larger is surer. */
  readonly strength: number;
}

interface Candidate {
  readonly start: number;
  readonly end: number;
  readonly split: number;
  readonly statistic: number;
}

/**
 * Finds where the level of a performance history changed.
 *
 * Wilcoxon rank CUSUM over seeded intervals (Kovacs, Li, Buehlmann, Munk 2023, Seeded binary segmentation), the narrowest
 * interval over the threshold first (Baranowski, Chen, Fryzlewicz 2019). The threshold is the family-wise quantile over random
 * permutations; positive autocorrelation, which makes naive tests alarm on noise, deflates the statistic by the AR(1) factor
 * sqrt((1 - r) / (1 + r)). Ranks make it indifferent to outliers and heavy tails.
 *
 * @param series values in time order; O(n log n) per permutation
 * @returns change points by index; empty for series shorter than two minimal segments.
 * @throws InvalidArgumentError for NaN or options out of range.
 */
export function detectChangePoints(
  series: readonly number[],
  options: ChangePointOptions = {},
): ChangePoint[] {
  const { falseAlarmProbability = 0.01, minimumSegment = 5, permutations = 499, seed = 1 } = options;
  validate(series, falseAlarmProbability, minimumSegment, permutations);
  if (series.length < 2 * minimumSegment) return [];
  const values = Float64Array.from(series);
  const ranks = midRanks(values);
  const intervals = seededIntervals(ranks.length, 2 * minimumSegment);
  const threshold = permutationThreshold(ranks, intervals, minimumSegment, {
    falseAlarmProbability,
    permutations,
    random: new Random(seed),
  });
  const correlation = autocorrelation(ranks);
  const unit = threshold / Math.sqrt((1 - correlation) / (1 + correlation));
  const candidates = intervals
    .map(({ start, end }) => strongestSplit(ranks, start, end, minimumSegment))
    .filter((candidate) => candidate.statistic > unit);
  return describe(values, ranks, narrowestFirst(candidates), { minimumSegment, unit });
}

function validate(
  series: readonly number[],
  falseAlarmProbability: number,
  minimumSegment: number,
  permutations: number,
): void {
  const bad = series.findIndex((value) => Number.isNaN(value));
  if (bad >= 0) {
    throw new InvalidArgumentError('A series cannot hold NaN', {
      expected: 'numbers',
      actual: `NaN at ${bad}`,
    });
  }
  if (!(falseAlarmProbability > 0 && falseAlarmProbability < 1)) {
    throw new InvalidArgumentError('A probability is out of range', {
      expected: 'above 0 and below 1',
      actual: falseAlarmProbability,
    });
  }
  if (!Number.isInteger(minimumSegment) || minimumSegment < 2) {
    throw new InvalidArgumentError('A minimal segment is too short', {
      expected: 'an integer >= 2',
      actual: minimumSegment,
    });
  }
  if (!Number.isInteger(permutations) || permutations < 1 / falseAlarmProbability) {
    throw new InvalidArgumentError('Too few permutations for the false-alarm probability', {
      expected: `an integer >= ${Math.ceil(1 / falseAlarmProbability)}`,
      actual: permutations,
    });
  }
}

/** Ranks from 1; equal values share the mean of their ranks. */
function midRanks(values: Float64Array): Float64Array {
  const order = Uint32Array.from(values.keys()).sort((a, b) => values[a]! - values[b]!);
  const ranks = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) ranks[order[i]!] = (from + to + 1) / 2;
    from = to;
  }
  return ranks;
}

/** Layers of overlapping intervals, each layer shorter by sqrt(2), every one of at least `shortest` values. */
function seededIntervals(length: number, shortest: number): { start: number; end: number }[] {
  const intervals: { start: number; end: number }[] = [];
  for (let size = length; size >= shortest; size /= Math.SQRT2) {
    const count = 2 * Math.ceil(length / size) - 1;
    const shift = count > 1 ? (length - size) / (count - 1) : 0;
    for (let i = 0; i < count; i++) {
      const start = Math.floor(i * shift);
      intervals.push({ start, end: Math.min(length, Math.ceil(i * shift + size)) });
    }
  }
  return intervals;
}

/** The split of [start, end) whose rank sum is furthest from what exchangeable values would give, in standard deviations. */
function strongestSplit(ranks: Float64Array, start: number, end: number, minimumSegment: number): Candidate {
  const count = end - start;
  let sum = 0;
  let squares = 0;
  for (let i = start; i < end; i++) {
    sum += ranks[i]!;
    squares += ranks[i]! * ranks[i]!;
  }
  const mean = sum / count;
  const spread = squares - sum * mean;
  let best = 0;
  let split = start;
  let partial = 0;
  for (let i = start; i < end - minimumSegment; i++) {
    partial += ranks[i]! - mean;
    const left = i + 1 - start;
    if (left < minimumSegment) continue;
    const squared = (partial * partial) / (left * (count - left));
    if (squared > best) {
      best = squared;
      split = i + 1;
    }
  }
  // The variance of a sum of `left` ranks drawn without replacement, ties included.
  const statistic = spread > 1e-9 * squares ? Math.sqrt((best * count * (count - 1)) / spread) : 0;
  return { start, end, split, statistic };
}

function permutationThreshold(
  ranks: Float64Array,
  intervals: readonly { start: number; end: number }[],
  minimumSegment: number,
  options: { falseAlarmProbability: number; permutations: number; random: Random },
): number {
  const shuffled = ranks.slice();
  const largest = new Float64Array(options.permutations);
  for (let permutation = 0; permutation < options.permutations; permutation++) {
    options.random.shuffle(shuffled);
    for (const { start, end } of intervals) {
      const { statistic } = strongestSplit(shuffled, start, end, minimumSegment);
      if (statistic > largest[permutation]!) largest[permutation] = statistic;
    }
  }
  return quantileOfSorted(largest.sort(), 1 - options.falseAlarmProbability);
}

/**
 * Lag-1 autocorrelation, 0..0.9, from first differences: for an AR(1) process their correlation is -(1 - r) / 2. Changes of
 * level, which would make a plain estimate call every shift "autocorrelation", are jumps among the differences and left out.
 */
function autocorrelation(ranks: Float64Array): number {
  const differences = Float64Array.from({ length: ranks.length - 1 }, (_, i) => ranks[i + 1]! - ranks[i]!);
  const jump = 4 * median(differences.map(Math.abs));
  let product = 0;
  let pairs = 0;
  let square = 0;
  let kept = 0;
  for (let i = 0; i < differences.length; i++) {
    const [before, now] = [differences[i - 1] ?? Number.POSITIVE_INFINITY, differences[i]!];
    if (Math.abs(now) > jump) continue;
    square += now * now;
    kept++;
    if (Math.abs(before) > jump) continue;
    product += before * now;
    pairs++;
  }
  if (square === 0 || pairs === 0) return 0;
  return Math.min(0.9, Math.max(0, 1 + (2 * product * kept) / (square * pairs)));
}

/** Takes the narrowest candidate, drops all that contain its split, and so on. */
function narrowestFirst(candidates: readonly Candidate[]): Candidate[] {
  const taken: Candidate[] = [];
  const open = [...candidates].sort(
    (a, b) => a.end - a.start - (b.end - b.start) || b.statistic - a.statistic,
  );
  for (const candidate of open) {
    const explained = taken.some(({ split }) => candidate.start < split && split < candidate.end);
    if (!explained) taken.push(candidate);
  }
  return taken.sort((a, b) => a.split - b.split);
}

/** Places each change between its neighbours, where most values can speak, and states the levels around it. */
function describe(
  values: Float64Array,
  ranks: Float64Array,
  candidates: readonly Candidate[],
  { minimumSegment, unit }: { minimumSegment: number; unit: number },
): ChangePoint[] {
  const indices = candidates.map(({ split }) => split);
  const strengths = candidates.map(({ statistic }) => statistic / unit);
  for (let i = 0; i < indices.length; i++) {
    const start = indices[i - 1] ?? 0;
    const end = indices[i + 1] ?? ranks.length;
    if (end - start < 2 * minimumSegment) continue;
    const placed = strongestSplit(ranks, start, end, minimumSegment);
    if (placed.statistic === 0) continue;
    indices[i] = placed.split;
    strengths[i] = placed.statistic / unit;
  }
  return indices.map((index, i) => {
    const before = median(values.slice(indices[i - 1] ?? 0, index));
    const after = median(values.slice(index, indices[i + 1] ?? values.length));
    const changeFraction = before === 0 ? Number.NaN : (after - before) / Math.abs(before);
    return { index, before, after, changeFraction, strength: strengths[i]! };
  });
}

function median(values: Float64Array): number {
  return quantileOfSorted(values.sort(), 0.5);
}
