import {
  type Clock,
  InvalidArgumentError,
  type PowerState,
  type PowerSupply,
  systemClock,
  UseAfterReleaseError,
} from '@qedge/core';
import type { PowerSource } from './power-source.ts';

/** One moment of a {@link PowerTrace}. */
export interface PowerTracePoint {
  /** Milliseconds since the trace began; ascending. */
  readonly timeMs: number;
  /** 0..1, or null when there is no battery. */
  readonly batteryFraction: number | null;
  readonly temperatureCelsius: number | null;
  readonly supply: PowerSupply;
}

/** A script of battery and heat over time. Survives `JSON.stringify`. */
export interface PowerTrace {
  readonly name: string;
  /** At least one; the first at 0 ms. */
  readonly points: readonly PowerTracePoint[];
}

/**
 * Plays a trace on a clock, starting now: battery and temperature are interpolated linearly between points (null when either
 * neighbour is null), the supply is that of the last point reached. After the last point its values stay.
 *
 * @example
 * const clock = new ManualClock();
 * const source = tracePowerSource(commuteTrace(), clock);
 * clock.advance(60_000);
 * console.log(await source.read());
 * @throws InvalidArgumentError for a trace without points, out of order, or with values out of range.
 */
export function tracePowerSource(trace: PowerTrace, clock: Clock = systemClock): PowerSource {
  checkTrace(trace);
  const startMs = clock.nowMs();
  const name = `trace:${trace.name}`;
  let disposed = false;
  const dispose = () => {
    disposed = true;
  };
  return {
    name,
    provenance: 'modelled',
    read(): PowerState {
      if (disposed) throw new UseAfterReleaseError(`Power source "${name}" was read after dispose()`);
      const timestampMs = clock.nowMs();
      return { ...stateAt(trace, timestampMs - startMs), timestampMs, source: name };
    },
    dispose,
    [Symbol.dispose]: dispose,
  };
}

function stateAt(trace: PowerTrace, timeMs: number): Omit<PowerState, 'timestampMs' | 'source'> {
  const { points } = trace;
  const after = points.findIndex((point) => point.timeMs > timeMs);
  const at = points[after < 0 ? points.length - 1 : Math.max(0, after - 1)]!;
  const next = after < 0 ? at : points[after]!;
  const share = next === at ? 0 : (timeMs - at.timeMs) / (next.timeMs - at.timeMs);
  const between = (a: number | null, b: number | null) =>
    a === null || b === null ? (share === 0 ? a : null) : a + (b - a) * share;
  return {
    supply: at.supply,
    batteryFraction: between(at.batteryFraction, next.batteryFraction),
    temperatureCelsius: between(at.temperatureCelsius, next.temperatureCelsius),
    frequencyHertz: null,
    utilizationFraction: null,
    power: null,
  };
}

function checkTrace(trace: PowerTrace): void {
  if (trace.points.length === 0 || trace.points[0]!.timeMs !== 0) {
    throw new InvalidArgumentError(`Power trace "${trace.name}" has no beginning`, {
      expected: 'a first point at 0 ms',
      actual: trace.points[0] ?? 'no points',
    });
  }
  trace.points.forEach((point, i) => {
    const { timeMs, batteryFraction, temperatureCelsius, supply } = point;
    const ordered = i === 0 || timeMs > trace.points[i - 1]!.timeMs;
    const charge = batteryFraction === null || (batteryFraction >= 0 && batteryFraction <= 1);
    const heat = temperatureCelsius === null || Number.isFinite(temperatureCelsius);
    if (!ordered || !Number.isFinite(timeMs) || !charge || !heat || !SUPPLIES.includes(supply)) {
      throw new InvalidArgumentError(`Point ${i} of power trace "${trace.name}" is out of range`, {
        expected: 'ascending times, charge in 0..1, a finite temperature, supply mains, battery or unknown',
        actual: point,
      });
    }
  });
}

const SUPPLIES: readonly PowerSupply[] = ['mains', 'battery', 'unknown'];
const MINUTE_MS = 60_000;

/**
 * A built-in six-minute trace with every kind of change: fully charged and cool, draining, hot while it still drains, cooling,
 * nearly empty, then back on mains and charging. Battery drain is far quicker than real so that all of it fits.
 */
export function commuteTrace(): PowerTrace {
  const point = (
    minutes: number,
    batteryFraction: number,
    temperatureCelsius: number,
    supply: PowerSupply,
  ): PowerTracePoint => ({ timeMs: minutes * MINUTE_MS, batteryFraction, temperatureCelsius, supply });
  return {
    name: 'commute',
    points: [
      point(0, 1, 42, 'battery'),
      point(1, 0.82, 52, 'battery'),
      point(1.5, 0.72, 78, 'battery'),
      point(2, 0.62, 88, 'battery'),
      point(2.5, 0.55, 70, 'battery'),
      point(3, 0.46, 54, 'battery'),
      point(4.5, 0.12, 50, 'battery'),
      point(5, 0.1, 46, 'mains'),
      point(6, 0.3, 43, 'mains'),
    ],
  };
}
