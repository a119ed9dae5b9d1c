import type { Pass } from '../pass.ts';
import { circuitPass } from './rewrite-circuit.ts';

/**
 * Drops resets of qubits that nothing has acted on, which are |0> already. Changes the unitary: it holds where every qubit starts
 * in |0>. Bodies of control flow are left alone. (RemoveResetInZeroState.)
 */
export function removeResetInZeroState(): Pass {
  return circuitPass(
    'remove reset in zero state',
    (circuit) => {
      const kept = circuit.emptyCopy();
      const touched = new Set<number>();
      circuit.forEach((instruction) => {
        if (instruction.kind === 'reset' && !touched.has(instruction.qubits[0])) return;
        const isIdle = instruction.kind === 'barrier' || instruction.kind === 'delay';
        if (!isIdle) for (const qubit of instruction.qubits) touched.add(qubit);
        kept.append(instruction);
      });
      return kept.instructionCount === circuit.instructionCount ? circuit : kept;
    },
    'measured distribution from |0>',
  );
}
