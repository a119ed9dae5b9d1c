import { clbitsOf } from './check-control-flow.ts';
import type { Circuit } from './circuit.ts';
import type { Instruction } from './instruction.ts';

/** Which instructions count towards a depth. */
export type InstructionFilter = (instruction: Instruction) => boolean;

/** See `Circuit.depth`. */
export function measureDepth(circuit: Circuit, filter: InstructionFilter = () => true): number {
  const { qubitCount } = circuit;
  const levels = new Int32Array(circuit.width);
  let depth = 0;
  circuit.forEach((instruction) => {
    const { qubits } = instruction;
    const clbits = clbitsOf(instruction);
    let level = 0;
    for (const qubit of qubits) level = Math.max(level, levels[qubit]!);
    for (const clbit of clbits) level = Math.max(level, levels[qubitCount + clbit]!);
    const touchesWires = qubits.length + clbits.length > 0;
    if (touchesWires && instruction.kind !== 'barrier' && filter(instruction)) level++;
    for (const qubit of qubits) levels[qubit] = level;
    for (const clbit of clbits) levels[qubitCount + clbit] = level;
    depth = Math.max(depth, level);
  });
  return depth;
}
