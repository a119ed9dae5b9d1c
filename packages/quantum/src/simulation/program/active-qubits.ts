import { bodiesOf, type Instruction, isControlFlow, isUnitaryKind } from '../../circuit/instruction.ts';

/**
 * Marks the qubits that some gate or preparation touches. Measuring or resetting a qubit that nothing else touches changes nothing:
 * it is |0>.
 */
export function markActiveQubits(instructions: readonly Instruction[], active: boolean[]): void {
  for (const instruction of instructions) {
    if (isControlFlow(instruction)) {
      for (const body of bodiesOf(instruction)) markActiveQubits(body.instructions, active);
    } else if (isUnitaryKind(instruction) || instruction.kind === 'initialize') {
      for (const qubit of instruction.qubits) active[qubit] = true;
    }
  }
}
