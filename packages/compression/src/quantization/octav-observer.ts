import { codeRange } from './code-range.ts';
import type { CodeFormat, ValueRange } from './range-coding.ts';
import { RecordingObserver } from './recording-observer.ts';
import { RetainedValues } from './retained-values.ts';

const MOST_ITERATIONS = 100;
const TOLERANCE = 1e-9;

/**
 * Optimally clipped tensors and vectors (Sakr et al. 2022, arXiv:2206.06501): the clipping magnitude with the least expected squared error under
 * the model that rounding adds `step^2 / 12` to each value inside and clipping its excess, by Newton's iteration from the mean magnitude. Zeros
 * have a code of their own and count for nothing: weights may be mostly pruned. The iteration neglects that values change sides when the magnitude moves, which costs less than 0.2 % of the error.
 * `step` is that of the codes used here, `magnitude / (2^(bits-1) - 1)` when symmetric; the paper's differs below 4 bits. Keeps copies of
 * the values. At 1 bit the model does not hold: the mean magnitude is taken, the best scale there.
 */
export class OctavObserver extends RecordingObserver<RetainedValues> {
  readonly #format: CodeFormat;

  /** @throws InvalidArgumentError for an impossible width. */
  constructor(format: CodeFormat) {
    super(new RetainedValues());
    codeRange(format.bits, format.symmetric);
    this.#format = format;
  }

  protected override chooseRange(retained: RetainedValues): ValueRange {
    const { extremes } = retained;
    if (extremes.min === 0 && extremes.max === 0) return extremes;
    const values = retained.all();
    if (this.#format.bits === 1) {
      const mean = clippedSum(values, 0).sum / values.length;
      return { min: -mean, max: mean };
    }
    const isOneSided = extremes.min === 0 || extremes.max === 0;
    const noise = roundingNoise(this.#format, isOneSided);
    const end = optimalClip(values, Math.max(-extremes.min, extremes.max), noise);
    return { min: Math.max(extremes.min, -end), max: Math.min(extremes.max, end) };
  }
}

/** The expected squared error of rounding, for a clipping magnitude of 1. */
function roundingNoise({ bits, symmetric }: CodeFormat, isOneSided: boolean): number {
  const { low, high } = codeRange(bits, symmetric);
  const steps = symmetric ? high : isOneSided ? high - low : (high - low) / 2;
  return 1 / (12 * steps * steps);
}

/** `sum |x|` and the number of the values with `|x| >= clip`. */
function clippedSum(values: Float32Array, clip: number): { sum: number; count: number } {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!);
    if (magnitude >= clip) {
      sum += magnitude;
      count += 1;
    }
  }
  return { sum, count };
}

function optimalClip(values: Float32Array, largest: number, noise: number): number {
  const all = clippedSum(values, 0).sum;
  const occupied = values.reduce((count, value) => count + (value === 0 ? 0 : 1), 0);
  let clip = Math.min(largest, all / occupied);
  for (let iteration = 0; iteration < MOST_ITERATIONS; iteration++) {
    const { sum, count } = clippedSum(values, clip);
    const next = Math.min(largest, sum / ((1 - noise) * count + noise * occupied));
    if (Math.abs(next - clip) <= TOLERANCE * clip) break;
    clip = next;
  }
  return clip;
}
