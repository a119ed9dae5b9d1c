import { Circuit } from '../../circuit/circuit.ts';
import type { GateInstruction } from '../../circuit/instruction.ts';
import { decomposeMultiQubitGate } from '../decomposition.ts';
import type { Pass } from '../pass.ts';

/** Rewrites gates on three qubits as gates on one and two, so that a router can place them. */
export const unrollThreeQubitGates: Pass = {
  name: 'unroll three-qubit gates',
  run(state) {
    const { circuit } = state;
    const unrolled = new Circuit(circuit.qubitCount, circuit.clbitCount);
    for (const instruction of circuit.instructions) {
      if (instruction.kind === 'gate') appendUnrolled(unrolled, instruction);
      else unrolled.append(instruction);
    }
    return { ...state, circuit: unrolled };
  },
};

function appendUnrolled(circuit: Circuit, { name, qubits, parameters }: GateInstruction): void {
  const steps = qubits.length > 2 ? decomposeMultiQubitGate(name, parameters) : null;
  if (steps === null) {
    circuit.gate(name, qubits, parameters);
    return;
  }
  for (const step of steps) {
    const placed = step.positions.map((position) => qubits[position]!);
    appendUnrolled(circuit, {
      kind: 'gate',
      name: step.name as GateInstruction['name'],
      qubits: placed,
      parameters: step.parameters,
    });
  }
}
