import type { MetricSeries } from '../metric-history.ts';
import { type Anomaly, anomalyPlace, findStretches } from './anomaly.ts';

/** When processor use counts as too high. */
export interface HighCpuConfig {
  /** Series to look at. Default `process_cpu_fraction`. */
  readonly metric?: string;
  /** Share of all processors, 0..1. Default 0.9. */
  readonly threshold?: number;
  /** It must stay at or above the threshold for this long. Default 10 s. */
  readonly sustainedMs?: number;
}

/** When the fidelity of a quantum circuit counts as too low. */
export interface LowFidelityConfig {
  /** Series to look at. Default `quantum_fidelity_fraction`. */
  readonly metric?: string;
  /** 0..1. Default 0.9. */
  readonly threshold?: number;
}

/** Stretches of processor use at or above a threshold that last; critical when three times as long as asked for. */
export function detectHighCpu(series: MetricSeries, config: HighCpuConfig = {}): Anomaly[] {
  const { threshold = 0.9, sustainedMs = 10_000 } = config;
  const { values, timesMs } = series;
  return findStretches(values, (value) => value >= threshold)
    .filter(({ from, to }) => timesMs[to]! - timesMs[from]! >= sustainedMs)
    .map((stretch) => {
      const part = values.slice(stretch.from, stretch.to + 1);
      const mean = part.reduce((sum, value) => sum + value, 0) / part.length;
      const place = anomalyPlace(series, stretch);
      const seconds = (place.endMs - place.startMs) / 1000;
      return {
        kind: 'high-cpu',
        ...place,
        severity: seconds * 1000 >= 3 * sustainedMs ? 'critical' : 'warning',
        value: part.reduce((highest, value) => Math.max(highest, value)),
        threshold,
        explanation: `Processor use stayed at or above ${percent(threshold)} for ${seconds.toFixed(1)} s, ${percent(mean)} on average.`,
      };
    });
}

/** Stretches of fidelity below a threshold; critical below half of it. */
export function detectLowFidelity(series: MetricSeries, config: LowFidelityConfig = {}): Anomaly[] {
  const { threshold = 0.9 } = config;
  return findStretches(series.values, (value) => value < threshold).map((stretch) => {
    const part = series.values.slice(stretch.from, stretch.to + 1);
    const lowest = part.reduce((least, value) => Math.min(least, value));
    const runs = part.length === 1 ? '1 sample' : `${part.length} samples in a row`;
    return {
      kind: 'low-fidelity',
      ...anomalyPlace(series, stretch),
      severity: lowest < threshold / 2 ? 'critical' : 'warning',
      value: lowest,
      threshold,
      explanation: `Fidelity fell to ${lowest.toPrecision(3)}, below ${threshold}, in ${runs}.`,
    };
  });
}

function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(0)} %`;
}
