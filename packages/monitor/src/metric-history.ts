import { InvalidArgumentError, type MetricSample } from '@qedge/core';
import { type Labels, labelKey } from './metric-registry.ts';

/** One metric over time. Plain data. */
export interface MetricSeries {
  readonly name: string;
  readonly unit: string;
  readonly labels: Labels;
  /** Ascending. */
  readonly timesMs: readonly number[];
  /** As many as times. */
  readonly values: readonly number[];
}

/** Gathers samples into one series per name and label set, each sorted by time. */
export function groupIntoSeries(samples: readonly MetricSample[]): MetricSeries[] {
  const groups = new Map<string, MetricSample[]>();
  for (const sample of samples) {
    const key = `${sample.name} ${labelKey(sample.labels)}`;
    const group = groups.get(key);
    if (group) group.push(sample);
    else groups.set(key, [sample]);
  }
  return [...groups.values()].map((group) => {
    const sorted = group.sort((a, b) => a.timestampMs - b.timestampMs);
    const { name, unit, labels } = sorted[0]!;
    return {
      name,
      unit,
      labels,
      timesMs: sorted.map((sample) => sample.timestampMs),
      values: sorted.map((sample) => sample.value),
    };
  });
}

/**
 * Keeps the last samples of every series, for charts and detectors. Counters become rates per second. Series beyond the first
 * `maxSeries` are not kept, so that memory stays bounded; `droppedSamples` counts what they brought.
 */
export class MetricHistory {
  readonly capacity: number;
  readonly #series = new Map<string, { head: MetricSample; timesMs: number[]; values: number[] }>();
  readonly #counters = new Map<string, MetricSample>();
  readonly #keys = new Set<string>();
  readonly #maxSeries: number;
  #droppedSamples = 0;

  /**
   * @param capacity samples per series, at least 2.
   * @param maxSeries at least 1.
   * @throws InvalidArgumentError for less.
   */
  constructor(capacity = 900, maxSeries = 500) {
    if (!Number.isInteger(capacity) || capacity < 2 || !Number.isInteger(maxSeries) || maxSeries < 1) {
      throw new InvalidArgumentError('The size of a history is out of range', {
        expected: 'integers, capacity >= 2, maxSeries >= 1',
        actual: [capacity, maxSeries],
      });
    }
    this.capacity = capacity;
    this.#maxSeries = maxSeries;
  }

  /** Samples that were not kept because there were too many series. */
  get droppedSamples(): number {
    return this.#droppedSamples;
  }

  /** Takes one snapshot of a registry. Returns what it kept: gauges and quantiles as they are, counters as rates. */
  append(samples: readonly MetricSample[]): MetricSample[] {
    const kept: MetricSample[] = [];
    for (const sample of samples) {
      const key = `${sample.name} ${labelKey(sample.labels)}`;
      if (this.#keys.size >= this.#maxSeries && !this.#keys.has(key)) {
        this.#droppedSamples++;
        continue;
      }
      this.#keys.add(key);
      const point = sample.kind === 'counter' ? this.#rate(key, sample) : sample;
      if (!point) continue;
      kept.push(point);
      const series = this.#series.get(key) ?? { head: point, timesMs: [], values: [] };
      this.#series.set(key, series);
      series.timesMs.push(point.timestampMs);
      series.values.push(point.value);
      if (series.values.length > this.capacity) {
        series.timesMs.shift();
        series.values.shift();
      }
    }
    return kept;
  }

  /** Every series, in order of first appearance; copies. */
  series(): MetricSeries[] {
    return [...this.#series.values()].map(({ head, timesMs, values }) => ({
      name: head.name,
      unit: head.unit,
      labels: head.labels,
      timesMs: [...timesMs],
      values: [...values],
    }));
  }

  #rate(key: string, sample: MetricSample): MetricSample | null {
    const before = this.#counters.get(key);
    this.#counters.set(key, sample);
    if (!before || sample.timestampMs <= before.timestampMs) return null;
    // A counter that went back was restarted: what it shows now has passed since.
    const grown = sample.value >= before.value ? sample.value - before.value : sample.value;
    const perSecond = (1000 * grown) / (sample.timestampMs - before.timestampMs);
    return { ...sample, kind: 'gauge', value: perSecond, unit: `${sample.unit}/s` };
  }
}
