import type { Random } from '@qedge/core';
import { Circuit } from '../circuit/circuit.ts';
import { GATE_NAMES, gateDefinition } from '../circuit/gate-definition.ts';
import type { UnitaryKind } from '../circuit/instruction.ts';

/** Some different qubits. */
export function randomQubits(random: Random, qubitCount: number, count: number): number[] {
  return random.shuffle(Array.from({ length: qubitCount }, (_, qubit) => qubit)).slice(0, count);
}

/** An angle; half of them are multiples of an eighth turn, where gates are the identity and Euler angles singular. */
export function randomAngle(random: Random): number {
  return random.integer(2) === 0 ? (random.uniform() - 0.5) * 12 : (random.integer(33) - 16) * (Math.PI / 4);
}

/** A gate of a name on random qubits, with further controls where it takes any number. */
export function randomGate(random: Random, name: string, qubitCount: number): UnitaryKind {
  const gate = gateDefinition(name);
  const spare = gate.variadic ? random.integer(Math.min(3, qubitCount - gate.qubitCount + 1)) : 0;
  return {
    kind: 'gate',
    name: name as (typeof GATE_NAMES)[number],
    qubits: randomQubits(random, qubitCount, gate.qubitCount + spare),
    parameters: Array.from({ length: gate.parameterCount }, () => randomAngle(random)),
  };
}

/** A circuit of library gates, matrices, diagonals, permutations, Pauli evolutions and controlled instructions. */
export function randomCircuit(random: Random, qubitCount: number, length: number): Circuit {
  const names = GATE_NAMES.filter((name) => gateDefinition(name).qubitCount <= qubitCount);
  const circuit = new Circuit(qubitCount);
  for (let i = 0; i < length; i++) {
    const kind = random.integer(10);
    if (kind < 6 || qubitCount < 2) {
      circuit.append(randomGate(random, names[random.integer(names.length)]!, qubitCount));
    } else appendOther(circuit, random, kind);
  }
  return circuit;
}

function appendOther(circuit: Circuit, random: Random, kind: number): void {
  const { qubitCount } = circuit;
  const [a, b] = randomQubits(random, qubitCount, 2) as [number, number];
  if (kind === 6) {
    // The product of two gates is unitary and nothing that anybody has a name for.
    const inner = new Circuit(2).u(randomAngle(random), randomAngle(random), randomAngle(random), 0).cx(0, 1);
    inner.ry(randomAngle(random), 1).rz(randomAngle(random), 0);
    circuit.unitary(inner.toMatrix(), [a, b]);
  } else if (kind === 7) {
    circuit.diagonal(
      Array.from({ length: 4 }, () => randomAngle(random)),
      [a, b],
    );
  } else if (kind === 8) {
    const letters = () => ['I', 'X', 'Y', 'Z'][random.integer(4)]!;
    const string = Array.from({ length: qubitCount }, letters).join('');
    circuit.pauliEvolution([[string, randomAngle(random)]], random.uniform());
    circuit.permute([1, 0], [a, b]);
  } else {
    circuit.append({
      kind: 'controlled',
      qubits: [a, b],
      controls: [a],
      controlState: [random.integer(2) as 0 | 1],
      body: { kind: 'gate', name: 'ry', qubits: [b], parameters: [randomAngle(random)] },
    });
  }
}

/** A normalised random state, `[2^n, 2]`. */
export function randomAmplitudes(random: Random, qubitCount: number): Float64Array {
  const amplitudes = Float64Array.from({ length: 2 * 2 ** qubitCount }, () => random.normal());
  const norm = Math.hypot(...amplitudes);
  return amplitudes.map((value) => value / norm);
}
