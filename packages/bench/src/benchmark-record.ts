import { FileFormatError } from '@qedge/core';

/** The machine that a benchmark ran on. */
export interface MachineDescription {
  readonly cpuModel: string;
  readonly logicalCores: number;
  /** Instruction sets that matter to the kernels, e.g. `avx2`, `avx512f`; empty where the system does not tell. */
  readonly cpuFeatures: readonly string[];
  readonly memoryBytes: number;
  /** e.g. `linux 6.1.0 x64`. */
  readonly operatingSystem: string;
  /** e.g. `node 20.20.2, v8 11.3.244.8`. */
  readonly runtime: string;
  /** Runnable tasks averaged over one minute when the description was made; null where the system does not tell. */
  readonly loadAverage: number | null;
}

/** One figure of a benchmark. */
export interface BenchmarkMetric {
  /** Unique within a record, e.g. `digits.int8.latency.p50`. */
  readonly name: string;
  /** e.g. `ms`, `1/s`, `bytes`, `joules`. */
  readonly unit: string;
  readonly value: number;
  /** Raw observations behind `value`, when they were kept. */
  readonly samples?: readonly number[];
  readonly better: 'lower' | 'higher';
}

/** The figures of one run, as they are kept in a history. Plain JSON. */
export interface BenchmarkRecord {
  readonly format: 'qedge-benchmark-record';
  readonly version: 1;
  /** What was run, e.g. `qedge run --quick`. */
  readonly name: string;
  /** Milliseconds since 1970-01-01T00:00Z. */
  readonly timestampMs: number;
  readonly machine: MachineDescription;
  /** Versions of what was measured, e.g. `{ qedge: '0.1.0', commit: '191360d' }`. */
  readonly versions: Readonly<Record<string, string>>;
  readonly metrics: readonly BenchmarkMetric[];
}

/**
 * Checks a record that came from outside.
 *
 * @param where what to call the record in messages, e.g. `history.jsonl:12`
 * @throws FileFormatError naming the first field that is wrong.
 */
export function parseBenchmarkRecord(value: unknown, where = 'record'): BenchmarkRecord {
  const record = value as BenchmarkRecord;
  const fail = (expected: string, actual: unknown): never => {
    throw new FileFormatError(`${where} is not a benchmark record`, { expected, actual });
  };
  if (typeof value !== 'object' || value === null) return fail('an object', typeof value);
  if (record.format !== 'qedge-benchmark-record')
    fail('format "qedge-benchmark-record"', String(record.format));
  if (record.version !== 1) fail('version 1', String(record.version));
  if (typeof record.name !== 'string') fail('a name', typeof record.name);
  if (!Number.isFinite(record.timestampMs)) fail('a finite timestampMs', String(record.timestampMs));
  if (typeof record.machine?.cpuModel !== 'string') fail('a machine with a cpuModel', typeof record.machine);
  if (typeof record.versions !== 'object' || record.versions === null)
    fail('versions', typeof record.versions);
  if (!Array.isArray(record.metrics)) fail('a list of metrics', typeof record.metrics);
  const names = new Set<string>();
  for (const metric of record.metrics) {
    if (typeof metric?.name !== 'string') fail('metrics with names', String(metric?.name));
    if (names.has(metric.name)) fail('metrics with unique names', metric.name);
    names.add(metric.name);
    if (typeof metric.unit !== 'string') fail(`a unit of "${metric.name}"`, typeof metric.unit);
    if (!Number.isFinite(metric.value)) fail(`a finite value of "${metric.name}"`, String(metric.value));
    if (metric.better !== 'lower' && metric.better !== 'higher')
      fail(`"lower" or "higher" as better of "${metric.name}"`, String(metric.better));
  }
  return record;
}
