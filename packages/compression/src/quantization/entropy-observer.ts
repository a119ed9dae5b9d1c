import { codeRange } from './code-range.ts';
import type { CodeFormat, ValueRange } from './range-coding.ts';
import { RecordingObserver } from './recording-observer.ts';
import { ValueHistogram } from './value-histogram.ts';

/** As in TensorRT: how many bins the magnitudes are counted in. */
const MOST_BINS = 2048;
/** As in ONNX Runtime and MXNet: what empty bins get, so that the divergence stays finite. */
const SMOOTHING = 1e-4;

/**
 * The range whose codes keep the most information: the threshold on the magnitude with the least Kullback-Leibler divergence of the distribution
 * of the codes from that of the values, clipped values counted into the last bin (Migacz 2017, "8-bit inference with TensorRT"; smoothing
 * as `EntropyCalibrater` of ONNX Runtime). Every threshold from one bin per code to the largest magnitude is tried. Meant for activations.
 */
export class EntropyObserver extends RecordingObserver<ValueHistogram> {
  readonly #format: CodeFormat;

  /** @throws InvalidArgumentError for an impossible width. */
  constructor(format: CodeFormat) {
    super(new ValueHistogram());
    codeRange(format.bits, format.symmetric);
    this.#format = format;
  }

  protected override chooseRange(histogram: ValueHistogram): ValueRange {
    const { extremes } = histogram;
    const { bins, length, width } = magnitudeBins(histogram);
    if (length === 0) return extremes;
    const isOneSided = extremes.min === 0 || extremes.max === 0;
    const levels = magnitudeLevels(this.#format, isOneSided);
    let best = length;
    let least = Number.POSITIVE_INFINITY;
    for (let kept = Math.min(levels, length); kept <= length; kept++) {
      const divergence = codingDivergence(bins, kept, levels);
      if (divergence < least) {
        least = divergence;
        best = kept;
      }
    }
    const end = best * width;
    return { min: Math.max(extremes.min, -end), max: Math.min(extremes.max, end) };
  }
}

/** How many codes the magnitudes fall on. */
function magnitudeLevels({ bits, symmetric }: CodeFormat, isOneSided: boolean): number {
  return !symmetric && isOneSided ? 2 ** bits : 2 ** (bits - 1);
}

/** Bins of magnitudes that are not empty, in rising order. */
interface OccupiedBins {
  readonly indices: readonly number[];
  readonly counts: readonly number[];
  readonly total: number;
}

/** Counts of magnitudes other than 0. `length` bins hold them all. */
function magnitudeBins({ counts, halfBins, width }: ValueHistogram) {
  const perBin = halfBins / MOST_BINS;
  const magnitudes = new Float64Array(MOST_BINS);
  for (let i = 0; i < halfBins; i++) {
    magnitudes[Math.floor(i / perBin)]! += counts[halfBins + i]! + counts[halfBins - 1 - i]!;
  }
  const indices = Array.from(magnitudes.keys()).filter((i) => magnitudes[i]! > 0);
  const occupied = indices.map((i) => magnitudes[i]!);
  const bins = { indices, counts: occupied, total: occupied.reduce((sum, count) => sum + count, 0) };
  return { bins, length: (indices[indices.length - 1] ?? -1) + 1, width: width * perBin };
}

/**
 * The divergence of the first `kept` bins coded by `levels` codes from the same bins with all that is clipped in the last one. A code stands for
 * neighbouring bins and spreads what they hold evenly over those that are not empty. Empty bins of both distributions then get a
 * little weight from the others.
 */
function codingDivergence({ indices, counts, total }: OccupiedBins, kept: number, levels: number): number {
  let used = 0;
  let inside = 0;
  while (used < indices.length && indices[used]! < kept) inside += counts[used++]!;
  const clipped = total - inside;
  const isLastOccupied = used > 0 && indices[used - 1] === kept - 1;
  const occupied = used + (clipped > 0 && !isLastOccupied ? 1 : 0);
  // Where only clipped values fall into the bins of the last code, its part of the coded distribution is empty.
  const lastFrom = Math.floor(((levels - 1) * kept) / levels);
  const isLastCodeEmpty = occupied > used && !(used > 0 && indices[used - 1]! >= lastFrom);
  const codedOccupied = occupied - (isLastCodeEmpty ? 1 : 0);
  const takenP = (SMOOTHING * (kept - occupied)) / occupied;
  const takenQ = (SMOOTHING * (kept - codedOccupied)) / codedOccupied;
  if (codedOccupied === 0 || takenP >= 1 || takenQ >= 1) return Number.POSITIVE_INFINITY;
  const term = (p: number, q: number) => {
    const [a, b] = [p / total, q / inside];
    // Smoothing can leave less than nothing of a bin with a fraction of a count; such a bin carries no information.
    return a > 0 && b > 0 ? a * Math.log(a / b) : 0;
  };
  let sum = (kept - occupied) * term(SMOOTHING, SMOOTHING);
  for (let level = 0, from = 0; level < levels; level++) {
    const end = Math.floor(((level + 1) * kept) / levels);
    let to = from;
    let held = 0;
    while (to < used && indices[to]! < end) held += counts[to++]!;
    const isLast = level === levels - 1;
    const extra = isLast && occupied > used ? 1 : 0;
    const each = held > 0 ? held / (to - from + extra) - takenQ : SMOOTHING;
    for (let i = from; i < to; i++) {
      sum += term(counts[i]! + (indices[i] === kept - 1 ? clipped : 0) - takenP, each);
    }
    if (extra > 0) sum += term(clipped - takenP, each);
    from = to;
  }
  return sum;
}
