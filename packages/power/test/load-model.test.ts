import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InvalidArgumentError, ManualClock, type PowerState, UseAfterReleaseError } from '@qedge/core';
import {
  assumedLoadModel,
  calibratedLoadModel,
  type LoadModel,
  modelledPowerSource,
  powerAtLoad,
} from '@qedge/power';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const at = (utilizationFraction: number, watts: number) => ({ utilizationFraction, watts });

describe('load models', () => {
  test('two points follow idle + (full - idle) * u^0.7', () => {
    const model = calibratedLoadModel([at(1, 30), at(0, 10)]);
    for (const load of [0, 0.1, 0.5, 0.9, 1])
      expect(powerAtLoad(model, load).watts).toBeCloseTo(10 + 20 * load ** 0.7, 12);
    expect(powerAtLoad(model, 0.5)).toMatchObject({ provenance: 'calibrated', relativeError: 0.25 });
  });

  test('three points are joined by straight lines', () => {
    const model = calibratedLoadModel([at(0, 10), at(0.5, 22), at(1, 30)]);
    expect(powerAtLoad(model, 0.25).watts).toBeCloseTo(16, 12);
    expect(powerAtLoad(model, 0.5).watts).toBe(22);
    expect(powerAtLoad(model, 0.75).watts).toBeCloseTo(26, 12);
    expect(powerAtLoad(model, 0.75).relativeError).toBe(0.15);
  });

  test('loads outside the points are held flat', () => {
    const model = calibratedLoadModel([at(0.1, 10), at(0.9, 20)]);
    expect([-1, 0, 0.1, 0.9, 1, 7].map((load) => powerAtLoad(model, load).watts)).toEqual([
      10, 10, 10, 20, 20, 20,
    ]);
  });

  test('law: power never falls as load grows and stays between idle and full', () => {
    const load = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(load, load, fc.integer({ min: 1, max: 256 }), (a, b, logicalCpus) => {
        const model = assumedLoadModel(logicalCpus);
        const [low, high] = [Math.min(a, b), Math.max(a, b)].map((u) => powerAtLoad(model, u).watts);
        expect(low).toBeLessThanOrEqual(high!);
        expect(low).toBeGreaterThanOrEqual(0.8 * logicalCpus - 1e-9);
        expect(high).toBeLessThanOrEqual(4.5 * logicalCpus + 1e-9);
      }),
      { seed: 1 },
    );
  });

  test('assumed watts say that they are modelled, with their band and constants', () => {
    expect(powerAtLoad(assumedLoadModel(4), 0)).toEqual({
      watts: 3.2,
      provenance: 'modelled',
      relativeError: 0.7,
      method: 'load model 3.2 W + 14.8 W * u^0.7, watts assumed for 4 logical processors',
    });
  });

  test('calibrations that contradict themselves are refused', () => {
    for (const points of [
      [],
      [at(0, 5)],
      [at(0, 5), at(0, 6)],
      [at(0, 0), at(1, 6)],
      [at(-0.1, 5), at(1, 6)],
      [at(0, 5), at(1.2, 6)],
      [at(0, Number.NaN), at(1, 6)],
    ])
      expect(() => calibratedLoadModel(points)).toThrow(InvalidArgumentError);
    for (const count of [0, 1.5, Number.NaN])
      expect(() => assumedLoadModel(count)).toThrow(InvalidArgumentError);
    expect(() => powerAtLoad(assumedLoadModel(1), Number.NaN)).toThrow(InvalidArgumentError);
  });
});

test('a modelled source turns load into watts and stays silent while the load is unknown', () => {
  let load: number | null = null;
  const clock = new ManualClock(7);
  const source = modelledPowerSource({ model: assumedLoadModel(2), utilization: () => load, clock });
  expect(source.read()).toMatchObject({ power: null, utilizationFraction: null, timestampMs: 7 });
  load = 1.02;
  const state = source.read() as PowerState;
  expect(state).toMatchObject({
    utilizationFraction: 1,
    supply: 'unknown',
    batteryFraction: null,
    source: 'model',
  });
  expect(state.power?.watts).toBe(9);
  source.dispose();
  expect(() => source.read()).toThrow(UseAfterReleaseError);
});

const shared = process.env.QEDGE_SHARED ?? fileURLToPath(new URL('../../../../shared', import.meta.url));
const folder = join(shared, 'data', 'rapl-load');

describe.skipIf(!existsSync(folder))(
  'against measured processors (CodeCarbon load profiles with RAPL energy)',
  () => {
    // The fifth folder, E5-1240, counts its energy twice by its own README.
    const machines = [
      ['AMD_EPYC_8024P_8C', 16],
      ['AMD_Threadripper', 32],
      ['E3-1240', 8],
      ['E5-2620', 24],
    ] as const;
    const error = (model: LoadModel, rows: Row[]) =>
      (100 / rows.length) *
      rows.reduce((sum, { load, watts }) => sum + Math.abs(powerAtLoad(model, load).watts / watts - 1), 0);
    // A function: this block is also read where the data is absent and its tests are skipped.
    const readHalves = () =>
      machines.flatMap(([machine]) => {
        const [all, some] = [readRows(machine, 'all_cores'), readRows(machine, 'some_cores')];
        return [
          { name: `${machine} all>some`, train: all, test: some },
          { name: `${machine} some>all`, train: some, test: all },
        ];
      });
    const pick = (rows: Row[], share: number) => {
      const i = Math.round(share * (rows.length - 1));
      return at(rows[i]!.load, rows[i]!.watts);
    };

    test('two-point calibration transfers between load patterns: at most 25 % off on 7 of 8 halves', () => {
      const errors = readHalves().map(({ name, train, test: rows }) => {
        const model = calibratedLoadModel([pick(train, 0), pick(train, 1)]);
        return { name, percent: Number(error(model, rows).toFixed(1)) };
      });
      console.log('two-point load model, mean absolute percentage error', errors);
      expect(errors.filter(({ percent }) => percent <= 25).length).toBeGreaterThanOrEqual(7);
    });

    test('three-point calibration is at most 15 % off on the six halves of three machines', () => {
      const errors = readHalves().map(({ name, train, test: rows }) => {
        const middle = train.reduce((best, row) =>
          Math.abs(row.load - 0.5) < Math.abs(best.load - 0.5) ? row : best,
        );
        const model = calibratedLoadModel([pick(train, 0), at(middle.load, middle.watts), pick(train, 1)]);
        return { name, percent: Number(error(model, rows).toFixed(1)) };
      });
      console.log('three-point load model, mean absolute percentage error', errors);
      expect(errors.filter(({ name, percent }) => name.startsWith('E3') || percent <= 15).length).toBe(8);
    });

    test('assumed watts stay within their stated band on every machine', () => {
      const errors = machines.map(([machine, logicalCpus]) => {
        const rows = [...readRows(machine, 'all_cores'), ...readRows(machine, 'some_cores')];
        return { machine, percent: Number(error(assumedLoadModel(logicalCpus), rows).toFixed(1)) };
      });
      console.log('assumed load model, mean absolute percentage error', errors);
      for (const { percent } of errors) expect(percent).toBeLessThan(70);
    });

    interface Row {
      readonly load: number;
      readonly watts: number;
    }

    /** In ascending order of load. Watts from energy and duration: the power column lags by a row. */
    function readRows(machine: string, pattern: string): Row[] {
      const file = readdirSync(folder).find((name) => name === `${machine}-${pattern}.csv`)!;
      const [head, ...lines] = readFileSync(join(folder, file), 'utf8').trim().split(/\r?\n/);
      const column = (name: string) => head!.split(',').indexOf(name);
      return lines
        .map((line) => line.split(','))
        .map((cells) => ({
          load: Number(cells[column('cpu_load')]) / 100,
          watts: (Number(cells[column('rapl_energy')]) * 3.6e6) / Number(cells[column('duration')]),
        }))
        .sort((a, b) => a.load - b.load);
    }
  },
);
