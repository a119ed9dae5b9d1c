/** How values of one metric may be combined: counters add up, gauges replace, distributions are collected. */
export type MetricKind = 'counter' | 'gauge' | 'distribution';

/** One observation. Names are `snake_case` and end in their unit (`inference_latency_ms`), as in the Prometheus guide. */
export interface MetricSample {
  readonly name: string;
  readonly kind: MetricKind;
  readonly value: number;
  /** SI unit or `ms`, `bytes`, `fraction`, `1` for a pure number. */
  readonly unit: string;
  readonly timestampMs: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** Where samples go. Implementations must not block and must not throw on a well-formed sample. */
export interface MetricSink {
  record(sample: MetricSample): void;
}

/** A finished piece of work on the time line. */
export interface Span {
  readonly id: number;
  /** The span this one is part of, or null. */
  readonly parentId: number | null;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly status: 'ok' | 'error' | 'cancelled';
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}
