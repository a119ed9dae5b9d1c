export {
  type BenchmarkMetric,
  type BenchmarkRecord,
  type MachineDescription,
  parseBenchmarkRecord,
} from './benchmark-record.ts';
export { type ChangePoint, type ChangePointOptions, detectChangePoints } from './change-points.ts';
export {
  type ComparedSubject,
  type CompareOptions,
  type Comparison,
  compareInterleaved,
  type Verdict,
} from './compare-interleaved.ts';
export { compareWithHistory, type HistoryOptions, type MetricChange } from './compare-with-history.ts';
export { formatTable, type TableCell } from './format-table.ts';
export { type LatencyMeasurement, type MeasureLatencyOptions, measureLatency } from './measure-latency.ts';
export { pairedRatioInterval, type RatioIntervalOptions } from './ratio-interval.ts';
export type { Subject } from './subject.ts';
