import type { GateInstruction, UnitaryKind } from '../../circuit/instruction.ts';
import type { ParameterValue } from '../../circuit/parameter.ts';

/** A Pauli letter that turns diagonal in the basis of a qubit. */
export type QubitBasis = 'X' | 'Y' | 'Z';

/**
 * The generator `K` of a gate, `d/d(angle) U = -i K U`, up to a multiple of the identity: a sum of products of one Pauli letter, or a
 * projector on all qubits being 1. In the basis of the letter it is diagonal.
 */
export interface Generator {
  readonly angle: ParameterValue;
  readonly basis: QubitBasis;
  readonly qubits: readonly number[];
  /** Products of the letter on some of the qubits. */
  readonly products: readonly { readonly qubits: readonly number[]; readonly coefficient: number }[];
  /** Factor of the projector on all qubits being 1; 0 where there are only products. */
  readonly projector: number;
}

/** The generator of an elementary gate with one angle; null for gates without. */
export function generatorOf(instruction: UnitaryKind): Generator | null {
  if (instruction.kind !== 'gate' || instruction.parameters.length === 0) return null;
  const { name, qubits } = instruction;
  const angle = instruction.parameters[0]!;
  const make = (basis: QubitBasis, products: Generator['products'], projector = 0): Generator => ({
    ...{ angle, basis, qubits, products, projector },
  });
  switch (name) {
    case 'rx':
      return make('X', [{ qubits, coefficient: 0.5 }]);
    case 'ry':
      return make('Y', [{ qubits, coefficient: 0.5 }]);
    // p is rz but for a phase of everything.
    case 'rz':
    case 'p':
    case 'rzz':
      return make('Z', [{ qubits, coefficient: 0.5 }]);
    case 'cp': {
      // -n n = -(1 - Z)(1 - Z) / 4
      const [a, b] = qubits as [number, number];
      return make('Z', [
        { qubits: [a], coefficient: 0.25 },
        { qubits: [b], coefficient: 0.25 },
        { qubits, coefficient: -0.25 },
      ]);
    }
    case 'mcp':
      return make('Z', [], -1);
    default:
      return null;
  }
}

/** `u(theta, phi, lambda)` as gates of one angle each; any other instruction as it is. */
export function splitGeneralGate(instruction: UnitaryKind): UnitaryKind[] {
  if (instruction.kind !== 'gate' || instruction.name !== 'u') return [instruction];
  const { qubits } = instruction;
  const [theta, phi, lambda] = instruction.parameters as [ParameterValue, ParameterValue, ParameterValue];
  const gate = (name: GateInstruction['name'], angle: ParameterValue): GateInstruction => ({
    kind: 'gate',
    name,
    qubits,
    parameters: [angle],
  });
  return [gate('p', lambda), gate('ry', theta), gate('p', phi)];
}

/** Gates that are diagonal in the basis of each letter on a qubit, by name and position. */
export function keepsBasis(instruction: UnitaryKind, qubit: number, basis: QubitBasis): boolean {
  if (instruction.kind === 'diagonal') return basis === 'Z';
  if (instruction.kind !== 'gate') return false;
  switch (instruction.name) {
    case 'global_phase':
      return true;
    case 'z':
    case 's':
    case 'sdg':
    case 't':
    case 'tdg':
    case 'p':
    case 'rz':
    case 'cz':
    case 'cp':
    case 'rzz':
    case 'mcp':
      return basis === 'Z';
    case 'x':
    case 'sx':
    case 'sxdg':
    case 'rx':
      return basis === 'X';
    case 'y':
    case 'ry':
      return basis === 'Y';
    case 'cx':
      return basis === (instruction.qubits[0] === qubit ? 'Z' : 'X');
    default:
      return false;
  }
}
