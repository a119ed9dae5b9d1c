import type { MetricSeries } from '../metric-history.ts';
import { type Anomaly, anomalyPlace } from './anomaly.ts';
import { mannKendallTest, theilSenSlope } from './trend.ts';

/** When growing memory counts as a leak. */
export interface MemoryLeakConfig {
  /** Series to look at. Default `process_heap_used_bytes`, `process_resident_memory_bytes`, `process_external_memory_bytes`. */
  readonly metrics?: readonly string[];
  /** Probability of a false alarm that the trend test may have. Default 0.01. */
  readonly alpha?: number;
  /** Growth over the series that matters, as a fraction of its lowest level. Default 0.05. */
  readonly minimumGrowthFraction?: number;
  /** A series must last this long: a program that starts up takes memory without leaking. Default 2 min. */
  readonly minimumDurationMs?: number;
  /** When given, the explanation says when memory would reach it. */
  readonly limitBytes?: number;
}

const HOUR_MS = 3_600_000;
/** A low of several samples is what remains after garbage collection; single samples show the saw teeth. */
const SAMPLES_PER_LOW = 6;
const FEWEST_LOWS = 10;
const MOST_LOWS = 40;

/**
 * Finds a lasting rise of memory: a Mann-Kendall test with Hamed-Rao correction on the lows of the series (what is left after
 * garbage collection), a Theil-Sen slope large enough to matter, and growth that goes on in the later half (a cache that
 * filled up is no leak). Needs 60 samples over two minutes or more; finds nothing in fewer.
 */
export function detectMemoryLeak(series: MetricSeries, config: MemoryLeakConfig = {}): Anomaly[] {
  const { alpha = 0.01, minimumGrowthFraction = 0.05, minimumDurationMs = 120_000, limitBytes } = config;
  const { timesMs } = series;
  if (!(timesMs[timesMs.length - 1]! - timesMs[0]! >= minimumDurationMs)) return [];
  const lows = lowsOf(series);
  if (lows.values.length < FEWEST_LOWS) return [];
  const { risingProbability } = mannKendallTest(lows.values);
  if (!(risingProbability < alpha)) return [];
  const slope = theilSenSlope(lows.timesMs, lows.values);
  const duration = lows.timesMs[lows.timesMs.length - 1]! - lows.timesMs[0]!;
  const floor = Math.min(...lows.values);
  const thresholdPerHour = (minimumGrowthFraction * floor * HOUR_MS) / duration;
  const bytesPerHour = slope * HOUR_MS;
  if (bytesPerHour < thresholdPerHour || !stillGrowing(lows, slope)) return [];
  const place = anomalyPlace(series, { from: 0, to: series.values.length - 1 });
  const last = lows.values[lows.values.length - 1]!;
  const hoursLeft = limitBytes === undefined ? null : Math.max(0, limitBytes - last) / bytesPerHour;
  const outlook =
    hoursLeft === null
      ? ''
      : ` At this rate the limit of ${megabytes(limitBytes!)} is reached in ${hoursLeft.toFixed(1)} h.`;
  return [
    {
      kind: 'memory-leak',
      ...place,
      severity: (hoursLeft !== null && hoursLeft < 1) || slope * duration > floor ? 'critical' : 'warning',
      value: bytesPerHour,
      threshold: thresholdPerHour,
      explanation: `What garbage collection leaves of ${series.name} grew from ${megabytes(lows.values[0]!)} to ${megabytes(last)} in ${(duration / 60_000).toFixed(1)} min, ${megabytes(bytesPerHour)} per hour (p = ${risingProbability.toExponential(1)}).${outlook}`,
    },
  ];
}

/** The smallest value of each block of samples, so many that the test stays quick; a last incomplete block is left out. */
function lowsOf(series: MetricSeries): { timesMs: number[]; values: number[] } {
  const { timesMs, values } = series;
  const size = Math.max(SAMPLES_PER_LOW, Math.ceil(values.length / MOST_LOWS));
  const lows = { timesMs: [] as number[], values: [] as number[] };
  for (let from = 0; from + size <= values.length; from += size) {
    let at = from;
    for (let i = from; i < from + size; i++) if (values[i]! < values[at]!) at = i;
    lows.timesMs.push(timesMs[at]!);
    lows.values.push(values[at]!);
  }
  return lows;
}

function stillGrowing(lows: { timesMs: number[]; values: number[] }, slope: number): boolean {
  const half = Math.floor(lows.values.length / 2);
  return theilSenSlope(lows.timesMs.slice(half), lows.values.slice(half)) >= slope / 4;
}

function megabytes(bytes: number): string {
  const value = bytes / 1e6;
  return `${Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3)} MB`;
}
