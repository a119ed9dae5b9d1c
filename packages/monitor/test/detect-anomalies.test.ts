import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError, type MetricSample, Random } from '@qedge/core';
import {
  type Anomaly,
  detectAnomalies,
  detectHighCpu,
  detectLowFidelity,
  detectMemoryLeak,
  detectSpikes,
  type MetricSeries,
  mannKendallTest,
  theilSenSlope,
} from '@qedge/monitor';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

/** A series with one sample per second. */
function seriesOf(name: string, values: readonly number[], unit = '1'): MetricSeries {
  return { name, unit, labels: {}, timesMs: values.map((_, i) => 1000 * i), values };
}

const HEAP = 'process_heap_used_bytes';
const MEGABYTE = 1e6;

/** Noise in which each value keeps the share `memory` of the one before; standard deviation 1. */
function autoregressive(count: number, memory: number, random: Random): number[] {
  const values: number[] = [random.normal()];
  const fresh = Math.sqrt(1 - memory * memory);
  while (values.length < count) values.push(memory * values[values.length - 1]! + fresh * random.normal());
  return values;
}

describe('trend statistics', () => {
  test('Mann-Kendall agrees with a calculation by hand', () => {
    const values = [10, 15, 14, 20];
    // Pairs: +15-10, +14-10, +20-10, -(14<15), +20-15, +20-14: S = 5 - 1 = 4; var = 4 * 3 * 13 / 18; z = 3 / sqrt(var).
    expect(mannKendallTest(values).z).toBeCloseTo(3 / Math.sqrt((4 * 3 * 13) / 18), 12);
  });

  test('ties lower the variance as Kendall prescribes', () => {
    // S over 1 1 2 2 3 3: 12 rising pairs. var = (6*5*17 - 3 * (2*1*9)) / 18 = 25.333.
    const { z, varianceInflation } = mannKendallTest([1, 1, 2, 2, 3, 3]);
    expect(z * Math.sqrt(varianceInflation)).toBeCloseTo(11 / Math.sqrt((6 * 5 * 17 - 3 * 2 * 9) / 18), 12);
    expect(mannKendallTest([5, 5, 5, 5]).z).toBe(0);
  });

  test('law: z changes sign with the series', () => {
    const values = fc.uniqueArray(fc.integer({ min: -1000, max: 1000 }), { minLength: 4, maxLength: 30 });
    fc.assert(
      fc.property(values, (series) => {
        expect(mannKendallTest(series.map((value) => -value)).z).toBeCloseTo(-mannKendallTest(series).z, 9);
      }),
      { seed: 1 },
    );
  });

  test('Theil-Sen finds the slope of a line despite a quarter of outliers', () => {
    const times = Array.from({ length: 40 }, (_, i) => i);
    const values = times.map((time) => (time % 4 === 3 ? 1e6 : 3 + 0.25 * time));
    expect(theilSenSlope(times, values)).toBeGreaterThan(0.2);
    expect(
      theilSenSlope(
        times,
        times.map((time) => 3 - 0.25 * time),
      ),
    ).toBeCloseTo(-0.25, 12);
    expect(theilSenSlope([1, 1], [3, 4])).toBe(0);
  });

  test('refuses too few values and NaN', () => {
    expect(() => mannKendallTest([1, 2, 3])).toThrow(InvalidArgumentError);
    expect(() => mannKendallTest([1, 2, Number.NaN, 4])).toThrow(InvalidArgumentError);
  });
});

describe('memory leaks', () => {
  /** Saw teeth of garbage collection on a floor that grows by `growthPerSample`. */
  const heap = (count: number, growthPerSample: number, random: Random) =>
    seriesOf(
      HEAP,
      Array.from(
        { length: count },
        (_, i) => (50 + growthPerSample * i + 2 * (i % 11) + 0.5 * random.normal()) * MEGABYTE,
      ),
      'bytes',
    );

  test('a planted leak is found, with its rate', () => {
    const [leak, ...others] = detectMemoryLeak(heap(300, 0.05, new Random(1)), {
      limitBytes: 500 * MEGABYTE,
    });
    expect(others).toEqual([]);
    // 0.05 MB per second are 180 MB per hour.
    expect(leak!.value / (180 * MEGABYTE)).toBeGreaterThan(0.9);
    expect(leak!.value / (180 * MEGABYTE)).toBeLessThan(1.1);
    expect(leak).toMatchObject({
      kind: 'memory-leak',
      metric: HEAP,
      startMs: 0,
      endMs: 299_000,
      severity: 'warning',
    });
    expect(leak!.explanation).toMatch(
      /grew from .* MB to .* MB in 4\.\d min.*per hour.*limit of 500 MB is reached in 2\.\d h/,
    );
  });

  test('the saw teeth of garbage collection are no leak, whatever their period', () => {
    for (const period of [2, 7, 13, 29, 60]) {
      const values = Array.from({ length: 300 }, (_, i) => (50 + (40 * (i % period)) / period) * MEGABYTE);
      expect(detectMemoryLeak(seriesOf(HEAP, values, 'bytes'))).toEqual([]);
    }
  });

  test('a cache that fills up and stays is no leak', () => {
    const random = new Random(2);
    const values = Array.from(
      { length: 300 },
      (_, i) => (50 + Math.min(30, i / 3) + 0.3 * random.normal()) * MEGABYTE,
    );
    expect(detectMemoryLeak(seriesOf(HEAP, values, 'bytes'))).toEqual([]);
  });

  test('growth too small to matter, falling memory, and short or constant series are no leak', () => {
    expect(detectMemoryLeak(heap(300, 0.002, new Random(3)))).toEqual([]);
    expect(detectMemoryLeak(heap(300, -0.05, new Random(3)))).toEqual([]);
    expect(detectMemoryLeak(heap(59, 0.5, new Random(3)), { minimumDurationMs: 0 })).toEqual([]);
    expect(detectMemoryLeak(heap(119, 0.5, new Random(3)))).toEqual([]);
    expect(detectMemoryLeak(heap(119, 0.5, new Random(3)), { minimumDurationMs: 0 })).toHaveLength(1);
    expect(detectMemoryLeak(seriesOf(HEAP, new Array(300).fill(MEGABYTE)))).toEqual([]);
    expect(detectMemoryLeak(seriesOf(HEAP, []))).toEqual([]);
  });

  test('false alarms on autocorrelated noise are rare and planted rises are found', () => {
    const runs = 400;
    const rate = (memory: number, riseInDeviations: number) => {
      const random = new Random(20);
      let alarms = 0;
      for (let run = 0; run < runs; run++) {
        const values = autoregressive(240, memory, random).map(
          (noise, i) => (100 + 5 * (noise + (riseInDeviations * i) / 239)) * MEGABYTE,
        );
        alarms += detectMemoryLeak(seriesOf(HEAP, values, 'bytes')).length;
      }
      return alarms / runs;
    };
    const measured = {
      'false alarms at AR 0': rate(0, 0),
      'false alarms at AR 0.5': rate(0.5, 0),
      'false alarms at AR 0.8': rate(0.8, 0),
      'found at AR 0, rise of 2 deviations': rate(0, 2),
      'found at AR 0.5, rise of 2 deviations': rate(0.5, 2),
      'found at AR 0.8, rise of 4 deviations': rate(0.8, 4),
    };
    console.log(`memory leak detector, ${runs} runs each`, measured);
    expect(measured['false alarms at AR 0']).toBeLessThanOrEqual(0.02);
    expect(measured['false alarms at AR 0.8']).toBeLessThanOrEqual(0.03);
    expect(measured['found at AR 0.5, rise of 2 deviations']).toBeGreaterThanOrEqual(0.5);
  });
});

describe('thresholds', () => {
  const cpu = (values: readonly number[]) => seriesOf('process_cpu_fraction', values);

  test('processor use must last to count', () => {
    const brief = [...new Array(10).fill(0.2), ...new Array(10).fill(1), ...new Array(10).fill(0.2)];
    expect(detectHighCpu(cpu(brief))).toEqual([]);
    const lasting = [...new Array(10).fill(0.2), ...new Array(12).fill(0.95), 0.2];
    expect(detectHighCpu(cpu(lasting))).toEqual([
      {
        kind: 'high-cpu',
        metric: 'process_cpu_fraction',
        labels: {},
        severity: 'warning',
        startMs: 10_000,
        endMs: 21_000,
        value: 0.95,
        threshold: 0.9,
        explanation: 'Processor use stayed at or above 90 % for 11.0 s, 95 % on average.',
      },
    ]);
    expect(detectHighCpu(cpu(new Array(40).fill(1)))[0]?.severity).toBe('critical');
    expect(detectHighCpu(cpu(new Array(40).fill(0.5)), { threshold: 0.5, sustainedMs: 39_000 })).toHaveLength(
      1,
    );
  });

  test('each stretch of low fidelity is one anomaly', () => {
    const found = detectLowFidelity(seriesOf('quantum_fidelity_fraction', [0.99, 0.8, 0.85, 0.9, 0.3]));
    expect(found.map(({ startMs, endMs, value, severity }) => [startMs, endMs, value, severity])).toEqual([
      [1000, 2000, 0.8, 'warning'],
      [4000, 4000, 0.3, 'critical'],
    ]);
    expect(found[0]!.explanation).toBe('Fidelity fell to 0.800, below 0.9, in 2 samples in a row.');
  });
});

describe('spikes', () => {
  test('a planted spike is found where it is, and the noise around it is not', () => {
    const random = new Random(5);
    const values = autoregressive(500, 0.5, random).map((noise) => 20 + noise);
    values[300] = 60;
    const [spike, ...others] = detectSpikes(seriesOf('latency_ms', values, 'ms'));
    expect(others).toEqual([]);
    expect(spike).toMatchObject({
      kind: 'spike',
      startMs: 300_000,
      endMs: 300_000,
      value: 60,
      severity: 'critical',
    });
    expect(spike!.explanation).toMatch(/^latency_ms reached 60.00 where (1|2)\d\.\d+ was expected/);
  });

  test('a second spike is not hidden by the first, nor by a drop', () => {
    const values = Array.from({ length: 400 }, (_, i) => 10 + (i % 7) / 10);
    Object.assign(values, { 200: 30, 300: 32, 350: -15 });
    expect(detectSpikes(seriesOf('x', values)).map(({ startMs }) => startMs / 1000)).toEqual([200, 300, 350]);
  });

  test('constant, short and regular series are quiet', () => {
    expect(detectSpikes(seriesOf('x', new Array(500).fill(3)))).toEqual([]);
    expect(detectSpikes(seriesOf('x', []))).toEqual([]);
    expect(detectSpikes(seriesOf('x', [1, 2, 1e9]))).toEqual([]);
    expect(
      detectSpikes(
        seriesOf(
          'x',
          Array.from({ length: 600 }, (_, i) => (i % 48 < 24 ? 10 : 90)),
        ),
      ),
    ).toEqual([]);
  });

  test('false alarms on noise are rare', () => {
    const rate = (memory: number) => {
      const random = new Random(11);
      let noisy = 0;
      for (let run = 0; run < 300; run++)
        if (detectSpikes(seriesOf('x', autoregressive(600, memory, random))).length > 0) noisy++;
      return noisy / 300;
    };
    const measured = { 'AR 0': rate(0), 'AR 0.5': rate(0.5), 'AR 0.8': rate(0.8) };
    console.log('spike detector, series of 600 with any false alarm', measured);
    for (const share of Object.values(measured)) expect(share).toBeLessThanOrEqual(0.02);
  });
});

describe('detectAnomalies', () => {
  const samples = (series: MetricSeries): MetricSample[] =>
    series.values.map((value, i) => ({
      name: series.name,
      kind: 'gauge',
      value,
      unit: series.unit,
      timestampMs: series.timesMs[i]!,
      labels: series.labels,
    }));
  const cpu = seriesOf('process_cpu_fraction', new Array(20).fill(1), 'fraction');
  const fidelity = seriesOf('quantum_fidelity_fraction', [1, 1, 0.5], 'fraction');
  const kinds = (found: readonly Anomaly[]) => found.map(({ kind }) => kind);

  test('samples in any order and ready series give the same, in order of time', () => {
    const mixed = [...samples(fidelity), ...samples(cpu)].reverse();
    expect(detectAnomalies(mixed)).toEqual(detectAnomalies([cpu, fidelity]));
    expect(kinds(detectAnomalies(mixed))).toEqual(['high-cpu', 'low-fidelity']);
  });

  test('spikes are looked for in latencies and wherever asked', () => {
    const values = Array.from({ length: 200 }, (_, i) => (i === 150 ? 50 : 1 + (i % 5) / 10));
    const named = (name: string) => seriesOf(name, values, 'ms');
    expect(kinds(detectAnomalies([named('inference_latency_ms')]))).toEqual(['spike']);
    expect(detectAnomalies([named('quantum_estimated_time_ms')])).toEqual([]);
    expect(kinds(detectAnomalies([named('x')], { spike: { metrics: ['x'] } }))).toEqual(['spike']);
  });

  test('detectors can be left out and pointed elsewhere', () => {
    expect(kinds(detectAnomalies([cpu, fidelity], { highCpu: false }))).toEqual(['low-fidelity']);
    const other = { ...cpu, name: 'system_cpu_fraction' };
    expect(kinds(detectAnomalies([other], { highCpu: { metric: 'system_cpu_fraction' } }))).toEqual([
      'high-cpu',
    ]);
  });

  test('values that are not finite are left out, and nothing gives nothing', () => {
    const broken = seriesOf('quantum_fidelity_fraction', [Number.NaN, 1, Number.NEGATIVE_INFINITY]);
    expect(detectAnomalies([broken])).toEqual([]);
    expect(detectAnomalies([])).toEqual([]);
  });
});

const shared = process.env.QEDGE_SHARED ?? fileURLToPath(new URL('../../../../shared', import.meta.url));
const folder = join(shared, 'data', 'nab');

describe.skipIf(!existsSync(folder))('on the Numenta anomaly benchmark series', () => {
  test('no alarm on the series without anomalies; hits and false alarms on the others', () => {
    const labels = JSON.parse(readFileSync(join(folder, 'labels.json'), 'utf8')) as Record<
      string,
      { windows: [string, string][] }
    >;
    const table = Object.entries(labels).map(([file, { windows }]) => {
      const rows = readFileSync(join(folder, file), 'utf8')
        .trim()
        .split(/\r?\n/)
        .slice(1)
        .map((line) => line.split(','));
      const time = (text: string) => Date.parse(`${text.slice(0, 19).replace(' ', 'T')}Z`);
      const series: MetricSeries = {
        name: file,
        unit: '1',
        labels: {},
        timesMs: rows.map((row) => time(row[0]!)),
        values: rows.map((row) => Number(row[1])),
      };
      // NAB's protocol: the first 15 %, at most 750 samples, are for learning.
      const found = detectSpikes(series, { warmUpSamples: Math.min(750, Math.floor(0.15 * rows.length)) });
      const inside = (anomaly: Anomaly, [from, to]: [string, string]) =>
        anomaly.endMs >= time(from) && anomaly.startMs <= time(to);
      return {
        file,
        windows: windows.length,
        hit: windows.filter((window) => found.some((anomaly) => inside(anomaly, window))).length,
        falseAlarms: found.filter((anomaly) => !windows.some((window) => inside(anomaly, window))).length,
      };
    });
    console.table(table);
    const quiet = table.filter(({ windows }) => windows === 0);
    expect(quiet.length).toBeGreaterThan(0);
    for (const { falseAlarms } of quiet) expect(falseAlarms).toBe(0);
  });
});
