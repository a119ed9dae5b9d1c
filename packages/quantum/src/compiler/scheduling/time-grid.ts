import type { DelayUnit } from '../../circuit/instruction.ts';
import type { Target } from '../target/target.ts';

/**
 * The times at which a target's instructions can start. With a time step, times are whole numbers of it and starts are multiples of
 * the alignment; without one they are seconds.
 */
export interface TimeGrid {
  /** The unit of times, and of the delays that are written. */
  readonly unit: Extract<DelayUnit, 'dt' | 's'>;
  /** Seconds in one of them. */
  readonly unitSeconds: number;
  /** Units between possible starts; 0 where every time is one. */
  readonly alignment: number;
}

export function timeGridOf({ dtSeconds, alignmentDt = 1 }: Target): TimeGrid {
  return dtSeconds === undefined
    ? { unit: 's', unitSeconds: 1, alignment: 0 }
    : { unit: 'dt', unitSeconds: dtSeconds, alignment: alignmentDt };
}

/** Rounding of figures that are meant to be whole. */
const SLACK = 1e-6;

/** A duration in units of the grid, rounded up to whole steps. */
export function unitsOf({ unitSeconds, unit }: TimeGrid, seconds: number): number {
  return unit === 's' ? seconds : Math.max(0, Math.ceil(seconds / unitSeconds - SLACK));
}

/** The first possible start that is not before a time >= 0. */
export function startAtOrAfter({ alignment }: TimeGrid, time: number): number {
  return alignment === 0 ? time : Math.max(0, Math.ceil(time / alignment - SLACK) * alignment);
}

/** The last possible start that is not after a time. */
export function startAtOrBefore({ alignment }: TimeGrid, time: number): number {
  return alignment === 0 ? time : Math.floor(time / alignment + SLACK) * alignment;
}
