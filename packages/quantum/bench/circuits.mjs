// Circuits of the benchmarks as plain data, `[name, qubits, angles]` for each gate, so that every simulator can be given the same ones.
import { Random } from '@qedge/core';
import { Circuit } from '@qedge/quantum';

/** `depth` layers of random one-qubit gates and of CX on every other pair of neighbours. */
export function brickwork(qubitCount, depth, seed) {
  const random = new Random(seed);
  const angle = (most) => random.uniform() * most;
  const gates = [];
  for (let layer = 0; layer < depth; layer++) {
    for (let qubit = 0; qubit < qubitCount; qubit++) {
      gates.push(['u', [qubit], [angle(Math.PI), angle(2 * Math.PI), angle(2 * Math.PI)]]);
    }
    for (let qubit = layer % 2; qubit + 1 < qubitCount; qubit += 2)
      gates.push(['cx', [qubit, qubit + 1], []]);
  }
  return { qubitCount, gates };
}

/** The quantum Fourier transform, with its final swaps, of a random product state: all amplitudes differ, none is 0. */
export function quantumFourierTransform(qubitCount, seed) {
  const random = new Random(seed);
  const gates = [];
  for (let qubit = 0; qubit < qubitCount; qubit++) gates.push(['ry', [qubit], [random.uniform() * Math.PI]]);
  for (let target = qubitCount - 1; target >= 0; target--) {
    gates.push(['h', [target], []]);
    for (let control = target - 1; control >= 0; control--) {
      gates.push(['cp', [control, target], [Math.PI / 2 ** (target - control)]]);
    }
  }
  for (let qubit = 0; qubit < qubitCount >> 1; qubit++)
    gates.push(['swap', [qubit, qubitCount - 1 - qubit], []]);
  return { qubitCount, gates };
}

/** The same gates for `@qedge/quantum`. */
export function toCircuit({ qubitCount, gates }) {
  const circuit = new Circuit(qubitCount);
  for (const [name, qubits, angles] of gates) circuit[name](...angles, ...qubits);
  return circuit;
}
