import { InvalidArgumentError, ManualClock, type MetricSample } from '@qedge/core';
import { groupIntoSeries, MetricHistory, MetricRegistry, QuantumProfiler } from '@qedge/monitor';
import { describe, expect, test } from 'vitest';

describe('MetricRegistry', () => {
  test('the same name and labels, in any order, are the same series', () => {
    const registry = new MetricRegistry();
    registry.counter('runs_total', { a: '1', b: '2' }).increment();
    registry.counter('runs_total', { b: '2', a: '1' }).increment(2.5);
    registry.counter('runs_total', { a: '1' }).increment(7);
    expect(registry.families()[0]!.series.map(({ labels, value }) => [labels, value])).toEqual([
      [{ a: '1', b: '2' }, 3.5],
      [{ a: '1' }, 7],
    ]);
  });

  test('label values that look like other labels stay apart', () => {
    const registry = new MetricRegistry();
    registry.counter('c', { a: '1","b":"2' }).increment();
    registry.counter('c', { a: '1', b: '2' }).increment();
    expect(registry.families()[0]!.series).toHaveLength(2);
  });

  test('handles keep their own value past the growth of the store', () => {
    const registry = new MetricRegistry();
    const gauges = Array.from({ length: 1000 }, (_, i) => registry.gauge('g', { i: String(i) }));
    gauges.forEach((gauge, i) => {
      gauge.set(i);
    });
    expect(gauges.map((gauge) => gauge.value)).toEqual(gauges.map((_, i) => i));
  });

  test('a counter only grows and a kind never changes', () => {
    const registry = new MetricRegistry();
    const counter = registry.counter('c');
    expect(() => counter.increment(-1)).toThrow(InvalidArgumentError);
    expect(() => counter.increment(Number.NaN)).toThrow(InvalidArgumentError);
    expect(counter.value).toBe(0);
    expect(() => registry.gauge('c')).toThrow(/expected counter, got gauge/);
  });

  test('a name that a histogram needs for its count or sum is refused', () => {
    const registry = new MetricRegistry();
    registry.histogram('a_ms');
    expect(() => registry.counter('a_ms_count')).toThrow(/taken by the histogram "a_ms"/);
    registry.gauge('b_ms_sum');
    expect(() => registry.histogram('b_ms')).toThrow(InvalidArgumentError);
    expect(registry.counter('c_count').value).toBe(0);
  });

  test('names and labels that exporters could not write are refused', () => {
    const registry = new MetricRegistry();
    for (const name of ['', '1st', 'a-b', 'a b', 'ä'])
      expect(() => registry.counter(name)).toThrow(InvalidArgumentError);
    const bad: Record<string, string>[] = [{ 'a-b': '' }, { __name__: 'x' }, { a: 1 as unknown as string }];
    for (const labels of bad) expect(() => registry.gauge('g', labels)).toThrow(InvalidArgumentError);
    expect(() => registry.histogram('h', { quantile: '0.5' })).toThrow(InvalidArgumentError);
    expect(registry.families()).toEqual([]);
  });

  test('beyond the cap all new label sets share one overflow series and are counted', () => {
    const registry = new MetricRegistry({ maxSeriesPerMetric: 2 });
    for (const user of ['a', 'b', 'c', 'd', 'a']) registry.counter('requests_total', { user }).increment();
    expect(registry.families()[0]!.series.map(({ labels, value }) => [labels, value])).toEqual([
      [{ user: 'a' }, 2],
      [{ user: 'b' }, 1],
      [{ overflow: 'true' }, 2],
    ]);
    expect(registry.droppedLabelSets).toBe(2);
    expect(() => new MetricRegistry({ maxSeriesPerMetric: 0 })).toThrow(InvalidArgumentError);
  });

  test('units follow from the end of a name unless they are given', () => {
    const registry = new MetricRegistry();
    registry.gauge('a_bytes').set(1);
    registry.counter('cpu_time_ms_total').increment();
    registry.counter('runs_total').increment();
    registry.gauge('depth', {}, { unit: 'layers' }).set(3);
    expect(registry.snapshot().map(({ unit }) => unit)).toEqual(['bytes', 'ms', '1', 'layers']);
  });

  test('a snapshot dates everything, skips what was never set and spells histograms out', () => {
    const registry = new MetricRegistry({ clock: new ManualClock(42) });
    registry.gauge('never_set');
    registry.histogram('empty_ms');
    const latency = registry.histogram('latency_ms', { precision: 'int8' });
    for (let i = 1; i <= 100; i++) latency.record(i);
    const samples = registry.snapshot();
    expect(samples.every(({ timestampMs }) => timestampMs === 42)).toBe(true);
    const named = samples.filter(({ name }) => name.startsWith('latency'));
    expect(named.map(({ name, kind, labels }) => [name, kind, labels.quantile])).toEqual([
      ['latency_ms', 'distribution', '0.5'],
      ['latency_ms', 'distribution', '0.9'],
      ['latency_ms', 'distribution', '0.95'],
      ['latency_ms', 'distribution', '0.99'],
      ['latency_ms_count', 'counter', undefined],
      ['latency_ms_sum', 'counter', undefined],
    ]);
    expect(Math.abs(registry.quantile('latency_ms', 0.5, { precision: 'int8' }) / 50 - 1)).toBeLessThan(
      0.008,
    );
    expect(registry.quantile('latency_ms', 0.5)).toBeNaN();
    expect(registry.quantile('unknown', 0.5)).toBeNaN();
    expect(samples.some(({ name }) => name === 'never_set')).toBe(false);
  });

  test('takes samples from elsewhere by their kind', () => {
    const registry = new MetricRegistry({ clock: new ManualClock() });
    const sample = (kind: MetricSample['kind'], value: number): MetricSample => ({
      name: kind,
      kind,
      value,
      unit: 'J',
      timestampMs: 0,
      labels: {},
    });
    for (const value of [1, 2])
      for (const kind of ['counter', 'gauge', 'distribution'] as const) registry.record(sample(kind, value));
    expect(registry.counter('counter').value).toBe(3);
    expect(registry.gauge('gauge').value).toBe(2);
    expect(registry.histogram('distribution').count).toBe(2);
    expect(registry.families().every(({ unit }) => unit === 'J')).toBe(true);
  });
});

describe('MetricHistory', () => {
  const sample = (kind: MetricSample['kind'], timestampMs: number, value: number): MetricSample => ({
    name: kind,
    kind,
    value,
    unit: '1',
    timestampMs,
    labels: {},
  });

  test('keeps the last values and turns counters into rates that survive a restart', () => {
    const history = new MetricHistory(3);
    [10, 30, 5, 5, 9].forEach((value, i) => {
      history.append([sample('counter', 500 * i, value), sample('gauge', 500 * i, value)]);
    });
    const [gauge, counter] = history.series();
    expect(gauge).toMatchObject({ name: 'gauge', timesMs: [1000, 1500, 2000], values: [5, 5, 9] });
    expect(counter).toMatchObject({ name: 'counter', unit: '1/s', values: [10, 0, 8] });
    expect(() => new MetricHistory(1)).toThrow(InvalidArgumentError);
    expect(() => new MetricHistory(2, 0)).toThrow(InvalidArgumentError);
  });

  test('keeps no more series than allowed and counts what it left out', () => {
    const history = new MetricHistory(10, 2);
    for (let tick = 0; tick < 3; tick++)
      history.append(['a', 'b', 'c'].map((i) => ({ ...sample('gauge', tick, 1), labels: { i } })));
    expect(history.series().map(({ labels, values }) => [labels.i, values.length])).toEqual([
      ['a', 3],
      ['b', 3],
    ]);
    expect(history.droppedSamples).toBe(3);
  });

  test('samples in any order become series in order of time', () => {
    const series = groupIntoSeries([sample('gauge', 2, 20), sample('counter', 1, 1), sample('gauge', 1, 10)]);
    expect(series.map(({ name, timesMs, values }) => [name, timesMs, values])).toEqual([
      ['gauge', [1, 2], [10, 20]],
      ['counter', [1], [1]],
    ]);
  });
});

describe('QuantumProfiler', () => {
  test('records every run under its circuit', () => {
    const registry = new MetricRegistry();
    const profiler = new QuantumProfiler(registry);
    profiler.recordRun('h2', {
      fidelity: 0.99,
      depth: 12,
      twoQubitGateCount: 3,
      estimatedTimeMs: 0.02,
      actualTimeMs: 1.5,
    });
    profiler.recordRun('h2', { fidelity: null, depth: 10, twoQubitGateCount: 2, estimatedTimeMs: 0.01 });
    expect(registry.counter('quantum_circuit_runs_total', { circuit: 'h2' }).value).toBe(2);
    expect(registry.gauge('quantum_fidelity_fraction', { circuit: 'h2' }).value).toBe(0.99);
    expect(registry.gauge('quantum_circuit_depth', { circuit: 'h2' }).value).toBe(10);
    expect(registry.gauge('quantum_two_qubit_gates', { circuit: 'h2' }).value).toBe(2);
    expect(registry.gauge('quantum_estimated_time_ms', { circuit: 'h2' }).value).toBe(0.01);
    expect(registry.histogram('quantum_actual_time_ms', { circuit: 'h2' }).count).toBe(1);
  });

  test('refuses runs that cannot be', () => {
    const profiler = new QuantumProfiler(new MetricRegistry());
    const run = { fidelity: 0.5, depth: 1, twoQubitGateCount: 0, estimatedTimeMs: 0 };
    for (const bad of [
      { fidelity: 1.01 },
      { fidelity: Number.NaN },
      { depth: -1 },
      { estimatedTimeMs: Number.POSITIVE_INFINITY },
      { actualTimeMs: -1 },
    ])
      expect(() => profiler.recordRun('x', { ...run, ...bad })).toThrow(InvalidArgumentError);
  });
});
