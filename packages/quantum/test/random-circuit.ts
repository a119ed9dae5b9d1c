/** @file Random circuits for property tests. */
import { Random } from '@qedge/core';
import { Circuit, GATE_NAMES, gateDefinition } from '@qedge/quantum';

/**
 * A circuit of `length` gates drawn uniformly from all that fit on the qubits. Half of the angles are multiples of an eighth turn
 * up to two turns, where Euler angles are singular, gates are the identity and controlled rotations are not.
 */
export function randomCircuit(seed: number, qubitCount: number, length: number): Circuit {
  const random = new Random(seed);
  const names = GATE_NAMES.filter((name) => gateDefinition(name).qubitCount <= qubitCount);
  const circuit = new Circuit(qubitCount);
  for (let i = 0; i < length; i++) {
    const name = names[random.integer(names.length)]!;
    const { qubitCount: operands, parameterCount } = gateDefinition(name);
    const qubits = random.shuffle(Array.from({ length: qubitCount }, (_, q) => q)).slice(0, operands);
    const angles = Array.from({ length: parameterCount }, () =>
      random.integer(2) === 0 ? (random.uniform() - 0.5) * 12 : (random.integer(33) - 16) * (Math.PI / 4),
    );
    circuit.gate(name, qubits, angles);
  }
  return circuit;
}
