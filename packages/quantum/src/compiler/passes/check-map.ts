import type { Circuit } from '../../circuit/circuit.ts';
import { bodiesOf, type Instruction, isControlFlow, isUnitaryKind } from '../../circuit/instruction.ts';
import type { Pass } from '../pass.ts';
import { EdgeDirections } from './gate-direction.ts';
import { analysisPass } from './rewrite-circuit.ts';

/**
 * Writes the property `isSwapMapped`: whether every unitary instruction on two qubits acts on coupled ones and none acts on more,
 * bodies of control flow included. (CheckMap.)
 */
export function checkMap(): Pass {
  return analysisPass('check map', 'isSwapMapped', (circuit, { target }) => {
    const directions = new EdgeDirections(target);
    return everyInstruction(circuit, (instruction) => {
      if (!isUnitaryKind(instruction) || instruction.qubits.length < 2) return true;
      const [a, b] = instruction.qubits as [number, number];
      return instruction.qubits.length === 2 && directions.isCoupled(a, b);
    });
  });
}

/** True when something holds for every instruction, those of bodies included. */
export function everyInstruction(circuit: Circuit, holds: (instruction: Instruction) => boolean): boolean {
  return circuit.instructions.every(
    (instruction) =>
      holds(instruction) &&
      (!isControlFlow(instruction) || bodiesOf(instruction).every((body) => everyInstruction(body, holds))),
  );
}
