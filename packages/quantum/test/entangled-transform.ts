import { Circuit } from '../src/circuit/circuit.ts';

/** A GHZ state whose last qubit is turned, and the quantum Fourier transform of it. */
export function entangledTransform(qubitCount: number): Circuit {
  const circuit = new Circuit(qubitCount).h(0);
  for (let qubit = 1; qubit < qubitCount; qubit++) circuit.cx(qubit - 1, qubit);
  circuit.u(0.4, 1.1, -0.7, qubitCount - 1);
  for (let target = qubitCount - 1; target >= 0; target--) {
    circuit.h(target);
    for (let control = target - 1; control >= 0; control--) {
      circuit.cp(Math.PI / 2 ** (target - control), control, target);
    }
  }
  return circuit;
}
