import type { PowerFigure } from './energy.ts';

/** What feeds the device. */
export type PowerSupply = 'mains' | 'battery' | 'unknown';

/** A snapshot of everything power-aware code decides on. `null` means "not known", never zero. */
export interface PowerState {
  /** Milliseconds on the clock that took the snapshot. */
  readonly timestampMs: number;
  readonly supply: PowerSupply;
  /** Charge left, 0..1. */
  readonly batteryFraction: number | null;
  /** The hottest sensor that belongs to the processor. */
  readonly temperatureCelsius: number | null;
  readonly frequencyHertz: number | null;
  /** Share of all cores in use, 0..1. */
  readonly utilizationFraction: number | null;
  readonly power: PowerFigure | null;
  /** The sensor, model or script that produced the snapshot, e.g. `sysfs`, `model`, `trace:commute`. */
  readonly source: string;
}
