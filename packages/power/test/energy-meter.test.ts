import { cpus } from 'node:os';
import {
  type EnergyFigure,
  InvalidArgumentError,
  ManualClock,
  type PowerFigure,
  type PowerState,
} from '@qedge/core';
import {
  ASSUMED_WATTS_PER_LOGICAL_CPU,
  assumedLoadModel,
  EnergyMeter,
  estimateInferenceEnergy,
  modelledPowerSource,
  type PowerSource,
  powerAtLoad,
} from '@qedge/power';
import { openPowerSource, processCpuTime } from '@qedge/power/node';
import { describe, expect, test } from 'vitest';
import { FakeRoot, laptopWithRapl } from './fake-root.ts';

/** A source that gives prepared powers, one per reading. */
function scriptedSource(watts: (number | null)[]): PowerSource {
  const figures = watts.map((value, i) =>
    value === null
      ? null
      : ({
          watts: value,
          provenance: 'measured',
          relativeError: 0.1 + i / 10,
          method: 'gauge',
        } as PowerFigure),
  );
  const read = () => ({ power: figures.shift() ?? null }) as PowerState;
  return { name: 'scripted', provenance: 'measured', read, dispose() {}, [Symbol.dispose]() {} };
}

describe('EnergyMeter', () => {
  test('takes the difference of a real counter file', async () => {
    const root = new FakeRoot().write(laptopWithRapl(1_000_000));
    const clock = new ManualClock();
    const { source } = await openPowerSource({ root: root.path, clock });
    const meter = new EnergyMeter({ source, clock });
    root.write({ 'sys/class/powercap/intel-rapl:0/energy_uj': 2_500_000 });
    const { result, durationMs, energy } = await meter.measure(() => {
      root.write({ 'sys/class/powercap/intel-rapl:0/energy_uj': 4_000_000 });
      clock.advance(250);
      return 'done';
    });
    expect({ result, durationMs }).toEqual({ result: 'done', durationMs: 250 });
    expect(energy).toMatchObject({
      provenance: 'measured',
      relativeError: 0.05,
      method: 'RAPL counters package-0',
    });
    expect(energy?.joules).toBeCloseTo(1.5, 9);
    const broken = await meter.measure(() => root.remove('sys/class/powercap/intel-rapl:0/energy_uj'));
    expect(broken.energy).toBeNull();
    root.dispose();
  });

  test('puts the processor time of the work into the load model', async () => {
    const clock = new ManualClock();
    let cpuMs = 100;
    const model = assumedLoadModel(4);
    const source = modelledPowerSource({ model, utilization: () => null, clock });
    const meter = new EnergyMeter({ source, clock, cpuTime: { logicalCpus: 4, readMs: () => cpuMs } });
    const { energy } = await meter.measure(async () => {
      cpuMs += 2000;
      clock.advance(1000);
    });
    // 2000 ms of processor time in 1000 ms on 4 processors: half load.
    expect(energy?.joules).toBeCloseTo(powerAtLoad(model, 0.5).watts, 12);
    expect(energy).toMatchObject({ provenance: 'modelled', relativeError: 0.7 });
    expect((await meter.measure(() => 1)).energy?.joules).toBe(0);
  });

  test('otherwise takes the mean power before and after, with the wider band', async () => {
    const clock = new ManualClock();
    const meter = new EnergyMeter({ source: scriptedSource([10, 20, null, 20]), clock });
    const measured = await meter.measure(() => clock.advance(2000));
    expect(measured.energy).toEqual({
      joules: 30,
      provenance: 'measured',
      relativeError: 0.2,
      method: 'gauge',
    } satisfies EnergyFigure);
    expect((await meter.measure(() => clock.advance(2000))).energy).toBeNull();
  });

  test('throws on what the work throws', async () => {
    const meter = new EnergyMeter({ source: scriptedSource([]) });
    await expect(meter.measure(() => Promise.reject(new RangeError('no')))).rejects.toThrow(RangeError);
  });

  test('counts the processors of the machine as the load model does, however few this process may use', async () => {
    const root = new FakeRoot().write({ 'proc/stat': 'cpu 1 0 0 9' });
    const { source } = await openPowerSource({ root: root.path });
    root.dispose();
    expect(source.loadModel!.points[1]!.watts / ASSUMED_WATTS_PER_LOGICAL_CPU.full).toBe(
      processCpuTime().logicalCpus,
    );
    expect(processCpuTime().logicalCpus).toBe(Math.max(1, cpus().length));
  });

  test('sees more energy in more real work on this machine', async () => {
    const source = modelledPowerSource({ model: assumedLoadModel(2), utilization: () => null });
    const meter = new EnergyMeter({ source, cpuTime: processCpuTime() });
    const short = await meter.measure(() => spin(20));
    const long = await meter.measure(() => spin(200));
    expect(long.energy!.joules).toBeGreaterThan(2 * short.energy!.joules);
  });
});

describe('estimateInferenceEnergy', () => {
  test('adds published energies per operation and per byte', () => {
    expect(estimateInferenceEnergy('float32', 1e6, 0).joules).toBeCloseTo(4.6e-6, 15);
    expect(estimateInferenceEnergy('int8', 1e6, 0).joules).toBeCloseTo(0.3e-6, 15);
    expect(estimateInferenceEnergy('int4', 0, 8e6).joules).toBeCloseTo(1.95e-3, 12);
    expect(estimateInferenceEnergy('float16', 10, 8)).toMatchObject({
      provenance: 'modelled',
      relativeError: 1,
    });
  });

  test('orders the precisions of one model by their cost', () => {
    const macs = 784 * 256 + 256 * 128 + 128 * 10;
    const costs = [
      estimateInferenceEnergy('float32', macs, 4 * macs),
      estimateInferenceEnergy('float16', macs, 2 * macs),
      estimateInferenceEnergy('int8', macs, macs),
      estimateInferenceEnergy('int4', macs, macs / 2),
    ].map((figure) => figure.joules);
    expect(costs).toEqual([...costs].sort((a, b) => b - a));
  });

  test('refuses counts that are negative or not finite', () => {
    for (const bad of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => estimateInferenceEnergy('int8', bad, 0)).toThrow(InvalidArgumentError);
      expect(() => estimateInferenceEnergy('int8', 0, bad)).toThrow(InvalidArgumentError);
    }
  });
});

function spin(durationMs: number): void {
  const until = performance.now() + durationMs;
  while (performance.now() < until);
}
