import type { Pass } from '../pass.ts';
import { circuitOf, circuitPass } from './rewrite-circuit.ts';

/**
 * Drops resets after which nothing but barriers, delays and resets acts on their qubit. Changes the final state, not what is
 * measured. Bodies of control flow are left alone. (RemoveFinalReset.)
 */
export function removeFinalReset(): Pass {
  return circuitPass(
    'remove final reset',
    (circuit) => {
      const needed = new Set<number>();
      const kept = circuit.instructions.toReversed().filter(({ kind, qubits }) => {
        if (kind === 'reset' && !needed.has(qubits[0]!)) return false;
        if (kind !== 'barrier' && kind !== 'delay') for (const qubit of qubits) needed.add(qubit);
        return true;
      });
      return kept.length === circuit.instructionCount ? circuit : circuitOf(circuit, kept.reverse());
    },
    'measured distribution from |0>',
  );
}
