import { expandGate } from './expand-gate.ts';
import type { GateName } from './gate-definition.ts';
import type { GateInstruction, Instruction } from './instruction.ts';

/**
 * Rewrites a unitary instruction exactly, global phase included, as elementary ones: the gates x y z h s sdg t tdg sx sxdg p rx ry
 * rz u cx cz cp rzz swap mcp global_phase, matrices on one or two qubits, and diagonals.
 *
 * @returns null where the instruction is elementary already, or not unitary.
 */
export function expandInstruction(instruction: Instruction): Instruction[] | null {
  switch (instruction.kind) {
    case 'gate':
      return expandGateInstruction(instruction);
    default:
      return null;
  }
}

function expandGateInstruction({ name, qubits, parameters }: GateInstruction): Instruction[] | null {
  const steps = expandGate(name, parameters, qubits.length);
  return (
    steps &&
    steps.map((step) => ({
      kind: 'gate',
      name: step.name as GateName,
      qubits: step.positions.map((position) => qubits[position]!),
      parameters: step.parameters,
    }))
  );
}
