import { InvalidArgumentError, ManualClock, type PowerState, UseAfterReleaseError } from '@qedge/core';
import { commuteTrace, type PowerTrace, type PowerTracePoint, tracePowerSource } from '@qedge/power';
import { describe, expect, test } from 'vitest';

const point = (
  timeMs: number,
  batteryFraction: number | null,
  temperatureCelsius: number | null,
  supply: PowerTracePoint['supply'] = 'battery',
) => ({ timeMs, batteryFraction, temperatureCelsius, supply });
const trace: PowerTrace = {
  name: 'test',
  points: [point(0, 1, 40), point(1000, 0.5, 80), point(3000, 0.7, 60, 'mains')],
};

function play(script: PowerTrace, startMs = 0) {
  const clock = new ManualClock(startMs);
  const source = tracePowerSource(script, clock);
  const at = (advanceMs: number) => {
    clock.advance(advanceMs);
    return source.read() as PowerState;
  };
  return { source, at };
}

describe('tracePowerSource', () => {
  test('interpolates charge and heat, switches the supply at the point, and holds the last values', () => {
    const { at } = play(trace, 5000);
    expect(at(0)).toMatchObject({
      batteryFraction: 1,
      temperatureCelsius: 40,
      supply: 'battery',
      timestampMs: 5000,
    });
    expect(at(500)).toMatchObject({ batteryFraction: 0.75, temperatureCelsius: 60, supply: 'battery' });
    expect(at(500)).toMatchObject({ batteryFraction: 0.5, temperatureCelsius: 80 });
    expect(at(1999)).toMatchObject({ supply: 'battery' });
    expect(at(1)).toMatchObject({ batteryFraction: 0.7, temperatureCelsius: 60, supply: 'mains' });
    expect(at(1e9)).toMatchObject({
      batteryFraction: 0.7,
      temperatureCelsius: 60,
      supply: 'mains',
      source: 'trace:test',
    });
  });

  test('knows nothing between a known and an unknown point', () => {
    const { at } = play({
      name: 'gap',
      points: [point(0, 0.9, 50), point(100, null, 70), point(200, 0.4, 60)],
    });
    expect(at(0).batteryFraction).toBe(0.9);
    expect(at(50)).toMatchObject({ batteryFraction: null, temperatureCelsius: 60 });
    expect(at(100).batteryFraction).toBeNull();
    expect(at(50).batteryFraction).toBe(0.4);
  });

  test('survives JSON', () => {
    const copy = JSON.parse(JSON.stringify(commuteTrace())) as PowerTrace;
    expect(copy).toEqual(commuteTrace());
    expect(play(copy).at(60_000)).toEqual(play(commuteTrace()).at(60_000));
  });

  test('refuses traces that are empty, late, out of order or out of range', () => {
    const make = (points: PowerTracePoint[]) => () =>
      tracePowerSource({ name: 'bad', points }, new ManualClock());
    expect(make([])).toThrow(InvalidArgumentError);
    expect(make([point(1, 1, 40)])).toThrow(InvalidArgumentError);
    expect(make([point(0, 1, 40), point(0, 1, 40)])).toThrow(InvalidArgumentError);
    expect(make([point(0, 1.1, 40)])).toThrow(InvalidArgumentError);
    expect(make([point(0, Number.NaN, 40)])).toThrow(InvalidArgumentError);
    expect(make([point(0, 1, Number.POSITIVE_INFINITY)])).toThrow(InvalidArgumentError);
    expect(make([point(0, 1, 40), point(Number.NaN, 1, 40)])).toThrow(InvalidArgumentError);
    expect(make([{ ...point(0, 1, 40), supply: 'solar' as 'mains' }])).toThrow(InvalidArgumentError);
  });

  test('refuses to read after dispose', () => {
    const { source } = play(trace);
    source.dispose();
    expect(() => source.read()).toThrow(UseAfterReleaseError);
  });
});

test('the commute drains, gets hot, cools, runs low and ends on mains, within a few minutes', () => {
  const { points } = commuteTrace();
  expect(points[0]).toMatchObject({ batteryFraction: 1, supply: 'battery' });
  expect(Math.max(...points.map((entry) => entry.temperatureCelsius!))).toBeGreaterThan(85);
  expect(Math.min(...points.map((entry) => entry.batteryFraction!))).toBeLessThan(0.2);
  expect(points.at(-1)).toMatchObject({ supply: 'mains', timeMs: 360_000 });
});
