import { type Instruction, isUnitaryKind } from '../../circuit/instruction.ts';

/**
 * Leaves out gates, preparations and resets that no measurement, no control flow and nothing else that touches classical bits can notice:
 * those outside of the light cones of what follows. The rest keeps its order. For circuits whose outcomes alone are asked for.
 */
export function measuredPart(instructions: readonly Instruction[]): readonly Instruction[] {
  /** Qubits whose state matters to what follows. */
  const live = new Set<number>();
  const kept: Instruction[] = [];
  for (const instruction of instructions.toReversed()) {
    const { kind, qubits } = instruction;
    const prepares = kind === 'reset' || kind === 'initialize';
    if ((isUnitaryKind(instruction) || prepares) && !qubits.some((qubit) => live.has(qubit))) continue;
    if (kind === 'barrier' || kind === 'delay') continue;
    kept.push(instruction);
    // What a reset finds does not matter to its own qubit, but it may to those that are entangled with it.
    if (kind === 'reset') live.delete(qubits[0]);
    else if (kind === 'initialize') for (const qubit of qubits) live.delete(qubit);
    else for (const qubit of qubits) live.add(qubit);
  }
  return kept.length === instructions.length ? instructions : kept.reverse();
}
