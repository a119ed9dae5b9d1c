import { type Capability, ManualClock, type PowerState, UseAfterReleaseError } from '@qedge/core';
import { calibratedLoadModel } from '@qedge/power';
import { openPowerSource } from '@qedge/power/node';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FakeRoot, laptopWithRapl } from './fake-root.ts';

const ENERGY = 'sys/class/powercap/intel-rapl:0/energy_uj';

let root: FakeRoot;
let clock: ManualClock;
beforeEach(() => {
  root = new FakeRoot();
  clock = new ManualClock(1000);
});
afterEach(() => root.dispose());

async function open() {
  const { source, capabilities } = await openPowerSource({ root: root.path, clock });
  const read = () => source.read() as PowerState;
  const capability = (name: string) => capabilities.find((entry) => entry.name === name) as Capability;
  return { source, read, capability, capabilities };
}

describe('energy counters', () => {
  test('count the package alone: not its cores, not its twin, not the platform beside it', async () => {
    root.write(laptopWithRapl(1_000_000));
    const { source, read, capability } = await open();
    root.write({ [ENERGY]: 31_000_000 });
    clock.advance(2000);
    expect(read().power).toMatchObject({ watts: 15, provenance: 'measured', relativeError: 0.05 });
    expect(source.readEnergy?.()).toMatchObject({ joules: 30, provenance: 'measured' });
    expect(capability('rapl').reason).toContain('package-0 in');
    expect(source).toMatchObject({ name: 'sysfs', provenance: 'measured' });
  });

  test('add up the packages of a machine with two sockets', async () => {
    root.write(laptopWithRapl(0)).write({
      'sys/class/powercap/intel-rapl:2/name': 'package-1',
      'sys/class/powercap/intel-rapl:2/energy_uj': 500,
      'sys/class/powercap/intel-rapl:2/max_energy_range_uj': 1e9,
    });
    const { source, capability } = await open();
    root.write({ [ENERGY]: 3, 'sys/class/powercap/intel-rapl:2/energy_uj': 504 });
    expect(source.readEnergy?.()?.joules).toBeCloseTo(7e-6, 12);
    expect(capability('rapl').reason).toContain('package-0 + package-1');
  });

  test('fall back to the platform counter where there is no package counter', async () => {
    root.write(laptopWithRapl(0));
    root.remove('sys/class/powercap/intel-rapl:0').remove('sys/class/powercap/intel-rapl-mmio:0');
    const { source, capability } = await open();
    root.write({ 'sys/class/powercap/intel-rapl:1/energy_uj': 5_000_009 });
    expect(source.readEnergy?.()?.joules).toBeCloseTo(9e-6, 12);
    expect(capability('rapl').reason).toContain('psys');
  });

  test('are exact to a microjoule across a wrap at max_energy_range_uj', async () => {
    const range = 262_143_328_850;
    root.write(laptopWithRapl(range - 7, range));
    const { source } = await open();
    root.write({ [ENERGY]: 5 });
    clock.advance(1000);
    expect(source.readEnergy?.()?.joules).toBeCloseTo(12e-6, 12);
  });

  test('law: any sequence of steps adds up exactly, however often the counter wraps', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 999_999 }), { maxLength: 12 }),
        fc.nat({ max: 999_999 }),
        async (steps, start) => {
          const range = 1_000_000;
          root.write(laptopWithRapl(start, range));
          const { source } = await open();
          let counter = start;
          for (const step of steps) {
            counter = (counter + step) % range;
            root.write({ [ENERGY]: counter });
            clock.advance(10);
            source.readEnergy?.();
          }
          const microjoules = (source.readEnergy?.()?.joules ?? Number.NaN) * 1e6;
          expect(Math.round(microjoules)).toBe(steps.reduce((sum, step) => sum + step, 0));
        },
      ),
      { seed: 1, numRuns: 40 },
    );
  });

  test('take a step back that would mean megawatts for a reset, and count from zero', async () => {
    root.write(laptopWithRapl(200_000_000_000));
    const { source } = await open();
    root.write({ [ENERGY]: 4_000_000 });
    clock.advance(1000);
    expect(source.readEnergy?.()?.joules).toBeCloseTo(4, 9);
  });

  test('give null while a read fails, never zero, and lose nothing of the gap', async () => {
    root.write(laptopWithRapl(10_000_000));
    const { source, read } = await open();
    root.breakReading(ENERGY);
    clock.advance(1000);
    expect(source.readEnergy?.()).toBeNull();
    expect(read().power).toBeNull();
    root.remove(ENERGY);
    clock.advance(1000);
    expect(read().power).toBeNull();
    root.write({ [ENERGY]: 'unknown' });
    expect(source.readEnergy?.()).toBeNull();
    root.write({ [ENERGY]: 50_000_000 });
    clock.advance(2000);
    expect(read().power?.watts).toBeCloseTo(10, 9);
    expect(source.readEnergy?.()?.joules).toBeCloseTo(40, 9);
  });

  test('repeat the last power instead of dividing by a few microseconds', async () => {
    root.write(laptopWithRapl(0));
    const { read } = await open();
    expect(read().power).toBeNull();
    root.write({ [ENERGY]: 2_000_000 });
    clock.advance(100);
    expect(read().power?.watts).toBeCloseTo(20, 9);
    root.write({ [ENERGY]: 2_900_000 });
    clock.advance(1);
    expect(read().power?.watts).toBeCloseTo(20, 9);
    root.write({ [ENERGY]: 5_000_000 });
    clock.advance(99);
    expect(read().power?.watts).toBeCloseTo(30, 9);
  });

  test('that only root may read say so, with the command that opens them', async () => {
    root.write(laptopWithRapl(0));
    const { source, capability } = await root.denied(ENERGY, open);
    expect(capability('rapl')).toMatchObject({
      available: false,
      remedy: 'sudo chmod a+r /sys/class/powercap/*/energy_uj',
    });
    expect(capability('rapl').reason).toMatch(
      /energy_uj may not be read by this user \(EACCES\).*CVE-2020-8694/,
    );
    expect(source.readEnergy).toBeUndefined();
    expect(source).toMatchObject({ name: 'sysfs+model', provenance: 'modelled' });
  });

  test.skipIf(!FakeRoot.canUnplug())('without a device behind them say so', async () => {
    root.write(laptopWithRapl(0)).unplug(ENERGY);
    expect((await open()).capability('rapl').reason).toContain('has no device behind it (ENODEV)');
  });

  test('that are missing name the driver, or the hypervisor that hides them', async () => {
    expect((await open()).capability('rapl')).toMatchObject({
      available: false,
      remedy: 'sudo modprobe intel_rapl_msr',
    });
    root.write({ 'proc/cpuinfo': 'flags\t\t: fpu vme hypervisor lahf_lm' });
    const hidden = (await open()).capability('rapl');
    expect(hidden).toMatchObject({ available: false, remedy: null });
    expect(hidden.reason).toContain('virtual machine');
  });
});

describe('batteries', () => {
  const BATTERY = 'sys/class/power_supply/BAT0';
  const battery = {
    [`${BATTERY}/type`]: 'Battery',
    [`${BATTERY}/status`]: 'Discharging',
    [`${BATTERY}/capacity`]: 55,
  };

  test('give charge from energy, power from power_now, and no processor counter is needed', async () => {
    root.write({
      ...battery,
      [`${BATTERY}/energy_now`]: 30_000_000,
      [`${BATTERY}/energy_full`]: 60_000_000,
      [`${BATTERY}/power_now`]: 12_300_000,
    });
    const { read, source } = await open();
    expect(read()).toMatchObject({
      supply: 'battery',
      batteryFraction: 0.5,
      power: { provenance: 'measured' },
    });
    expect(read().power?.watts).toBeCloseTo(12.3, 9);
    expect(source.name).toBe('sysfs');
    expect(source.loadModel).toBeUndefined();
  });

  test('multiply volts and amperes where power_now is missing, whatever the sign of the driver', async () => {
    root.write({ ...battery, [`${BATTERY}/voltage_now`]: 11_100_000, [`${BATTERY}/current_now`]: -900_000 });
    const { read } = await open();
    expect(read().power?.watts).toBeCloseTo(9.99, 9);
    expect(read().batteryFraction).toBe(0.55);
  });

  test('weigh several by their size', async () => {
    root.write({ ...battery, [`${BATTERY}/energy_now`]: 90, [`${BATTERY}/energy_full`]: 100 }).write({
      'sys/class/power_supply/BAT1/type': 'Battery',
      'sys/class/power_supply/BAT1/energy_now': 0,
      'sys/class/power_supply/BAT1/energy_full': 300,
    });
    expect((await open()).read().batteryFraction).toBeCloseTo(0.225, 12);
  });

  test('on mains are not power draws', async () => {
    root.write({
      ...battery,
      [`${BATTERY}/status`]: 'Charging',
      [`${BATTERY}/power_now`]: 20_000_000,
      'sys/class/power_supply/AC/type': 'Mains',
      'sys/class/power_supply/AC/online': 1,
    });
    const state = (await open()).read();
    expect(state.supply).toBe('mains');
    expect(state.power?.provenance ?? null).not.toBe('measured');
  });

  test('of a mouse do not count', async () => {
    root.write({ ...battery, [`${BATTERY}/scope`]: 'Device' });
    const { read, capability } = await open();
    expect(read()).toMatchObject({ supply: 'unknown', batteryFraction: null });
    expect(capability('battery')).toMatchObject({ available: false, remedy: null });
  });

  test('with a charge that makes no sense are unknown, not empty', async () => {
    for (const capacity of ['-1', '101', '', 'full', '5e1']) {
      root.write({ ...battery, [`${BATTERY}/capacity`]: capacity });
      const { read, capability } = await open();
      expect(read().batteryFraction).toBeNull();
      expect(capability('battery').available).toBe(false);
    }
    root.write({ ...battery, [`${BATTERY}/energy_now`]: 61, [`${BATTERY}/energy_full`]: 60 });
    expect((await open()).read().batteryFraction).toBe(1);
  });

  test('that may not be read say so', async () => {
    root.write(battery);
    const capability = (await root.denied(`${BATTERY}/capacity`, open)).capability('battery');
    expect(capability.reason).toContain('EACCES');
    expect(capability.remedy).toBe(`sudo chmod a+r ${root.path}/${BATTERY}/capacity`);
  });
});

describe('temperature and frequency', () => {
  const zone = (i: number, type: string, milli: number | string) => ({
    [`sys/class/thermal/thermal_zone${i}/type`]: type,
    [`sys/class/thermal/thermal_zone${i}/temp`]: milli,
  });

  test('are the hottest of the processor, not of the battery or the radio', async () => {
    root.write({
      ...zone(0, 'acpitz', 90_000),
      ...zone(1, 'x86_pkg_temp', 61_500),
      ...zone(2, 'iwlwifi_1', 99_000),
      ...zone(10, 'cpu-thermal', 48_000),
    });
    const { read, capability } = await open();
    expect(read().temperatureCelsius).toBe(61.5);
    expect(capability('thermal')).toMatchObject({ available: true, remedy: null });
  });

  test('leave out zones that report what no processor has', async () => {
    root.write({
      ...zone(0, 'cpu-thermal', -274_000),
      ...zone(1, 'soc-thermal', 41_000),
      ...zone(2, 'cpu1', 'N/A'),
    });
    expect((await open()).read().temperatureCelsius).toBe(41);
    root.remove('sys/class/thermal/thermal_zone1');
    const { read, capability } = await open();
    expect(read().temperatureCelsius).toBeNull();
    expect(capability('thermal').reason).toContain('-274 °C, which no processor has');
  });

  test('follow zones that vanish and come back', async () => {
    root.write(zone(0, 'cpu-thermal', 50_000));
    const { read } = await open();
    expect(read().temperatureCelsius).toBe(50);
    root.remove('sys/class/thermal/thermal_zone0');
    expect(read().temperatureCelsius).toBeNull();
    root.write(zone(0, 'cpu-thermal', 52_000));
    expect(read().temperatureCelsius).toBe(52);
  });

  test('convert kilohertz and take the fastest policy', async () => {
    const policy = 'sys/devices/system/cpu/cpufreq';
    root.write({
      [`${policy}/policy0/scaling_cur_freq`]: 1_800_000,
      [`${policy}/policy4/scaling_cur_freq`]: 2_400_000,
      [`${policy}/boost`]: 1,
    });
    const { read, capability } = await open();
    expect(read().frequencyHertz).toBe(2.4e9);
    expect(capability('cpufreq').reason).toContain('2 policies');
    root.write({
      [`${policy}/policy0/scaling_cur_freq`]: 0,
      [`${policy}/policy4/scaling_cur_freq`]: '<unknown>',
    });
    expect(read().frequencyHertz).toBeNull();
    expect((await open()).capability('cpufreq').reason).toContain('0 kHz, which is no frequency');
  });
});

describe('processor load', () => {
  const stat = (line: string) => ({ 'proc/stat': `${line}\ncpu0 1 2 3 4\nintr 5` });

  test('is the busy share of the ticks between two reads; idle, waiting and guest ticks are not busy', async () => {
    root.write(stat('cpu  100 0 50 800 50 0 0 0 0 0'));
    const { read } = await open();
    // 30 user (10 of them guest), 10 system, 50 idle, 5 waiting, 5 stolen: 45 of 100.
    root.write(stat('cpu  130 0 60 850 55 0 0 5 10 0'));
    expect(read().utilizationFraction).toBeCloseTo(0.45, 12);
    expect(read().utilizationFraction).toBeCloseTo(0.45, 12);
  });

  test('is unknown after the counters went back, and when the file is gone or garbage', async () => {
    root.write(stat('cpu  100 0 0 100'));
    const { read, capability } = await open();
    expect(capability('cpu-utilization').available).toBe(true);
    root.write(stat('cpu  10 0 0 10'));
    expect(read().utilizationFraction).toBeNull();
    root.write(stat('cpu  20 0 0 10'));
    expect(read().utilizationFraction).toBe(1);
    root.write(stat('cpu  x y z'));
    expect(read()).toMatchObject({ utilizationFraction: null, power: null });
    root.remove('proc/stat');
    expect(read().utilizationFraction).toBeNull();
    expect((await open()).capability('cpu-utilization').reason).toContain('does not exist (ENOENT)');
  });

  test('becomes watts through the model where there is no meter, marked as such', async () => {
    root.write(stat('cpu  0 0 0 0'));
    const loadModel = calibratedLoadModel([
      { utilizationFraction: 0, watts: 5 },
      { utilizationFraction: 1, watts: 25 },
    ]);
    const { source } = await openPowerSource({ root: root.path, clock, loadModel });
    root.write(stat('cpu  100 0 0 0'));
    const state = (await source.read()) as PowerState;
    expect(state.power).toMatchObject({ watts: 25, provenance: 'calibrated' });
    expect(state.source).toBe('sysfs+model');
    expect(source.loadModel).toBe(loadModel);
  });
});

test('an empty machine gives nulls, a sentence for each sensor, and no zero', async () => {
  const { read, capabilities } = await open();
  expect(read()).toEqual({
    timestampMs: 1000,
    supply: 'unknown',
    batteryFraction: null,
    temperatureCelsius: null,
    frequencyHertz: null,
    utilizationFraction: null,
    power: null,
    source: 'sysfs+model',
  });
  expect(capabilities.map(({ name }) => name)).toEqual([
    'rapl',
    'battery',
    'thermal',
    'cpufreq',
    'cpu-utilization',
  ]);
  for (const { available, reason } of capabilities) {
    expect(available).toBe(false);
    expect(reason.length).toBeGreaterThan(20);
  }
});

test('a closed source refuses to read and may be closed twice', async () => {
  root.write(laptopWithRapl(0));
  const { source } = await open();
  source.dispose();
  source.dispose();
  expect(() => source.read()).toThrow(UseAfterReleaseError);
  expect(() => source.readEnergy?.()).toThrow(UseAfterReleaseError);
});

test('the sensors of this very machine are read or explained', async () => {
  const { source, capabilities } = await openPowerSource();
  const state = await source.read();
  for (const { available, reason } of capabilities)
    expect([available, reason.length > 10]).toEqual([available, true]);
  if (state.power) expect(state.power.watts).toBeGreaterThan(0);
  if (state.utilizationFraction !== null) expect(state.utilizationFraction).toBeLessThanOrEqual(1);
  source.dispose();
});

test('on another system load is measured, watts are modelled, and each sensor says why it is missing', async () => {
  const own = Object.getOwnPropertyDescriptor(process, 'platform')!;
  Object.defineProperty(process, 'platform', { ...own, value: 'darwin' });
  try {
    const { source, capabilities } = await openPowerSource();
    const until = performance.now() + 150;
    while (performance.now() < until);
    const state = (await source.read()) as PowerState;
    expect(state.utilizationFraction).toBeGreaterThan(0);
    expect(state.power).toMatchObject({ provenance: 'modelled' });
    expect(capabilities.filter(({ available }) => available).map(({ name }) => name)).toEqual([
      'cpu-utilization',
    ]);
    expect(capabilities[0]!.reason).toContain('this is darwin');
  } finally {
    Object.defineProperty(process, 'platform', own);
  }
});
