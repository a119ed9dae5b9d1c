import type { Circuit } from '../../circuit/circuit.ts';
import type { CompilationState, Pass } from '../pass.ts';
import { fillIdleTime, type IdleWindow } from './fill-idle-time.ts';
import type { CircuitSchedule } from './schedule-circuit.ts';
import { SCHEDULE_PROPERTY, scheduleOf } from './schedule-passes.ts';

/**
 * Writes a schedule into the circuit: instructions in order of time, with delays (in dt, or in seconds where the target has no time
 * step) wherever a qubit in use waits. Needs `alapSchedule` or `asapSchedule` just before. (PadDelay.)
 */
export function padDelay(): Pass {
  return {
    name: 'pad delay',
    run: (state) => filledState(state, (schedule) => fillIdleTime(schedule, state.target, appendDelay)),
  };
}

/** A state with a circuit whose idle time is filled; its old schedule is gone. */
export function filledState(
  state: CompilationState,
  fill: (schedule: CircuitSchedule) => Circuit,
): CompilationState {
  const properties = new Map(state.properties);
  properties.delete(SCHEDULE_PROPERTY);
  return { ...state, circuit: fill(scheduleOf(state)), properties };
}

/** A delay as long as a window. */
export function appendDelay(
  circuit: Circuit,
  { qubit, start, end }: Pick<IdleWindow, 'qubit' | 'start' | 'end'>,
  { unit }: CircuitSchedule,
): void {
  circuit.delay(end - start, unit, qubit);
}
