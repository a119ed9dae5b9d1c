import type { MetricSeries } from '../metric-history.ts';

/** What kind of trouble an anomaly is. */
export type AnomalyKind = 'high-cpu' | 'memory-leak' | 'low-fidelity' | 'spike';

/** Something in a series that deserves attention. Plain data. */
export interface Anomaly {
  readonly kind: AnomalyKind;
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly severity: 'warning' | 'critical';
  readonly startMs: number;
  readonly endMs: number;
  /** The worst value; for a leak the slope in bytes per hour. */
  readonly value: number;
  /** What `value` was compared with. */
  readonly threshold: number;
  /** One sentence with the numbers. */
  readonly explanation: string;
}

/** A stretch of samples, both ends included. */
interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** Longest runs of neighbouring samples for which `matches` holds. */
export function findStretches(
  values: readonly number[],
  matches: (value: number, index: number) => boolean,
): Stretch[] {
  const stretches: Stretch[] = [];
  let from = -1;
  for (let i = 0; i <= values.length; i++) {
    const inside = i < values.length && matches(values[i]!, i);
    if (inside && from < 0) from = i;
    if (!inside && from >= 0) {
      stretches.push({ from, to: i - 1 });
      from = -1;
    }
  }
  return stretches;
}

/** The parts of an anomaly that come from its series. */
export function anomalyPlace(series: MetricSeries, { from, to }: Stretch) {
  return {
    metric: series.name,
    labels: series.labels,
    startMs: series.timesMs[from]!,
    endMs: series.timesMs[to]!,
  };
}
