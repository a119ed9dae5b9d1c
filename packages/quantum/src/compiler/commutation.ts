/** @file Which instructions commute, decided by the axes along which they leave each of their qubits alone. */
import type { Instruction } from '../circuit/instruction.ts';

/** A direction of the Bloch sphere; `h` is the one between X and Z, about which a Hadamard gate turns. */
export type CommutationAxis = 'x' | 'y' | 'z' | 'h';

/** For each gate and each of its qubits, the axis whose Pauli operator on that qubit commutes with the gate. */
const AXES: Readonly<Record<string, readonly (CommutationAxis | null)[]>> = {
  ...{ z: ['z'], s: ['z'], sdg: ['z'], t: ['z'], tdg: ['z'], p: ['z'], u1: ['z'], rz: ['z'] },
  ...{ x: ['x'], sx: ['x'], sxdg: ['x'], rx: ['x'], y: ['y'], ry: ['y'], h: ['h'] },
  ...{ cx: ['z', 'x'], cy: ['z', 'y'], cz: ['z', 'z'], ch: ['z', 'h'], csx: ['z', 'x'] },
  ...{ cp: ['z', 'z'], cu1: ['z', 'z'], cs: ['z', 'z'], csdg: ['z', 'z'] },
  ...{ crx: ['z', 'x'], cry: ['z', 'y'], crz: ['z', 'z'], cu: ['z', null], cu3: ['z', null] },
  ...{ rxx: ['x', 'x'], ryy: ['y', 'y'], rzz: ['z', 'z'], rzx: ['z', 'x'], ecr: [null, 'x'] },
  ...{ ccx: ['z', 'z', 'x'], ccz: ['z', 'z', 'z'], cswap: ['z', null, null], rccx: ['z', 'z', null] },
  ...{ rcccx: ['z', 'z', 'z', null] },
};

/** Gates under any number of controls, by the axis of the last qubit. */
const CONTROLLED: Readonly<Record<string, CommutationAxis>> = {
  ...{ c3x: 'x', c4x: 'x', mcx: 'x', c3sx: 'x', mcp: 'z' },
};

/**
 * The axis of an instruction on one of its qubits: what commutes with it there. Null where it has none, and for everything that is
 * not unitary, which nothing passes. `id` and barriers have none either.
 */
export function commutationAxis(instruction: Instruction, position: number): CommutationAxis | null {
  switch (instruction.kind) {
    case 'gate': {
      const axes = AXES[instruction.name];
      if (axes) return axes[position] ?? null;
      const last = CONTROLLED[instruction.name];
      if (last === undefined) return null;
      return position < instruction.qubits.length - 1 ? 'z' : last;
    }
    case 'diagonal':
      return 'z';
    case 'pauli-evolution':
      return axisOfTerms(instruction.terms, position);
    case 'controlled': {
      const controls = instruction.controls.length;
      return position < controls ? 'z' : commutationAxis(instruction.body, position - controls);
    }
    default:
      return null;
  }
}

function axisOfTerms(
  terms: readonly (readonly [string, number])[],
  position: number,
): CommutationAxis | null {
  const letters = new Set(terms.map(([string]) => string[position]!));
  letters.delete('I');
  const [only] = letters;
  return letters.size === 1 ? (only!.toLowerCase() as CommutationAxis) : null;
}

/** Whether two unitary instructions commute because their axes on every qubit that they share are the same. Sufficient, not necessary. */
export function knownToCommute(a: Instruction, b: Instruction): boolean {
  for (let i = 0; i < a.qubits.length; i++) {
    const j = b.qubits.indexOf(a.qubits[i]!);
    if (j < 0) continue;
    const axis = commutationAxis(a, i);
    if (axis === null || axis !== commutationAxis(b, j)) return false;
  }
  return true;
}
