import { UnsupportedError } from '@qedge/core';
import { clbitsOf } from '../../circuit/check-control-flow.ts';
import type { Circuit } from '../../circuit/circuit.ts';
import { type Instruction, isControlFlow } from '../../circuit/instruction.ts';
import { InstructionFigures } from '../target/instruction-figures.ts';
import type { Target } from '../target/target.ts';
import { durationName, durationSecondsOf } from './instruction-duration.ts';
import { startAtOrAfter, startAtOrBefore, type TimeGrid, timeGridOf, unitsOf } from './time-grid.ts';

/** Whether instructions start as soon as possible or as late as possible. */
export type SchedulingPolicy = 'asap' | 'alap';

/**
 * When the instructions of a part of a circuit start. Parts end where nobody knows how long something takes or where an angle may
 * change: at control flow, `break`, `continue` and assignments, which are parts of their own.
 */
export interface ScheduledPart {
  /** Instructions `from..to - 1` of the circuit. */
  readonly from: number;
  readonly to: number;
  /** For each of them its start, counted from the part's start, in units of the grid. */
  readonly startTimes: Float64Array;
  readonly durations: Float64Array;
  /** When the last one ends. */
  readonly duration: number;
}

/** When everything in a circuit starts. Plain data but for the circuits. */
export interface CircuitSchedule {
  readonly circuit: Circuit;
  readonly policy: SchedulingPolicy;
  /** What times are counted in. */
  readonly unit: 'dt' | 's';
  readonly unitSeconds: number;
  readonly parts: readonly ScheduledPart[];
  /** The sum of all parts, in units; bodies of control flow are not in it. */
  readonly duration: number;
}

/**
 * Finds when each instruction of a circuit starts: as soon as its qubits and classical bits are free, or as late as those that wait
 * for it allow. With a time step (`dtSeconds`) durations are rounded up to whole steps, and what takes time starts at multiples of
 * `alignmentDt`; delays need not.
 *
 * @throws UnsupportedError naming the instructions whose duration the target does not have.
 */
export function scheduleCircuit(circuit: Circuit, target: Target, policy: SchedulingPolicy): CircuitSchedule {
  const grid = timeGridOf(target);
  const durations = durationsOf(circuit, target, grid);
  const parts: ScheduledPart[] = [];
  let from = 0;
  const close = (to: number) => {
    if (to > from) parts.push(schedulePart(circuit, from, to, durations, grid, policy));
    from = to;
  };
  circuit.instructions.forEach((instruction, index) => {
    if (!endsPart(instruction)) return;
    close(index);
    close(index + 1);
  });
  close(circuit.instructionCount);
  const { unit, unitSeconds } = grid;
  const duration = parts.reduce((sum, part) => sum + part.duration, 0);
  return { circuit, policy, unit, unitSeconds, parts, duration };
}

/** True for what is a part of its own. */
export function endsPart(instruction: Instruction): boolean {
  const { kind } = instruction;
  return isControlFlow(instruction) || kind === 'assign' || kind === 'break' || kind === 'continue';
}

function durationsOf(circuit: Circuit, target: Target, grid: TimeGrid): Float64Array {
  const figures = new InstructionFigures(target);
  const missing = new Set<string>();
  const durations = Float64Array.from(circuit.instructions, (instruction) => {
    if (endsPart(instruction)) return 0;
    const seconds = durationSecondsOf(instruction, target, figures);
    if (seconds === undefined) missing.add(durationName(instruction));
    return unitsOf(grid, seconds ?? 0);
  });
  if (missing.size === 0) return durations;
  throw new UnsupportedError(`The circuit cannot be scheduled for "${target.name}"`, {
    expected: 'a duration of every instruction in the target',
    actual: `none of ${[...missing].sort().join(', ')}`,
    remedy: 'Add instructionProperties with durationSeconds; translate the circuit to the basis first',
  });
}

function wiresOf(instruction: Instruction, circuit: Circuit): readonly number[] {
  const clbits = clbitsOf(instruction);
  return clbits.length === 0
    ? instruction.qubits
    : [...instruction.qubits, ...clbits.map((clbit) => circuit.qubitCount + clbit)];
}

function schedulePart(
  circuit: Circuit,
  from: number,
  to: number,
  allDurations: Float64Array,
  grid: TimeGrid,
  policy: SchedulingPolicy,
): ScheduledPart {
  const durations = allDurations.slice(from, to);
  const startTimes = new Float64Array(to - from);
  // As late as possible is the same backwards, with times below 0 that are shifted at the end.
  const isLate = policy === 'alap';
  const free = new Float64Array(circuit.width);
  let [first, last] = [0, 0];
  for (let i = 0; i < startTimes.length; i++) {
    const place = isLate ? startTimes.length - 1 - i : i;
    const instruction = circuit.instructions[from + place]!;
    const wires = wiresOf(instruction, circuit);
    // What only waits, or takes no time at all, can do so at any time.
    const isFree = instruction.kind === 'delay' || durations[place] === 0;
    let bound = wires.length > 0 ? free[wires[0]!]! : 0;
    for (const wire of wires) bound = isLate ? Math.min(bound, free[wire]!) : Math.max(bound, free[wire]!);
    let start = isLate ? bound - durations[place]! : bound;
    if (!isFree) start = isLate ? startAtOrBefore(grid, start) : startAtOrAfter(grid, start);
    startTimes[place] = start;
    for (const wire of wires) free[wire] = isLate ? start : start + durations[place]!;
    first = Math.min(first, start);
    last = Math.max(last, start + durations[place]!);
  }
  const shift = isLate ? startAtOrBefore(grid, first) : 0;
  for (let i = 0; i < startTimes.length; i++) startTimes[i] = startTimes[i]! - shift;
  return { from, to, startTimes, durations, duration: last - shift };
}
