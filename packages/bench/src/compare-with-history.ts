import { InvalidArgumentError, quantileOfSorted } from '@qedge/core';
import type { BenchmarkMetric, BenchmarkRecord, MachineDescription } from './benchmark-record.ts';
import { detectChangePoints } from './change-points.ts';
import { requireAtLeast } from './require-at-least.ts';
import { studentTCritical } from './student-t.ts';

/** Options of {@link compareWithHistory}. */
export interface HistoryOptions {
  /** Probability that any metric of an unchanged record is called changed (family-wise). Default 0.01. */
  readonly falseAlarmProbability?: number;
  /** Changes up to this fraction never count. Default 0.02. */
  readonly minimumChangeFraction?: number;
  /** Half-width of the noise band that is assumed while fewer than 5 earlier runs exist. Default 0.15. */
  readonly assumedNoiseFraction?: number;
}

/** What became of one metric. */
export interface MetricChange {
  readonly name: string;
  readonly unit: string;
  readonly current: number;
  /** Median of the comparable earlier runs since the last change of level; null when there are none. */
  readonly baseline: number | null;
  /** `(current - baseline) / |baseline|`; null without a baseline or when it is 0. */
  readonly changeFraction: number | null;
  readonly verdict: 'improved' | 'regressed' | 'unchanged' | 'new';
  /** Half-width of the band of changes that noise explains, as a fraction of the baseline; null without a baseline. */
  readonly noiseFraction: number | null;
  /** One sentence for people: the figures and what the verdict rests on. */
  readonly explanation: string;
}

const RUNS_FOR_MEASURED_NOISE = 5;
const RUNS_FOR_CHANGE_POINTS = 20;

/**
 * Compares a record with earlier ones of the same name and machine (processor model, core count, operating system family).
 * Records of other machines are left out, and the explanation says so.
 *
 * The noise band is the two-sided prediction interval of a next run (Student's t over log values, shared out over the
 * metrics by Bonferroni); with fewer than five earlier runs it is an assumed width or their range, whichever is more. When
 * twenty or more earlier runs hold a change of level, only those after it count.
 *
 * @param previous in order of time
 * @throws InvalidArgumentError for options out of range.
 */
export function compareWithHistory(
  current: BenchmarkRecord,
  previous: readonly BenchmarkRecord[],
  options: HistoryOptions = {},
): MetricChange[] {
  const { falseAlarmProbability = 0.01, minimumChangeFraction = 0.02, assumedNoiseFraction = 0.15 } = options;
  if (!(falseAlarmProbability > 0 && falseAlarmProbability < 1)) {
    throw new InvalidArgumentError('A probability is out of range', {
      expected: 'above 0 and below 1',
      actual: falseAlarmProbability,
    });
  }
  requireAtLeast('minimumChangeFraction', minimumChangeFraction, 0);
  requireAtLeast('assumedNoiseFraction', assumedNoiseFraction, 0);
  const named = previous.filter((record) => record.name === current.name);
  const comparable = named.filter((record) => sameMachine(record.machine, current.machine));
  const elsewhere = named.length - comparable.length;
  const alpha = falseAlarmProbability / Math.max(1, current.metrics.length);
  return current.metrics.map((metric) =>
    compareMetric(metric, valuesOf(metric, comparable), {
      alpha,
      minimumChangeFraction,
      assumedNoiseFraction,
      elsewhere,
    }),
  );
}

interface MetricContext {
  readonly alpha: number;
  readonly minimumChangeFraction: number;
  readonly assumedNoiseFraction: number;
  readonly elsewhere: number;
}

function compareMetric(
  metric: BenchmarkMetric,
  all: readonly number[],
  context: MetricContext,
): MetricChange {
  const { name, unit, value: current, better } = metric;
  if (all.length === 0) {
    const why = context.elsewhere > 0 ? ` (${context.elsewhere} on other machines left out)` : '';
    const explanation = `${name} has no earlier run to compare with${why}.`;
    return {
      name,
      unit,
      current,
      baseline: null,
      changeFraction: null,
      verdict: 'new',
      noiseFraction: null,
      explanation,
    };
  }
  const values = sinceLastChange(all);
  const baseline = quantileOfSorted(
    [...values].sort((a, b) => a - b),
    0.5,
  );
  if (baseline === 0) return compareWithZero(metric, values.length);
  const noise = noiseBand(values, baseline, context);
  const changeFraction = (current - baseline) / Math.abs(baseline);
  const verdict =
    Math.abs(changeFraction) <= noise.fraction
      ? 'unchanged'
      : changeFraction < 0 === (better === 'lower')
        ? 'improved'
        : 'regressed';
  const left = context.elsewhere > 0 ? `; ${context.elsewhere} on other machines left out` : '';
  const since = values.length < all.length ? ' since the last change of level' : '';
  const explanation =
    `${name} is ${percent(changeFraction)} against the median of ${runs(values.length)}${since} ` +
    `(${figure(baseline)} to ${figure(current)} ${unit}); noise explains up to ${percent(noise.fraction).slice(1)} ` +
    `(${noise.reason}${left}).`;
  return {
    name,
    unit,
    current,
    baseline,
    changeFraction,
    verdict,
    noiseFraction: noise.fraction,
    explanation,
  };
}

/** A baseline of 0 has no fractions: any other value is a change. */
function compareWithZero({ name, unit, value, better }: BenchmarkMetric, count: number): MetricChange {
  const worse = value > 0 === (better === 'lower');
  const verdict = value === 0 ? 'unchanged' : worse ? 'regressed' : 'improved';
  const explanation = `${name} is ${figure(value)} ${unit}; the median of ${runs(count)} is 0.`;
  return {
    name,
    unit,
    current: value,
    baseline: 0,
    changeFraction: null,
    verdict,
    noiseFraction: 0,
    explanation,
  };
}

function noiseBand(
  values: readonly number[],
  baseline: number,
  { alpha, minimumChangeFraction, assumedNoiseFraction }: MetricContext,
): { fraction: number; reason: string } {
  const count = values.length;
  if (count < RUNS_FOR_MEASURED_NOISE || !values.every((value) => value > 0)) {
    const range = (Math.max(...values) - Math.min(...values)) / Math.abs(baseline);
    const fraction = Math.max(assumedNoiseFraction, minimumChangeFraction, range);
    const reason =
      range === fraction ? 'the range of the earlier runs' : 'assumed: too few runs to measure it';
    return { fraction, reason };
  }
  const logs = values.map((value) => Math.log(value));
  const mean = logs.reduce((sum, value) => sum + value, 0) / count;
  const variance = logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  const half = studentTCritical(alpha, count - 1) * Math.sqrt(variance * (1 + 1 / count));
  const fraction = Math.max(minimumChangeFraction, Math.expm1(half));
  const reason =
    fraction === minimumChangeFraction ? 'the smallest change that counts' : 'measured over the earlier runs';
  return { fraction, reason };
}

function sinceLastChange(values: readonly number[]): readonly number[] {
  if (values.length < RUNS_FOR_CHANGE_POINTS) return values;
  const last = detectChangePoints(values).at(-1);
  return last === undefined ? values : values.slice(last.index);
}

function valuesOf(metric: BenchmarkMetric, records: readonly BenchmarkRecord[]): number[] {
  return records.flatMap((record) => {
    const found = record.metrics.find((other) => other.name === metric.name && other.unit === metric.unit);
    return found ? [found.value] : [];
  });
}

function sameMachine(a: MachineDescription, b: MachineDescription): boolean {
  const family = (machine: MachineDescription) => machine.operatingSystem.split(' ')[0];
  return a.cpuModel === b.cpuModel && a.logicalCores === b.logicalCores && family(a) === family(b);
}

function runs(count: number): string {
  return count === 1 ? '1 earlier run' : `${count} earlier runs`;
}

function percent(fraction: number): string {
  return `${fraction < 0 ? '-' : '+'}${(Math.abs(fraction) * 100).toFixed(1)} %`;
}

function figure(value: number): string {
  return String(Number(value.toPrecision(4)));
}
