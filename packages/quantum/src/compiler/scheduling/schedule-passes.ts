import { InvalidArgumentError } from '@qedge/core';
import type { CompilationState, Pass } from '../pass.ts';
import { analysisPass } from '../passes/rewrite-circuit.ts';
import { type CircuitSchedule, type SchedulingPolicy, scheduleCircuit } from './schedule-circuit.ts';

/** The property that the scheduling passes write: a {@link CircuitSchedule}. */
export const SCHEDULE_PROPERTY = 'schedule';

/**
 * Finds when instructions start as late as possible, and writes it as the property `schedule`. (ALAPScheduleAnalysis.) Running it
 * throws UnsupportedError where the target lacks a duration.
 */
export function alapSchedule(): Pass {
  return analysisPass('ALAP schedule', SCHEDULE_PROPERTY, analyse('alap'));
}

/** The same as soon as possible. (ASAPScheduleAnalysis.) */
export function asapSchedule(): Pass {
  return analysisPass('ASAP schedule', SCHEDULE_PROPERTY, analyse('asap'));
}

const analyse =
  (policy: SchedulingPolicy) =>
  (circuit: CompilationState['circuit'], { target }: CompilationState) =>
    scheduleCircuit(circuit, target, policy);

/** The schedule of the state's circuit. @throws InvalidArgumentError where there is none, or one of another circuit. */
export function scheduleOf(state: CompilationState): CircuitSchedule {
  const schedule = state.properties.get(SCHEDULE_PROPERTY) as CircuitSchedule | undefined;
  if (schedule?.circuit === state.circuit) return schedule;
  throw new InvalidArgumentError('The circuit has no schedule', {
    expected: 'a scheduling analysis (alapSchedule, asapSchedule) just before',
    actual: schedule ? 'the schedule of an earlier circuit' : 'none',
  });
}
