import { InvalidArgumentError } from '@qedge/core';
import { Circuit } from '../circuit/circuit.ts';
import { parameter } from '../circuit/parameter.ts';
import type { Ansatz } from './ansatz.ts';

/** The shape of a hardware-efficient ansatz. */
export interface HardwareEfficientOptions {
  readonly qubits: number;
  /** Entangling layers, at least 1. There is one more layer of rotations. */
  readonly layers: number;
  /** Rotations of each layer, in order; default `['ry', 'rz']`. */
  readonly rotations?: readonly ('rx' | 'ry' | 'rz')[];
  /** The entangling gate along the line 0-1-2-...; default `cx`. */
  readonly entangler?: 'cx' | 'cz';
}

/**
 * Layers of one-qubit rotations and nearest-neighbour entanglers (Kandala et al., Nature 549 (2017) 242). It does not conserve
 * particles: check the electrons of the result, or use {@link uccsd} for molecules.
 *
 * @throws InvalidArgumentError for sizes below 1 or no rotations.
 */
export function hardwareEfficientAnsatz(options: HardwareEfficientOptions): Ansatz {
  const { qubits, layers, rotations = ['ry', 'rz'], entangler = 'cx' } = options;
  if (
    !Number.isInteger(qubits) ||
    qubits < 1 ||
    !Number.isInteger(layers) ||
    layers < 1 ||
    rotations.length < 1
  ) {
    throw new InvalidArgumentError('A hardware-efficient ansatz has an impossible shape', {
      expected: 'qubits >= 1, layers >= 1 and at least one rotation',
      actual: [qubits, layers, rotations.length],
    });
  }
  const circuit = new Circuit(qubits);
  for (let layer = 0; layer <= layers; layer++) {
    for (const rotation of rotations) {
      for (let qubit = 0; qubit < qubits; qubit++) {
        circuit.gate(rotation, [qubit], [parameter(`${rotation}_${layer}_${qubit}`)]);
      }
    }
    if (layer === layers) break;
    for (let qubit = 0; qubit + 1 < qubits; qubit++) circuit.gate(entangler, [qubit, qubit + 1]);
  }
  return {
    name: `hardware-efficient(${qubits} qubits, ${layers} layers of ${rotations.join('+')} and ${entangler})`,
    circuit,
    parameterNames: circuit.parameterNames,
    initialParameters: null,
    frequencies: null,
  };
}
