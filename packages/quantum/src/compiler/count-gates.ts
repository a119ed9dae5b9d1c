import type { Circuit } from '../circuit/circuit.ts';
import { bodiesOf, isControlFlow, isUnitaryKind } from '../circuit/instruction.ts';
import { InteractionKind } from './interaction/interaction.ts';
import type { CompilationState } from './pass.ts';

/** How many gates a circuit has. Barriers, delays, measurements, resets and global phases are none. */
export interface GateCount {
  readonly all: number;
  /** Gates on two or more qubits. */
  readonly twoQubit: number;
}

/** Counts a circuit's gates; bodies of control flow count once. */
export function countGates(circuit: Circuit): GateCount {
  let [all, twoQubit] = [0, 0];
  circuit.forEach((instruction) => {
    if (isControlFlow(instruction)) {
      for (const body of bodiesOf(instruction)) {
        const inner = countGates(body);
        all += inner.all;
        twoQubit += inner.twoQubit;
      }
    } else if (isUnitaryKind(instruction) && instruction.qubits.length > 0) {
      all++;
      if (instruction.qubits.length > 1) twoQubit++;
    }
  });
  return { all, twoQubit };
}

/** The same of what a compilation has at the moment. In interaction form blocks count as the cx that they need, one-qubit gates not. */
export function countStateGates({ circuit, interactions }: CompilationState): GateCount {
  if (interactions === null) return countGates(circuit);
  let twoQubit = 0;
  for (const { kind, cost, instruction } of interactions.interactions) {
    if (kind !== InteractionKind.fence) twoQubit += cost;
    else if (instruction && isControlFlow(instruction)) {
      for (const body of bodiesOf(instruction)) twoQubit += countGates(body).twoQubit;
    }
  }
  return { all: twoQubit, twoQubit };
}
