import type { Clock, MetricSample, Span } from '@qedge/core';
import type { Anomaly } from './detectors/anomaly.ts';
import { type AnomalyConfig, detectAnomalies } from './detectors/detect-anomalies.ts';
import { MetricHistory, type MetricSeries } from './metric-history.ts';
import type { MetricRegistry } from './metric-registry.ts';
import type { Tracer } from './tracer.ts';

/** All that a newcomer to the live page needs; the body of `/api/snapshot`. Plain data. */
export interface MonitorSnapshot {
  /** 1; grows when a key changes its meaning. */
  readonly version: 1;
  /** On the monitor's clock, like all other times in here. */
  readonly timestampMs: number;
  /** Add to a time to get milliseconds since 1970. */
  readonly epochOffsetMs: number;
  /** Current values, as `MetricRegistry.snapshot`. */
  readonly metrics: readonly MetricSample[];
  /** What was recorded so far; counters as rates per second. */
  readonly series: readonly MetricSeries[];
  readonly spans: readonly Span[];
  readonly anomalies: readonly Anomaly[];
}

/** What changed since the tick before. */
export interface MonitorTick {
  readonly timestampMs: number;
  readonly metrics: readonly MetricSample[];
  /** One new point per series. */
  readonly points: readonly MetricSample[];
  readonly spans: readonly Span[];
  readonly anomalies: readonly Anomaly[];
}

/** Spans that a page is sent; more cannot be told apart on it. */
const SPANS_SHOWN = 400;
/** Detectors walk the whole history, so they run at every tenth tick. */
const TICKS_PER_DETECTION = 10;

/** Turns a registry and a tracer into snapshots and ticks. */
export class MonitorFeed {
  readonly #registry: MetricRegistry;
  readonly #tracer: Tracer | undefined;
  readonly #clock: Clock;
  readonly #config: AnomalyConfig | undefined;
  readonly #history: MetricHistory;
  readonly #stopListening: () => void;
  #freshSpans: Span[] = [];
  #anomalies: readonly Anomaly[] = [];
  #ticks = 0;

  constructor(
    registry: MetricRegistry,
    tracer: Tracer | undefined,
    clock: Clock,
    capacity: number,
    config: AnomalyConfig | undefined,
  ) {
    this.#registry = registry;
    this.#tracer = tracer;
    this.#clock = clock;
    this.#config = config;
    this.#history = new MetricHistory(capacity);
    this.#stopListening = tracer?.onSpan((span) => this.#freshSpans.push(span)) ?? (() => {});
  }

  tick(): MonitorTick {
    const metrics = this.#registry.snapshot();
    const points = this.#history.append(metrics);
    if (this.#ticks++ % TICKS_PER_DETECTION === 0)
      this.#anomalies = detectAnomalies(this.#history.series(), this.#config);
    const spans = this.#freshSpans.slice(-SPANS_SHOWN);
    this.#freshSpans = [];
    return { timestampMs: this.#clock.nowMs(), metrics, points, spans, anomalies: this.#anomalies };
  }

  snapshot(): MonitorSnapshot {
    const timestampMs = this.#clock.nowMs();
    const series = this.#history.series();
    return {
      version: 1,
      timestampMs,
      epochOffsetMs: this.#clock.epochMs() - timestampMs,
      metrics: this.#registry.snapshot(),
      series,
      spans: this.#tracer?.spans().slice(-SPANS_SHOWN) ?? [],
      anomalies: detectAnomalies(series, this.#config),
    };
  }

  dispose(): void {
    this.#stopListening();
  }
}
