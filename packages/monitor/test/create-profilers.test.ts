import { PerformanceObserver } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import {
  type EnergyFigure,
  InvalidArgumentError,
  ManualClock,
  type PowerState,
  UseAfterReleaseError,
} from '@qedge/core';
import { MetricRegistry } from '@qedge/monitor';
import { createProfilers, type PowerReader } from '@qedge/monitor/node';
import { describe, expect, test } from 'vitest';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const sleep = (durationMs: number) => new Promise((resolve) => setTimeout(resolve, durationMs));

function spin(durationMs: number): void {
  const until = performance.now() + durationMs;
  while (performance.now() < until);
}

describe('createProfilers', () => {
  test('sees a busy processor, a blocked event loop and memory', async () => {
    const registry = new MetricRegistry();
    using profilers = createProfilers({ registry, intervalMs: 60_000 });
    const begunMs = performance.now();
    profilers.start();
    await sleep(30);
    spin(300);
    await sleep(30);
    profilers.sample();
    const elapsedMs = performance.now() - begunMs;
    // Other processes may hold the processor for most of the 300 ms, but not the event loop.
    expect(registry.counter('process_cpu_time_ms_total').value).toBeGreaterThan(20);
    expect(registry.gauge('process_cpu_fraction').value).toBeGreaterThan(0.01);
    expect(registry.gauge('process_cpu_fraction').value).toBeLessThanOrEqual(1);
    expect(registry.gauge('event_loop_delay_max_ms').value).toBeGreaterThan(200);
    expect(registry.gauge('event_loop_delay_p50_ms').value).toBeLessThan(200);
    expect(registry.gauge('event_loop_utilization_fraction').value).toBeGreaterThan((0.9 * 300) / elapsedMs);
    const usage = process.memoryUsage();
    expect(registry.gauge('process_resident_memory_bytes').value / usage.rss).toBeCloseTo(1, 0);
    expect(registry.gauge('process_heap_used_bytes').value).toBeGreaterThan(1e6);
    expect(registry.gauge('process_external_memory_bytes').value).toBeGreaterThan(0);
    expect(registry.gauge('process_array_buffer_bytes').value).toBeGreaterThanOrEqual(0);
  });

  test('counts every garbage collection, as another observer sees them', async () => {
    const registry = new MetricRegistry();
    let seen = 0;
    const witness = new PerformanceObserver((list) => {
      seen += list.getEntries().length;
    });
    const profilers = createProfilers({ registry, intervalMs: 60_000 });
    await sleep(10);
    witness.observe({ entryTypes: ['gc'] });
    profilers.start();
    for (let i = 0; i < 20; i++) collectGarbage();
    await sleep(50);
    seen += witness.takeRecords().length;
    profilers.stop();
    witness.disconnect();
    const counted = registry.families().find(({ name }) => name === 'garbage_collections_total')!;
    const total = counted.series.reduce((sum, { value }) => sum + value, 0);
    expect(seen).toBeGreaterThanOrEqual(20);
    expect(Math.abs(total - seen)).toBeLessThanOrEqual(1);
    expect(registry.histogram('garbage_collection_pause_ms').count).toBe(total);
    expect(counted.series.map(({ labels }) => labels.kind)).toContain('major');
  });

  test('integrates power over time, and differences of a counter where there is one', () => {
    const clock = new ManualClock();
    const state = (watts: number | null): PowerState => ({
      timestampMs: clock.nowMs(),
      supply: 'battery',
      batteryFraction: 0.4,
      temperatureCelsius: null,
      frequencyHertz: null,
      utilizationFraction: null,
      power: watts === null ? null : { watts, provenance: 'modelled', relativeError: 0.7, method: 'model' },
      source: 'test',
    });
    const readings = [10, null, 20];
    const registry = new MetricRegistry({ clock });
    using profilers = createProfilers({
      registry,
      clock,
      powerSource: { read: () => state(readings.shift()!) },
    });
    profilers.start();
    for (let i = 0; i < 3; i++) {
      clock.advance(2000);
      profilers.sample();
    }
    expect(registry.counter('device_energy_joules_total', { provenance: 'modelled' }).value).toBeCloseTo(
      60,
      9,
    );
    expect(registry.gauge('device_power_watts', { provenance: 'modelled' }).value).toBe(20);
    expect(registry.gauge('battery_charge_fraction').value).toBe(0.4);
    expect(registry.families().some(({ name }) => name === 'processor_temperature_celsius')).toBe(false);

    const counts: (number | null)[] = [100, 103, null, 110];
    const figure = (joules: number): EnergyFigure => ({
      joules,
      provenance: 'measured',
      relativeError: 0.05,
      method: 'c',
    });
    const counter: PowerReader = {
      read: () => state(5),
      readEnergy: () => {
        const joules = counts.shift() ?? null;
        return joules === null ? null : figure(joules);
      },
    };
    using counted = createProfilers({ registry, clock, powerSource: counter });
    counted.start();
    for (let i = 0; i < 3; i++) counted.sample();
    expect(registry.counter('device_energy_joules_total', { provenance: 'measured' }).value).toBeCloseTo(
      10,
      9,
    );
  });

  test('goes on when the power source fails, and counts it', async () => {
    const registry = new MetricRegistry();
    const errors: unknown[] = [];
    const broken = new Error('sensor gone');
    const answers: PowerReader['read'][] = [
      () => {
        throw broken;
      },
      () => Promise.reject(broken),
    ];
    const powerSource: PowerReader = { read: () => answers.shift()!() };
    using profilers = createProfilers({ registry, powerSource, onError: (error) => errors.push(error) });
    profilers.sample();
    profilers.sample();
    await sleep(1);
    expect(errors).toEqual([broken, broken]);
    expect(registry.counter('profiler_errors_total').value).toBe(2);
  });

  test('samples by itself while started and not after', async () => {
    const registry = new MetricRegistry();
    const profilers = createProfilers({ registry, intervalMs: 10 });
    profilers.start();
    profilers.start();
    await sleep(120);
    profilers.stop();
    const { samples } = profilers.overhead;
    expect(samples).toBeGreaterThanOrEqual(3);
    await sleep(50);
    expect(profilers.overhead.samples).toBe(samples);
    profilers.start();
    profilers.dispose();
    expect(() => profilers.start()).toThrow(UseAfterReleaseError);
    expect(() => profilers.sample()).toThrow(UseAfterReleaseError);
    expect(() => createProfilers({ registry, intervalMs: 0 })).toThrow(InvalidArgumentError);
  });

  test('keeps nothing of the event loop alive', () => {
    const before = process.getActiveResourcesInfo();
    using profilers = createProfilers({ registry: new MetricRegistry(), intervalMs: 10 });
    profilers.start();
    expect(process.getActiveResourcesInfo().sort()).toEqual(before.sort());
  });

  test('costs well below one per cent of a processor at one sample per second', async () => {
    const registry = new MetricRegistry();
    using profilers = createProfilers({ registry, intervalMs: 60_000 });
    profilers.start();
    await sleep(20);
    const costs = Array.from({ length: 50 }, () => {
      const begunMs = profilers.overhead.totalMs;
      profilers.sample();
      return profilers.overhead.totalMs - begunMs;
    });
    expect(Math.min(...costs)).toBeLessThan(2);
  });
});
