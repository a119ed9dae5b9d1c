import { quantileOfSorted } from '@qedge/core';
import type { MetricSeries } from '../metric-history.ts';
import { type Anomaly, anomalyPlace, findStretches } from './anomaly.ts';

/** When a value counts as a spike. */
export interface SpikeConfig {
  /** Series to look at. Default for `detectAnomalies`: `event_loop_delay_p99_ms` and names ending in `latency_ms`. */
  readonly metrics?: readonly string[];
  /** Distance from the expected value, in robust standard deviations. Default 6. */
  readonly deviations?: number;
  /** How much farther than anything seen before a value must be. Default 1.5. */
  readonly margin?: number;
  /** Samples to learn from before the first verdict. Default 60. */
  readonly warmUpSamples?: number;
}

/** Weight of a new value in the expected one. */
const SMOOTHING = 0.2;
/** Residuals that the scale is estimated from. */
const SCALE_WINDOW = 256;
/** The scale moves slowly: it is estimated anew once per this many samples. */
const SCALE_INTERVAL = 16;
/** 1 / (the median absolute deviation of a standard normal). */
const NORMAL_CONSISTENCY = 1.4826;

/**
 * Finds values that are far from what the recent past predicts. The prediction is an exponentially weighted mean; a spike is
 * both `deviations` robust standard deviations (scaled median absolute residual) and `margin` times the largest residual seen
 * so far away from it, so that a series that always jumps, as by day and night, raises no alarm once its jumps are known.
 */
export function detectSpikes(series: MetricSeries, config: SpikeConfig = {}): Anomaly[] {
  const { deviations = 6, margin = 1.5, warmUpSamples = 60 } = config;
  const { values } = series;
  const limits = new Float64Array(values.length).fill(Number.POSITIVE_INFINITY);
  const residuals = new Float64Array(values.length);
  const window = new Float64Array(SCALE_WINDOW);
  let expected = values[0] ?? 0;
  let scale = 0;
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const residual = values[i]! - expected;
    const distance = Math.abs(residual);
    if (i > 0 && (i % SCALE_INTERVAL === 0 || i === warmUpSamples)) scale = robustScale(window, i);
    const limit = Math.max(deviations * scale, margin * largest);
    if (i >= warmUpSamples && limit > 0) limits[i] = limit;
    residuals[i] = residual;
    window[i % SCALE_WINDOW] = Math.min(distance, limits[i]!);
    // What was flagged moves expectation and record only as far as the limit: one spike must not hide the next.
    const believed = Math.min(distance, limits[i]!);
    largest = Math.max(largest, believed);
    expected += SMOOTHING * Math.sign(residual) * believed;
  }
  return findStretches(values, (_, i) => Math.abs(residuals[i]!) > limits[i]!).map((stretch) => {
    let at = stretch.from;
    for (let i = stretch.from; i <= stretch.to; i++)
      if (Math.abs(residuals[i]!) > Math.abs(residuals[at]!)) at = i;
    const distance = Math.abs(residuals[at]!);
    const predicted = values[at]! - residuals[at]!;
    return {
      kind: 'spike',
      ...anomalyPlace(series, stretch),
      severity: distance > 3 * limits[at]! ? 'critical' : 'warning',
      value: values[at]!,
      threshold: predicted + Math.sign(residuals[at]!) * limits[at]!,
      explanation: `${series.name} reached ${values[at]!.toPrecision(4)} where ${predicted.toPrecision(4)} was expected: ${(distance / limits[at]!).toFixed(1)} times the largest deviation allowed from what was seen before.`,
    };
  });
}

function robustScale(window: Float64Array, seen: number): number {
  const sorted = window.slice(0, Math.min(seen, SCALE_WINDOW)).sort();
  return NORMAL_CONSISTENCY * quantileOfSorted(sorted, 0.5);
}
