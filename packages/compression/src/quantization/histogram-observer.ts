import { codeRange } from './code-range.ts';
import { type CodeFormat, rangeCode, type ValueRange } from './range-coding.ts';
import { RecordingObserver } from './recording-observer.ts';
import { ValueHistogram } from './value-histogram.ts';

/** Candidates per end and search; a second search refines between the neighbours of the best. */
const CANDIDATES = 128;
const MOST_ROUNDS = 8;

/**
 * The range with the least squared error of rounding and clipping, estimated from a histogram whose values are taken to be spread evenly within
 * each bin, as `HistogramObserver` of PyTorch estimates it. Where that one walks inward from both ends until the error rises, this
 * searches each end in turn among 128 positions and again between the neighbours of the best, until neither end moves.
 */
export class HistogramObserver extends RecordingObserver<ValueHistogram> {
  readonly #format: CodeFormat;

  /** @throws InvalidArgumentError for an impossible width. */
  constructor(format: CodeFormat) {
    super(new ValueHistogram());
    codeRange(format.bits, format.symmetric);
    this.#format = format;
  }

  protected override chooseRange(histogram: ValueHistogram): ValueRange {
    const { extremes } = histogram;
    if (extremes.min === 0 && extremes.max === 0) return extremes;
    const bins = occupiedBins(histogram);
    const error = (range: ValueRange) => estimateError(bins, range, this.#format);
    if (this.#format.symmetric) {
      const largest = Math.max(-extremes.min, extremes.max);
      const end = searchEnd(largest, (candidate) => error({ min: -candidate, max: candidate }));
      return { min: Math.max(extremes.min, -end), max: Math.min(extremes.max, end) };
    }
    return searchBothEnds(extremes, error);
  }
}

interface OccupiedBin {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

function occupiedBins({ counts, halfBins, width, extremes }: ValueHistogram): OccupiedBin[] {
  const bins: OccupiedBin[] = [];
  counts.forEach((count, i) => {
    if (count === 0) return;
    const from = Math.max(extremes.min, (i - halfBins) * width);
    const to = Math.min(extremes.max, (i + 1 - halfBins) * width);
    bins.push({ from, to, count });
  });
  return bins;
}

function estimateError(bins: readonly OccupiedBin[], range: ValueRange, format: CodeFormat): number {
  const levels = levelsOf(range, format);
  let sum = 0;
  for (const { from, to, count } of bins) sum += count * meanSquaredError(from, to, levels);
  return sum;
}

/** Evenly spaced numbers that have codes: `first + k * step` for `k` in `0..count - 1`. */
interface Levels {
  readonly first: number;
  readonly step: number;
  readonly count: number;
}

function levelsOf(range: ValueRange, format: CodeFormat): Levels {
  const { scale, zeroPoint } = rangeCode(range, format);
  const { low, high } = codeRange(format.bits, format.symmetric);
  const step = format.bits === 1 ? 2 * scale : scale;
  return { first: (low - zeroPoint) * scale, step, count: format.bits === 1 ? 2 : high - low + 1 };
}

/** The mean of the squared distance to the nearest level over an interval: exact, as a sum of one integral per level. */
function meanSquaredError(from: number, to: number, { first, step, count }: Levels): number {
  let index = Math.min(count - 1, Math.max(0, Math.floor((from - first) / step + 0.5)));
  if (!(to > from)) return (from - first - index * step) ** 2;
  let sum = 0;
  let at = from;
  while (at < to) {
    const level = first + index * step;
    const end = index === count - 1 ? to : Math.min(to, level + step / 2);
    if (end > at) {
      sum += ((end - level) ** 3 - (at - level) ** 3) / 3;
      at = end;
    }
    index += 1;
  }
  return sum / (to - from);
}

function searchBothEnds(extremes: ValueRange, error: (range: ValueRange) => number): ValueRange {
  let { min, max } = extremes;
  let least = error(extremes);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const before = least;
    if (extremes.max > 0) max = searchEnd(extremes.max, (end) => error({ min, max: end }), max);
    if (extremes.min < 0) min = -searchEnd(-extremes.min, (end) => error({ min: -end, max }), -min);
    least = error({ min, max });
    if (!(least < before)) break;
  }
  return { min, max };
}

/** The number in `(0, largest]` with the least error: on a grid, then on a finer one around the best. `known` is another candidate. */
function searchEnd(largest: number, error: (end: number) => number, known = largest): number {
  let best = known;
  let least = error(known);
  const consider = (end: number) => {
    if (!(end > 0 && end <= largest)) return;
    const found = error(end);
    if (found >= least) return;
    least = found;
    best = end;
  };
  for (let i = CANDIDATES; i >= 1; i--) consider((largest * i) / CANDIDATES);
  const centre = best;
  for (let i = -15; i <= 15; i++) consider(centre + (largest * i) / (16 * CANDIDATES));
  return best;
}
