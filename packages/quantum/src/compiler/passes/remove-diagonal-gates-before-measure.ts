import { gateDefinition } from '../../circuit/gate-definition.ts';
import { type Instruction, isUnitaryKind } from '../../circuit/instruction.ts';
import type { Pass } from '../pass.ts';
import { circuitOf, circuitPass } from './rewrite-circuit.ts';

/**
 * Drops diagonal gates whose qubits are only measured afterwards, or not used again, at least one of them measured: they change
 * phases that no measurement sees. Changes the unitary, not what is measured. Bodies of control flow are left alone.
 * (RemoveDiagonalGatesBeforeMeasure.)
 */
export function removeDiagonalGatesBeforeMeasure(): Pass {
  return circuitPass(
    'remove diagonal gates before measure',
    (circuit) => {
      // Qubits on which something happens later that is not a final measurement.
      const used = new Set<number>();
      const measured = new Set<number>();
      const kept = circuit.instructions.toReversed().filter((instruction) => {
        const { kind, qubits } = instruction;
        const isLast = qubits.every((qubit) => !used.has(qubit));
        if (isDiagonal(instruction) && isLast && qubits.some((qubit) => measured.has(qubit))) return false;
        if (kind === 'measure' && isLast) measured.add(qubits[0]!);
        else if (kind !== 'barrier' && kind !== 'delay') for (const qubit of qubits) used.add(qubit);
        return true;
      });
      return kept.length === circuit.instructionCount ? circuit : circuitOf(circuit, kept.reverse());
    },
    'measured distribution from |0>',
  );
}

/** Diagonal in the computational basis. */
export function isDiagonal(instruction: Instruction): boolean {
  if (!isUnitaryKind(instruction) || instruction.qubits.length === 0) return false;
  switch (instruction.kind) {
    case 'gate':
      return gateDefinition(instruction.name).diagonal;
    case 'diagonal':
      return true;
    case 'controlled':
      return isDiagonal(instruction.body);
    case 'pauli-evolution':
      return instruction.terms.every(([string]) => /^[IZ]*$/.test(string));
    default:
      return false;
  }
}
