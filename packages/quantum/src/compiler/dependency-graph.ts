import { clbitsOf } from '../circuit/check-control-flow.ts';
import type { Circuit } from '../circuit/circuit.ts';
import type { Instruction } from '../circuit/instruction.ts';

/** Which instructions must wait for which others, because they share a qubit or a classical bit. */
export interface DependencyGraph {
  readonly instructions: readonly Instruction[];
  /** For each instruction, those that wait for it directly. */
  readonly successors: readonly (readonly number[])[];
  /** For each instruction, how many it waits for directly. */
  readonly predecessorCounts: Uint32Array;
}

/** The graph of a circuit, or of the circuit read backwards. */
export function dependencyGraph(
  circuit: Circuit,
  direction: 'forward' | 'backward' = 'forward',
): DependencyGraph {
  const instructions = direction === 'forward' ? circuit.instructions : circuit.instructions.toReversed();
  const successors: number[][] = instructions.map(() => []);
  const predecessorCounts = new Uint32Array(instructions.length);
  const last = new Int32Array(circuit.width).fill(-1);
  instructions.forEach((instruction, index) => {
    const wires: number[] = [...instruction.qubits];
    for (const clbit of clbitsOf(instruction)) wires.push(circuit.qubitCount + clbit);
    const before = new Set<number>();
    for (const wire of wires) {
      if (last[wire]! >= 0) before.add(last[wire]!);
      last[wire] = index;
    }
    for (const earlier of before) successors[earlier]!.push(index);
    predecessorCounts[index] = before.size;
  });
  return { instructions, successors, predecessorCounts };
}
