import {
  type Clock,
  InvalidArgumentError,
  type MetricKind,
  type MetricSample,
  type MetricSink,
  systemClock,
} from '@qedge/core';
import { LogLinearHistogram } from './log-linear-histogram.ts';

/** Label names and values that tell series of one metric apart. */
export type Labels = Readonly<Record<string, string>>;

/** What is said about a metric once, at its first use. */
export interface MetricDescription {
  /** One line for people. Default: none. */
  readonly help?: string;
  /** Default: taken from the end of the name (`_ms`, `_bytes`, `_joules`, ...), else `1`. */
  readonly unit?: string;
}

/** A bound counter: looked up once, then as cheap as an array increment. */
export interface Counter {
  /** Adds `by`, default 1. @throws InvalidArgumentError when `by` is negative or NaN. */
  increment(by?: number): void;
  readonly value: number;
}

/** A bound gauge. */
export interface Gauge {
  set(value: number): void;
  /** NaN before the first `set`. */
  readonly value: number;
}

/** A bound histogram. */
export interface Histogram {
  /** Adds one value; negative, infinite and NaN values are counted as rejected. */
  record(value: number): void;
  /** Within 0.78 %; NaN when empty. */
  quantile(fraction: number): number;
  readonly count: number;
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly rejected: number;
}

/** One series of a metric, for exporters. */
export interface MetricSeriesView {
  readonly labels: Labels;
  /** The value of a counter or gauge; NaN for a histogram. */
  readonly value: number;
  /** Set exactly for histograms. */
  readonly histogram: Histogram | null;
}

/** A metric with all its series, for exporters. */
export interface MetricFamily {
  readonly name: string;
  readonly kind: MetricKind;
  readonly unit: string;
  readonly help: string;
  readonly series: readonly MetricSeriesView[];
}

/** Options of {@link MetricRegistry}. */
export interface MetricRegistryOptions {
  /** Dates the samples of `snapshot`. Default: the machine's clock. */
  readonly clock?: Clock;
  /** Series that one metric may have; further label sets share one series `{overflow="true"}`. Default 1000. */
  readonly maxSeriesPerMetric?: number;
}

/** Quantiles that `snapshot` and the Prometheus text give for a histogram. */
export const EXPORTED_QUANTILES: readonly number[] = [0.5, 0.9, 0.95, 0.99];

const DEFAULT_MAX_SERIES = 1000;
const OVERFLOW_LABELS: Labels = { overflow: 'true' };

/**
 * Named metrics with labels. Bound handles record without allocating; reading walks all series.
 *
 * Names follow Prometheus (`[a-zA-Z_:][a-zA-Z0-9_:]*`) and end in their unit. A program that makes up label values without end
 * cannot exhaust memory: beyond `maxSeriesPerMetric` label sets everything lands in one overflow series, and
 * `droppedLabelSets` counts the requests that did.
 *
 * @example
 * const registry = new MetricRegistry();
 * const latency = registry.histogram('inference_latency_ms', { precision: 'int8' });
 * latency.record(0.42);
 * console.log(latency.quantile(0.99));
 */
export class MetricRegistry implements MetricSink {
  readonly #families = new Map<string, Family>();
  readonly #clock: Clock;
  readonly #maxSeries: number;
  readonly #scalars = new ScalarStore();
  #droppedLabelSets = 0;

  /** @throws InvalidArgumentError when `maxSeriesPerMetric` is not a positive integer. */
  constructor(options: MetricRegistryOptions = {}) {
    this.#clock = options.clock ?? systemClock;
    this.#maxSeries = options.maxSeriesPerMetric ?? DEFAULT_MAX_SERIES;
    if (!Number.isInteger(this.#maxSeries) || this.#maxSeries < 1) {
      throw new InvalidArgumentError('A cap on series is out of range', {
        expected: 'an integer >= 1',
        actual: this.#maxSeries,
      });
    }
  }

  /** How often a label set was refused its own series because the metric was full. */
  get droppedLabelSets(): number {
    return this.#droppedLabelSets;
  }

  /** The counter of this name and these labels, made on first use. @throws InvalidArgumentError for a bad name or another kind. */
  counter(name: string, labels: Labels = {}, description: MetricDescription = {}): Counter {
    return this.#bind(name, 'counter', labels, description).handle as ScalarHandle;
  }

  /** The gauge of this name and these labels, made on first use. @throws InvalidArgumentError for a bad name or another kind. */
  gauge(name: string, labels: Labels = {}, description: MetricDescription = {}): Gauge {
    return this.#bind(name, 'gauge', labels, description).handle as ScalarHandle;
  }

  /** The histogram of this name and these labels, made on first use. @throws InvalidArgumentError for a bad name or another kind. */
  histogram(name: string, labels: Labels = {}, description: MetricDescription = {}): Histogram {
    return this.#bind(name, 'distribution', labels, description).handle as LogLinearHistogram;
  }

  /** Takes a sample from elsewhere: counters add its value, gauges take it over, distributions count it. */
  record(sample: MetricSample): void {
    const { name, kind, labels, value, unit } = sample;
    const { handle } = this.#bind(name, kind, labels, { unit });
    if (handle instanceof LogLinearHistogram) handle.record(value);
    else if (kind === 'gauge') handle.set(value);
    else handle.increment(value);
  }

  /** A quantile of a histogram, within 0.78 %; NaN when there is no such histogram or it is empty. */
  quantile(name: string, fraction: number, labels: Labels = {}): number {
    const handle = this.#families.get(name)?.series.get(labelKey(labels))?.handle;
    return handle instanceof LogLinearHistogram ? handle.quantile(fraction) : Number.NaN;
  }

  /** Every metric with its series, in order of first use. */
  families(): MetricFamily[] {
    return [...this.#families.values()].map(({ name, kind, unit, help, series }) => ({
      name,
      kind,
      unit,
      help,
      series: [...series.values()].map(({ labels, handle }) => ({
        labels,
        value: handle instanceof LogLinearHistogram ? Number.NaN : handle.value,
        histogram: handle instanceof LogLinearHistogram ? handle : null,
      })),
    }));
  }

  /**
   * Everything as plain samples. A histogram gives one sample of kind `distribution` per quantile of
   * {@link EXPORTED_QUANTILES} (label `quantile`) and the counters `NAME_count` and `NAME_sum`. Gauges never set and empty
   * quantiles are left out.
   */
  snapshot(): MetricSample[] {
    const timestampMs = this.#clock.nowMs();
    const samples: MetricSample[] = [];
    for (const { name, kind, unit, series } of this.families()) {
      const add = (suffix: string, as: MetricKind, value: number, asUnit: string, labels: Labels) => {
        if (!Number.isNaN(value))
          samples.push({ name: name + suffix, kind: as, value, unit: asUnit, timestampMs, labels });
      };
      for (const { labels, value, histogram } of series) {
        if (!histogram) {
          add('', kind, value, unit, labels);
          continue;
        }
        for (const q of EXPORTED_QUANTILES)
          add('', kind, histogram.quantile(q), unit, { ...labels, quantile: String(q) });
        add('_count', 'counter', histogram.count, '1', labels);
        add('_sum', 'counter', histogram.sum, unit, labels);
      }
    }
    return samples;
  }

  #bind(name: string, kind: MetricKind, labels: Labels, description: MetricDescription): BoundSeries {
    const known = this.#families.get(name);
    if (known && known.kind !== kind) {
      throw new InvalidArgumentError(`Metric "${name}" is of another kind`, {
        expected: known.kind,
        actual: kind,
      });
    }
    const found = known?.series.get(labelKey(labels));
    if (found) return found;
    checkLabels(name, kind, labels);
    const family = known ?? this.#addFamily(name, kind, description);
    if (family.series.size < this.#maxSeries) return this.#addSeries(family, labels);
    this.#droppedLabelSets++;
    return family.series.get(labelKey(OVERFLOW_LABELS)) ?? this.#addSeries(family, OVERFLOW_LABELS);
  }

  #addFamily(name: string, kind: MetricKind, { help = '', unit }: MetricDescription): Family {
    if (!/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name)) {
      throw new InvalidArgumentError('A metric name is not valid', {
        expected: '[a-zA-Z_:][a-zA-Z0-9_:]*',
        actual: name,
      });
    }
    this.#checkCollision(name, kind);
    const family: Family = { name, kind, help, unit: unit ?? unitOfName(name), series: new Map() };
    this.#families.set(name, family);
    return family;
  }

  /** Exporters write `NAME_count` and `NAME_sum` for a histogram; no other metric may have these names. */
  #checkCollision(name: string, kind: MetricKind): void {
    const owner = name.replace(/_(count|sum)$/, '');
    const taken = owner !== name && this.#families.get(owner)?.kind === 'distribution';
    const taker =
      kind === 'distribution' && ['count', 'sum'].some((part) => this.#families.has(`${name}_${part}`));
    if (taken || taker) {
      throw new InvalidArgumentError(`The names of "${name}" are in use`, {
        expected: 'a name of its own',
        actual: taken ? `${name}, taken by the histogram "${owner}"` : `${name}_count or ${name}_sum, taken`,
      });
    }
  }

  #addSeries(family: Family, labels: Labels): BoundSeries {
    const handle =
      family.kind === 'distribution'
        ? new LogLinearHistogram()
        : this.#scalars.allocate(family.kind === 'gauge' ? Number.NaN : 0);
    const series = { labels: { ...labels }, handle };
    family.series.set(labelKey(labels), series);
    return series;
  }
}

interface BoundSeries {
  readonly labels: Labels;
  readonly handle: ScalarHandle | LogLinearHistogram;
}

interface Family {
  readonly name: string;
  readonly kind: MetricKind;
  readonly unit: string;
  readonly help: string;
  readonly series: Map<string, BoundSeries>;
}

/** One number in a typed array that many series share. */
class ScalarHandle implements Counter, Gauge {
  readonly #values: Float64Array;
  readonly #slot: number;

  constructor(values: Float64Array, slot: number) {
    this.#values = values;
    this.#slot = slot;
  }

  get value(): number {
    return this.#values[this.#slot]!;
  }

  increment(by = 1): void {
    if (!(by >= 0)) throw new InvalidArgumentError('A counter only grows', { expected: '>= 0', actual: by });
    this.#values[this.#slot]! += by;
  }

  set(value: number): void {
    this.#values[this.#slot] = value;
  }
}

const CHUNK_SLOTS = 256;

/** Hands out slots; grows by chunks so that bound handles never have to move. */
class ScalarStore {
  #chunk = new Float64Array(CHUNK_SLOTS);
  #used = 0;

  allocate(initial: number): ScalarHandle {
    if (this.#used === CHUNK_SLOTS) {
      this.#chunk = new Float64Array(CHUNK_SLOTS);
      this.#used = 0;
    }
    this.#chunk[this.#used] = initial;
    return new ScalarHandle(this.#chunk, this.#used++);
  }
}

/** Equal for equal label sets, whatever the order of the names. */
export function labelKey(labels: Labels): string {
  const names = Object.keys(labels);
  if (names.length === 0) return '';
  return JSON.stringify(names.sort().map((name) => [name, labels[name]]));
}

function checkLabels(name: string, kind: MetricKind, labels: Labels): void {
  for (const [label, value] of Object.entries(labels)) {
    const reserved = kind === 'distribution' && (label === 'quantile' || label === 'le');
    if (
      !/^[a-zA-Z_][a-zA-Z0-9_]*$/.test(label) ||
      label.startsWith('__') ||
      reserved ||
      typeof value !== 'string'
    ) {
      throw new InvalidArgumentError(`A label of metric "${name}" is not valid`, {
        expected: 'a name like [a-zA-Z_][a-zA-Z0-9_]*, not reserved, with a string as value',
        actual: { [label]: value },
      });
    }
  }
}

const UNIT_OF_SUFFIX: Readonly<Record<string, string>> = {
  ms: 'ms',
  seconds: 's',
  bytes: 'bytes',
  fraction: 'fraction',
  joules: 'J',
  watts: 'W',
  celsius: '°C',
  hertz: 'Hz',
  bits: 'bits',
};

function unitOfName(name: string): string {
  const words = name.replace(/_total$/, '').split('_');
  return UNIT_OF_SUFFIX[words[words.length - 1]!] ?? '1';
}
