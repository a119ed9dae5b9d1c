import type { Clock } from '@qedge/core';
import {
  type AnomalyConfig,
  detectAnomalies,
  MetricHistory,
  MetricRegistry,
  QuantumProfiler,
  Tracer,
} from '@qedge/monitor';
import {
  asyncSpanContext,
  createProfilers,
  type MonitorServer,
  type Profilers,
  serveMonitor,
} from '@qedge/monitor/node';
import type { PowerSource } from '@qedge/power';
import type { Report } from './report/schema.ts';

const SAMPLE_INTERVAL_MS = 500;

/** Series that the report draws; the live page shows all. */
const PLOTTED = [
  'process_cpu_fraction',
  'process_resident_memory_bytes',
  'process_heap_used_bytes',
  'event_loop_delay_p99_ms',
  'device_power_watts',
];

/** Training keeps every core busy on purpose, so processor use only counts as trouble when it lasts longer than any step. */
const ANOMALIES: AnomalyConfig = { highCpu: { sustainedMs: 120_000 }, spike: false };

/** Watches one run of the main job: spans, profilers of the process, quantum figures, anomalies, and the live page. */
export class JobMonitor implements AsyncDisposable {
  readonly tracer: Tracer;
  readonly registry: MetricRegistry;
  readonly quantum: QuantumProfiler;
  readonly #history = new MetricHistory(5000);
  readonly #profilers: Profilers;
  readonly #timer: NodeJS.Timeout;
  readonly #startMs: number;
  #server: MonitorServer | null = null;

  constructor(clock: Clock, powerSource: PowerSource) {
    this.tracer = new Tracer({ clock, context: asyncSpanContext() });
    this.registry = new MetricRegistry({ clock });
    this.quantum = new QuantumProfiler(this.registry);
    this.#profilers = createProfilers({
      registry: this.registry,
      clock,
      intervalMs: SAMPLE_INTERVAL_MS,
      powerSource,
    });
    this.#startMs = clock.nowMs();
    this.#profilers.start();
    this.#timer = setInterval(
      () => this.#history.append(this.registry.snapshot()),
      SAMPLE_INTERVAL_MS,
    ).unref();
  }

  /** Starts the live page on a free port of this machine. */
  async serve(): Promise<string> {
    this.#server = await serveMonitor({ registry: this.registry, tracer: this.tracer, anomalies: ANOMALIES });
    return this.#server.url;
  }

  /** What was seen so far; times count from the start of the job. */
  report(): Report['monitor'] {
    this.#profilers.sample();
    this.#history.append(this.registry.snapshot());
    const series = this.#history.series();
    return {
      spans: this.tracer.spans().map(({ id, parentId, name, startMs, endMs, status }) => ({
        id,
        parentId,
        name,
        startMs: startMs - this.#startMs,
        endMs: endMs - this.#startMs,
        status,
      })),
      series: series
        .filter(({ name, values }) => PLOTTED.includes(name) && values.length > 1)
        .map(({ name, unit, labels, timesMs, values }) => ({
          name,
          unit,
          labels: { ...labels },
          points: timesMs.flatMap((timeMs, i) =>
            Number.isFinite(values[i]) ? [[timeMs - this.#startMs, values[i]!] as [number, number]] : [],
          ),
        })),
      anomalies: detectAnomalies(series, ANOMALIES).map(({ kind, metric, severity, explanation }) => ({
        kind,
        metric,
        severity,
        explanation,
      })),
      checked: ['high processor use', 'memory leaks', 'low fidelity'],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#profilers.dispose();
    await this.#server?.close();
  }
}
