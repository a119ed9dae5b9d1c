import type { Circuit } from '../../circuit/circuit.ts';
import { type Instruction, isControlFlow } from '../../circuit/instruction.ts';
import { replaceBodies } from '../../circuit/place-instruction.ts';
import { append } from '../passes/rewrite-circuit.ts';
import type { Target } from '../target/target.ts';
import { type CircuitSchedule, endsPart, type ScheduledPart, scheduleCircuit } from './schedule-circuit.ts';

/** Time in which a qubit has nothing to do, in units of the schedule, counted from its part's start. */
export interface IdleWindow {
  readonly qubit: number;
  readonly start: number;
  readonly end: number;
  /** The last instruction before it, barriers left out; null at the start of a part. */
  readonly before: Instruction | null;
  /** The instruction that starts there; null at the end of a part. */
  readonly after: Instruction | null;
}

/** Appends whatever fills a window. */
export type FillWindow = (circuit: Circuit, window: IdleWindow, schedule: CircuitSchedule) => void;

/**
 * The circuit in order of time, every window between instructions filled on every qubit in use, bodies of control flow (which are
 * scheduled on their own) too. What is filled must be the identity.
 */
export function fillIdleTime(schedule: CircuitSchedule, target: Target, fill: FillWindow): Circuit {
  const { circuit } = schedule;
  const filled = circuit.emptyCopy();
  const used = usedQubits(circuit);
  for (const part of schedule.parts) {
    const first = circuit.instructions[part.from]!;
    if (!endsPart(first)) fillPart(filled, schedule, part, used, fill);
    else if (isControlFlow(first)) {
      filled.append(
        replaceBodies(first, (body) =>
          fillIdleTime(scheduleCircuit(body, target, schedule.policy), target, fill),
        ),
      );
    } else append(filled, first);
  }
  return filled;
}

function usedQubits(circuit: Circuit): readonly number[] {
  const used = new Set<number>();
  circuit.forEach(({ kind, qubits }) => {
    if (kind !== 'barrier') for (const qubit of qubits) used.add(qubit);
  });
  return [...used].sort((a, b) => a - b);
}

function fillPart(
  filled: Circuit,
  schedule: CircuitSchedule,
  part: ScheduledPart,
  used: readonly number[],
  fill: FillWindow,
): void {
  const { circuit } = schedule;
  const isUsed = new Set(used);
  const free = new Map<number, number>();
  const before = new Map<number, Instruction>();
  const fillUpTo = (qubit: number, end: number, after: Instruction | null) => {
    const start = free.get(qubit) ?? 0;
    if (end > start && isUsed.has(qubit)) {
      fill(filled, { qubit, start, end, before: before.get(qubit) ?? null, after }, schedule);
    }
  };
  const order = Array.from(part.startTimes, (_, place) => place).sort(
    (a, b) => part.startTimes[a]! - part.startTimes[b]! || a - b,
  );
  for (const place of order) {
    const instruction = circuit.instructions[part.from + place]!;
    const start = part.startTimes[place]!;
    for (const qubit of instruction.qubits) {
      fillUpTo(qubit, start, instruction);
      free.set(qubit, start + part.durations[place]!);
      if (instruction.kind !== 'barrier') before.set(qubit, instruction);
    }
    append(filled, instruction);
  }
  for (const qubit of used) fillUpTo(qubit, part.duration, null);
}
