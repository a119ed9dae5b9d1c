import { codeRange, roundHalfEven } from './code-range.ts';
import { type AffineCode, type CodeFormat, rangeCode, type ValueRange } from './range-coding.ts';
import { RecordingObserver } from './recording-observer.ts';
import { RetainedValues } from './retained-values.ts';

const CANDIDATES = 46;
const SMALLEST_FRACTION = 0.1;

/**
 * The shrunken range, among 46 between 10 % and 100 % of that of the values, with the least squared error of rounding and clipping, measured on
 * the values themselves, of which it keeps copies. At 1 bit the mean magnitude, which is the best scale there (Rastegari et al. 2016,
 * arXiv:1603.05279, eq. 6).
 */
export class MeanSquaredErrorObserver extends RecordingObserver<RetainedValues> {
  readonly #format: CodeFormat;

  /** @throws InvalidArgumentError for an impossible width. */
  constructor(format: CodeFormat) {
    super(new RetainedValues());
    codeRange(format.bits, format.symmetric);
    this.#format = format;
  }

  protected override chooseRange(values: RetainedValues): ValueRange {
    return leastSquaresRange(values.all(), values.extremes, this.#format);
  }
}

/** The range that {@link MeanSquaredErrorObserver} chooses; `extremes` are those of the values, 0 included. */
function leastSquaresRange(values: Float32Array, extremes: ValueRange, format: CodeFormat): ValueRange {
  if (format.bits === 1) return meanMagnitudeRange(values);
  let best = extremes;
  let least = squaredError(values, rangeCode(best, format), format);
  for (let candidate = CANDIDATES - 2; candidate >= 0; candidate--) {
    const fraction = SMALLEST_FRACTION + ((1 - SMALLEST_FRACTION) * candidate) / (CANDIDATES - 1);
    const range = { min: extremes.min * fraction, max: extremes.max * fraction };
    const error = squaredError(values, rangeCode(range, format), format);
    if (error < least) {
      least = error;
      best = range;
    }
  }
  return best;
}

function meanMagnitudeRange(values: Float32Array): ValueRange {
  if (values.length === 0) return { min: 0, max: 0 };
  const mean = values.reduce((sum, value) => sum + Math.abs(value), 0) / values.length;
  return { min: -mean, max: mean };
}

/** The squared error of coding values, in float64. */
function squaredError(
  values: Float32Array,
  { scale, zeroPoint }: AffineCode,
  { bits, symmetric }: CodeFormat,
): number {
  const { low, high } = codeRange(bits, symmetric);
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    let code = roundHalfEven(Math.fround(value / scale)) + zeroPoint;
    if (bits === 1) code = value < 0 ? low : high;
    const clamped = Math.min(high, Math.max(low, code));
    const error = (clamped - zeroPoint) * scale - value;
    sum += error * error;
  }
  return sum;
}
