import { codeRange } from './code-range.ts';
import type { CodeFormat, ValueRange } from './range-coding.ts';
import type { MergeableObserver } from './range-observer.ts';
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
export class EntropyObserver implements MergeableObserver<EntropyObserver> {
  readonly #format: CodeFormat;
  readonly #histogram = new ValueHistogram();

  /** @throws InvalidArgumentError for an impossible width. */
  constructor(format: CodeFormat) {
    codeRange(format.bits, format.symmetric);
    this.#format = format;
  }

  observe(values: Float32Array): void {
    this.#histogram.observe(values);
  }

  merge(other: EntropyObserver): void {
    this.#histogram.merge(other.#histogram);
  }

  range(): ValueRange {
    const { extremes } = this.#histogram;
    const { counts, width } = magnitudeCounts(this.#histogram);
    if (counts.length === 0) return extremes;
    const isOneSided = extremes.min === 0 || extremes.max === 0;
    const levels = magnitudeLevels(this.#format, isOneSided);
    let best = counts.length;
    let least = Number.POSITIVE_INFINITY;
    for (let kept = Math.min(levels, counts.length); kept <= counts.length; kept++) {
      const divergence = codingDivergence(counts, kept, levels);
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
export function magnitudeLevels({ bits, symmetric }: CodeFormat, isOneSided: boolean): number {
  return !symmetric && isOneSided ? 2 ** bits : 2 ** (bits - 1);
}

/** Counts of magnitudes other than 0, up to the last occupied bin. */
function magnitudeCounts({ counts, halfBins, width }: ValueHistogram) {
  const perBin = halfBins / MOST_BINS;
  const magnitudes = new Float64Array(MOST_BINS);
  let occupied = 0;
  for (let i = 0; i < halfBins; i++) {
    const count = counts[halfBins + i]! + counts[halfBins - 1 - i]!;
    if (count === 0) continue;
    const bin = Math.floor(i / perBin);
    magnitudes[bin]! += count;
    occupied = bin + 1;
  }
  return { counts: magnitudes.slice(0, occupied), width: width * perBin };
}

/** The divergence of `kept` bins coded by `levels` codes from the same bins with all that is clipped in the last one. */
export function codingDivergence(counts: Float64Array, kept: number, levels: number): number {
  const reference = counts.slice(0, kept);
  for (let i = kept; i < counts.length; i++) reference[kept - 1]! += counts[i]!;
  const coded = new Float64Array(kept);
  for (let level = 0; level < levels; level++) {
    const from = Math.floor((level * kept) / levels);
    const to = Math.floor(((level + 1) * kept) / levels);
    let sum = 0;
    let occupied = 0;
    for (let i = from; i < to; i++) {
      sum += counts[i]!;
      if (reference[i]! > 0) occupied += 1;
    }
    for (let i = from; i < to; i++) if (reference[i]! > 0) coded[i] = sum / occupied;
  }
  return divergence(smooth(reference), smooth(coded));
}

/** Moves a little weight from occupied to empty entries; null where nothing is occupied or too little to take from. */
function smooth(counts: Float64Array): Float64Array | null {
  const empty = counts.reduce((sum, count) => sum + (count === 0 ? 1 : 0), 0);
  const occupied = counts.length - empty;
  if (occupied === 0) return null;
  const taken = (SMOOTHING * empty) / occupied;
  if (taken >= 1) return null;
  return counts.map((count) => (count === 0 ? SMOOTHING : count - taken));
}

function divergence(p: Float64Array | null, q: Float64Array | null): number {
  if (p === null || q === null) return Number.POSITIVE_INFINITY;
  const total = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0);
  const [totalP, totalQ] = [total(p), total(q)];
  let sum = 0;
  for (let i = 0; i < p.length; i++) {
    const [a, b] = [p[i]! / totalP, q[i]! / totalQ];
    // Smoothing can leave less than nothing of a bin with a fraction of a count; such a bin carries no information.
    if (a > 0 && b > 0) sum += a * Math.log(a / b);
  }
  return sum;
}
