import { Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { type BenchmarkMetric, type BenchmarkRecord, compareWithHistory } from '../src/index.ts';

const machine = {
  cpuModel: 'AMD EPYC',
  logicalCores: 2,
  cpuFeatures: ['avx2'],
  memoryBytes: 24e9,
  operatingSystem: 'linux 6.1.0 x64',
  runtime: 'node 20.20.2, v8 11.3',
  loadAverage: 0.5,
};

function record(metrics: readonly Partial<BenchmarkMetric>[], change: object = {}): BenchmarkRecord {
  return {
    format: 'qedge-benchmark-record',
    version: 1,
    name: 'digits',
    timestampMs: 0,
    machine,
    versions: {},
    metrics: metrics.map((metric) => ({ name: 'p50', unit: 'ms', value: 1, better: 'lower', ...metric })),
    ...change,
  };
}

const runs = (values: readonly number[], metric: Partial<BenchmarkMetric> = {}) =>
  values.map((value) => record([{ ...metric, value }]));
const steady = [1, 1.01, 0.99, 1.005, 0.995, 1.002, 0.998, 1.01, 0.99];

describe('compareWithHistory', () => {
  it.each([
    ['lower', 1.3, 'regressed'],
    ['lower', 0.7, 'improved'],
    ['higher', 1.3, 'improved'],
    ['higher', 0.7, 'regressed'],
    ['lower', 1.01, 'unchanged'],
  ] as const)('judges a metric where %s is better and that went to %f: %s', (better, value, verdict) => {
    const [change] = compareWithHistory(record([{ better, value }]), runs(steady, { better }));
    expect(change).toMatchObject({ name: 'p50', unit: 'ms', current: value, baseline: 1, verdict });
    expect(change!.changeFraction).toBeCloseTo(value - 1, 12);
  });

  it('explains itself in one sentence with all its figures', () => {
    const [change] = compareWithHistory(record([{ value: 1.3 }]), runs(steady));
    expect(change!.explanation).toMatch(
      /^p50 is \+30\.0 % against the median of 9 earlier runs \(1 to 1\.3 ms\); noise explains up to \d\.\d % \(measured over the earlier runs\)\.$/,
    );
  });

  it('calls a metric new that has no past, and says which records were left out', () => {
    const elsewhere = record([{}], { machine: { ...machine, cpuModel: 'Apple M3' } });
    expect(compareWithHistory(record([{}]), [])[0]).toMatchObject({
      verdict: 'new',
      baseline: null,
      changeFraction: null,
      noiseFraction: null,
      explanation: 'p50 has no earlier run to compare with.',
    });
    expect(compareWithHistory(record([{}]), [elsewhere])[0]!.explanation).toBe(
      'p50 has no earlier run to compare with (1 on other machines left out).',
    );
    expect(compareWithHistory(record([{}]), [elsewhere, ...runs(steady)])[0]!.explanation).toContain(
      '1 on other machines left out',
    );
  });

  it('compares only records of the same name, machine and unit, but of any kernel and runtime version', () => {
    const past = [
      record([{ value: 5 }], { name: 'other' }),
      record([{ value: 5 }], { machine: { ...machine, logicalCores: 64 } }),
      record([{ value: 5 }], { machine: { ...machine, operatingSystem: 'darwin 24.0.0 x64' } }),
      record([{ value: 5000, unit: 'us' }]),
      record([{ value: 1 }], {
        machine: { ...machine, operatingSystem: 'linux 6.9 x64', runtime: 'node 24' },
      }),
    ];
    expect(compareWithHistory(record([{}]), past)[0]).toMatchObject({ baseline: 1, verdict: 'unchanged' });
  });

  it('assumes a wide band while there are too few runs to measure the noise, and says so', () => {
    const [change] = compareWithHistory(record([{ value: 1.12 }]), runs([1]));
    expect(change).toMatchObject({ verdict: 'unchanged', noiseFraction: 0.15 });
    expect(change!.explanation).toContain('1 earlier run ');
    expect(change!.explanation).toContain('assumed: too few runs');
    const [wide] = compareWithHistory(record([{ value: 1.4 }]), runs([0.8, 1, 1.3]));
    expect(wide).toMatchObject({ verdict: 'unchanged', noiseFraction: expect.closeTo(0.5, 12) });
    expect(wide!.explanation).toContain('the range of the earlier runs');
    expect(compareWithHistory(record([{ value: 1.3 }]), runs([1, 1]))[0]!.verdict).toBe('regressed');
  });

  it('starts anew after a change of level that was already there', () => {
    const random = new Random(3);
    const level = (value: number, count: number) =>
      Array.from({ length: count }, () => value * (1 + 0.01 * random.normal()));
    const past = runs([...level(1, 20), ...level(2, 20)]);
    const [same] = compareWithHistory(record([{ value: 2 }]), past);
    expect(same).toMatchObject({ verdict: 'unchanged', baseline: expect.closeTo(2, 1) });
    expect(same!.explanation).toContain('20 earlier runs since the last change of level');
    expect(compareWithHistory(record([{ value: 1 }]), past)[0]!.verdict).toBe('improved');
  });

  it('raises few false alarms over many metrics and still finds a 20 % regression in 3 % noise', () => {
    const names = Array.from({ length: 10 }, (_, i) => `metric${i}`);
    let falseAlarms = 0;
    let found = 0;
    const trials = 300;
    for (let seed = 0; seed < trials; seed++) {
      const random = new Random(seed);
      const noisy = (factor = 1) =>
        record(names.map((name) => ({ name, value: factor * Math.exp(0.03 * random.normal()) })));
      const past = Array.from({ length: 12 }, () => noisy());
      if (compareWithHistory(noisy(), past).some(({ verdict }) => verdict !== 'unchanged')) falseAlarms++;
      if (compareWithHistory(noisy(1.2), past)[0]!.verdict === 'regressed') found++;
    }
    // Promised: 1 %. The median as baseline is a little noisier than the mean of the theory; 9 of 300 are three sigma above.
    expect(falseAlarms).toBeLessThanOrEqual(9);
    expect(found / trials).toBeGreaterThan(0.85);
  });

  it('never counts changes below the minimum', () => {
    const [change] = compareWithHistory(record([{ value: 1.019 }]), runs(new Array(10).fill(1)));
    expect(change).toMatchObject({ verdict: 'unchanged', noiseFraction: 0.02 });
    expect(compareWithHistory(record([{ value: 1.021 }]), runs(new Array(10).fill(1)))[0]!.verdict).toBe(
      'regressed',
    );
  });

  it('copes with a baseline of zero', () => {
    const judge = (value: number, better: 'lower' | 'higher') =>
      compareWithHistory(record([{ value, better }]), runs([0, 0, 0], { better }))[0];
    expect(judge(0, 'lower')).toMatchObject({ verdict: 'unchanged', changeFraction: null });
    expect(judge(1, 'lower')).toMatchObject({ verdict: 'regressed' });
    expect(judge(1, 'higher')).toMatchObject({ verdict: 'improved' });
  });

  it('keeps its sense of direction below zero', () => {
    const energies = runs([-1.1373, -1.1372, -1.1373], { name: 'energy', unit: 'hartree' });
    const judge = (value: number) =>
      compareWithHistory(record([{ name: 'energy', unit: 'hartree', value }]), energies)[0];
    expect(judge(-0.9)).toMatchObject({ verdict: 'regressed', changeFraction: expect.closeTo(0.2087, 3) });
    expect(judge(-1.4)).toMatchObject({ verdict: 'improved' });
    expect(judge(-1.1374)).toMatchObject({ verdict: 'unchanged' });
  });

  it.each(['minimumChangeFraction', 'assumedNoiseFraction'])('refuses %s = NaN', (option) => {
    expect(() => compareWithHistory(record([{}]), [], { [option]: Number.NaN })).toThrow(option);
  });

  it('refuses an impossible probability', () => {
    expect(() => compareWithHistory(record([{}]), [], { falseAlarmProbability: 2 })).toThrow('above 0');
  });
});
