export type { Anomaly, AnomalyKind } from './detectors/anomaly.ts';
export { type AnomalyConfig, detectAnomalies } from './detectors/detect-anomalies.ts';
export { detectMemoryLeak, type MemoryLeakConfig } from './detectors/memory-leak.ts';
export { detectSpikes, type SpikeConfig } from './detectors/spike.ts';
export {
  detectHighCpu,
  detectLowFidelity,
  type HighCpuConfig,
  type LowFidelityConfig,
} from './detectors/threshold-detectors.ts';
export { mannKendallTest, type TrendTest, theilSenSlope } from './detectors/trend.ts';
export { LogLinearHistogram } from './log-linear-histogram.ts';
export { groupIntoSeries, MetricHistory, type MetricSeries } from './metric-history.ts';
export {
  type Counter,
  EXPORTED_QUANTILES,
  type Gauge,
  type Histogram,
  type Labels,
  type MetricDescription,
  type MetricFamily,
  MetricRegistry,
  type MetricRegistryOptions,
  type MetricSeriesView,
} from './metric-registry.ts';
export { formatPrometheus, PROMETHEUS_CONTENT_TYPE } from './prometheus-text.ts';
export { type CircuitRun, QuantumProfiler } from './quantum-profiler.ts';
export {
  type ActiveSpan,
  type SpanAttributes,
  type SpanContext,
  Tracer,
  type TracerOptions,
} from './tracer.ts';
