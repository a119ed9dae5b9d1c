import type { Instruction } from '../circuit/instruction.ts';

/** The Pauli operator on a qubit with which a gate commutes, if there is exactly one that matters; null for none. */
export type Axis = 'x' | 'y' | 'z' | null;

/** For each gate, the axis on each of its qubits. A gate commutes with that Pauli operator on that qubit. */
const AXES: Readonly<Record<string, readonly Axis[]>> = {
  id: ['z'],
  z: ['z'],
  s: ['z'],
  sdg: ['z'],
  t: ['z'],
  tdg: ['z'],
  p: ['z'],
  u1: ['z'],
  rz: ['z'],
  x: ['x'],
  sx: ['x'],
  sxdg: ['x'],
  rx: ['x'],
  y: ['y'],
  ry: ['y'],
  cx: ['z', 'x'],
  cy: ['z', 'y'],
  cz: ['z', 'z'],
  ch: ['z', null],
  cp: ['z', 'z'],
  cu1: ['z', 'z'],
  cs: ['z', 'z'],
  csdg: ['z', 'z'],
  csx: ['z', 'x'],
  crx: ['z', 'x'],
  cry: ['z', 'y'],
  crz: ['z', 'z'],
  ecr: [null, 'x'],
  rxx: ['x', 'x'],
  ryy: ['y', 'y'],
  rzz: ['z', 'z'],
  rzx: ['z', 'x'],
  cu: ['z', null],
  cu3: ['z', null],
  ccx: ['z', 'z', 'x'],
  ccz: ['z', 'z', 'z'],
  cswap: ['z', null, null],
};

/** The axis of a gate on one of its qubits; null where it has none. */
export function gateAxis(name: string, position: number): Axis {
  return AXES[name]?.[position] ?? null;
}

/**
 * Whether two instructions are known to commute: on every qubit they share, both must have the same axis. Sufficient, not
 * necessary. Instructions that are not gates commute with nothing on their qubits.
 */
export function knownToCommute(a: Instruction, b: Instruction): boolean {
  for (let i = 0; i < a.qubits.length; i++) {
    const j = b.qubits.indexOf(a.qubits[i]!);
    if (j < 0) continue;
    if (a.kind !== 'gate' || b.kind !== 'gate') return false;
    const axis = gateAxis(a.name, i);
    if (axis === null || axis !== gateAxis(b.name, j)) return false;
  }
  return true;
}
