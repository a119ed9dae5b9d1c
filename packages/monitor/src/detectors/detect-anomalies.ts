import type { MetricSample } from '@qedge/core';
import { groupIntoSeries, type MetricSeries } from '../metric-history.ts';
import type { Anomaly } from './anomaly.ts';
import { detectMemoryLeak, type MemoryLeakConfig } from './memory-leak.ts';
import { detectSpikes, type SpikeConfig } from './spike.ts';
import {
  detectHighCpu,
  detectLowFidelity,
  type HighCpuConfig,
  type LowFidelityConfig,
} from './threshold-detectors.ts';

/** Which detectors run and with which limits; `false` leaves one out. Default: all, with their defaults. */
export interface AnomalyConfig {
  readonly highCpu?: HighCpuConfig | false;
  readonly memoryLeak?: MemoryLeakConfig | false;
  readonly lowFidelity?: LowFidelityConfig | false;
  readonly spike?: SpikeConfig | false;
}

const MEMORY_METRICS = [
  'process_heap_used_bytes',
  'process_resident_memory_bytes',
  'process_external_memory_bytes',
];

/** One figure for each thing that can be late; medians and maxima of the same would only repeat it. */
const SPIKY = /latency_ms$|^event_loop_delay_p99_ms$/;

/**
 * Looks for trouble in recorded metrics: sustained processor use, memory leaks, low fidelity of quantum circuits, and spikes.
 *
 * @param recorded samples in any order, or ready series; values that are not finite are left out.
 * @returns anomalies in order of their beginning.
 */
export function detectAnomalies(
  recorded: readonly MetricSample[] | readonly MetricSeries[],
  config: AnomalyConfig = {},
): Anomaly[] {
  const highCpu = settings(config.highCpu);
  const memoryLeak = settings(config.memoryLeak);
  const lowFidelity = settings(config.lowFidelity);
  const spike = settings(config.spike);
  const leakMetrics = memoryLeak?.metrics ?? MEMORY_METRICS;
  const anomalies = toSeries(recorded).flatMap((series) => {
    const { name } = series;
    const found: Anomaly[] = [];
    if (highCpu && name === (highCpu.metric ?? 'process_cpu_fraction'))
      found.push(...detectHighCpu(series, highCpu));
    if (memoryLeak && leakMetrics.includes(name)) found.push(...detectMemoryLeak(series, memoryLeak));
    if (lowFidelity && name === (lowFidelity.metric ?? 'quantum_fidelity_fraction'))
      found.push(...detectLowFidelity(series, lowFidelity));
    if (spike && (spike.metrics?.includes(name) ?? SPIKY.test(name)))
      found.push(...detectSpikes(series, spike));
    return found;
  });
  return anomalies.sort((a, b) => a.startMs - b.startMs);
}

function settings<T extends object>(option: T | false | undefined): Partial<T> | null {
  return option === false ? null : (option ?? {});
}

function toSeries(recorded: readonly MetricSample[] | readonly MetricSeries[]): MetricSeries[] {
  const all = recorded.every(isSeries) ? [...recorded] : groupIntoSeries(recorded as readonly MetricSample[]);
  return all.map((series) =>
    series.values.every(Number.isFinite)
      ? series
      : {
          ...series,
          timesMs: series.timesMs.filter((_, i) => Number.isFinite(series.values[i])),
          values: series.values.filter(Number.isFinite),
        },
  );
}

function isSeries(item: MetricSample | MetricSeries): item is MetricSeries {
  return 'values' in item;
}
