import type { ClassicalMemory } from '../../circuit/classical-memory.ts';
import { evaluateClassical, isTrue } from '../../circuit/evaluate-classical.ts';
import type { LoopPosition } from './branch.ts';
import type { Step } from './flatten-circuit.ts';

/** Where a run of a flat program is, as far as its classical side goes. */
export interface ProgramPosition {
  /** The step that comes next. */
  step: number;
  readonly memory: ClassicalMemory;
  readonly loops: (LoopPosition | null)[];
}

/** A step that needs no qubits. */
export type ClassicalStep = Extract<Step, { kind: 'assign' | 'declare' | 'jump' | 'branch' | 'switch' }>;

/** Runs a step on the classical memory, or goes to another one. */
export function runClassicalStep(step: ClassicalStep, position: ProgramPosition): void {
  const { memory } = position;
  switch (step.kind) {
    case 'assign':
      memory.assign(step.target, evaluateClassical(step.value, memory));
      break;
    case 'declare':
      memory.declare(step.variable);
      break;
    case 'jump':
      position.step = step.to;
      break;
    case 'branch':
      if (!isTrue(evaluateClassical(step.condition, memory))) position.step = step.to;
      break;
    case 'switch': {
      const { value } = evaluateClassical(step.subject, memory);
      position.step = step.targets.get(Number(value)) ?? step.otherwise;
    }
  }
}

/** Begins a round of a loop and counts it. @returns false when a loop over values has no more. */
export function enterRound(step: Extract<Step, { kind: 'next-round' }>, position: ProgramPosition): boolean {
  const { rounds, valueAt } = position.loops[step.loop]!;
  if (valueAt !== null) {
    const value = valueAt(rounds);
    if (value === null) return false;
    if (step.variable !== null) position.memory.assign({ kind: 'variable', ...step.variable }, value);
  }
  position.loops[step.loop] = { rounds: rounds + 1, valueAt };
  return true;
}
