import type { Pass } from '../pass.ts';
import { unrollInstruction } from '../unroll-instruction.ts';

/**
 * Rewrites instructions as gates on one and two qubits, measurements, resets, barriers and delays, so that a router can place
 * them. Global phases are dropped.
 *
 * Running it throws UnsupportedError for control flow, assignments, and phases that depend on more than 12 qubits at once.
 */
export const unrollThreeQubitGates: Pass = {
  name: 'unroll three-qubit gates',
  run(state) {
    const { circuit } = state;
    const unrolled = circuit.emptyCopy();
    circuit.forEach((instruction) => {
      for (const simpler of unrollInstruction(instruction)) unrolled.append(simpler);
    });
    return { ...state, circuit: unrolled };
  },
};
