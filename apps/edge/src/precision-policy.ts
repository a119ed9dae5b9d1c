import type { Precision } from '@qedge/core';

/** What the browser says about the battery. */
export interface BatteryState {
  /** 0..1. */
  readonly batteryFraction: number;
  readonly charging: boolean;
}

/** A precision with the reason for it, for people. */
export interface PrecisionChoice {
  readonly precision: Precision;
  readonly reason: string;
}

const HALF = 0.5;
const LOW = 0.2;
/** A battery must be this much fuller than a limit before the precision rises again, so that it does not flap. */
const HYSTERESIS = 0.05;

/**
 * The automatic mode: float32 while charging or above half, int8 down to 20 %, int4 below.
 *
 * @param battery null when the browser tells nothing.
 * @param previous what was chosen last, for the hysteresis.
 * @param available what the device and the model can do; the next narrower one is taken, else the widest.
 */
export function choosePrecision(
  battery: BatteryState | null,
  previous: Precision | null,
  available: readonly Precision[],
): PrecisionChoice {
  if (battery === null) {
    return pick('float32', available, 'This browser does not tell the state of the battery');
  }
  const percent = `${Math.round(battery.batteryFraction * 100)} %`;
  if (battery.charging) return pick('float32', available, `Battery at ${percent} and charging`);
  const halfLimit = previous === 'float32' || previous === null ? HALF : HALF + HYSTERESIS;
  const lowLimit = previous === 'int4' ? LOW + HYSTERESIS : LOW;
  const precision =
    battery.batteryFraction >= halfLimit ? 'float32' : battery.batteryFraction >= lowLimit ? 'int8' : 'int4';
  return pick(precision, available, `Battery at ${percent}`);
}

const NARROWING: readonly Precision[] = ['float32', 'int8', 'int4'];

function pick(wanted: Precision, available: readonly Precision[], why: string): PrecisionChoice {
  const candidates = [...NARROWING.slice(NARROWING.indexOf(wanted)), ...NARROWING];
  const precision = candidates.find((candidate) => available.includes(candidate)) ?? wanted;
  const note = precision === wanted ? '' : `; ${wanted} is not available`;
  return { precision, reason: `${why}: ${precision}${note}` };
}
