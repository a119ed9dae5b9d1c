import type { Pass } from '../pass.ts';

/** Drops resets of qubits that nothing has acted on, which are |0> already. */
export const removeResetInZeroState: Pass = {
  name: 'remove reset in zero state',
  run(state) {
    const { circuit } = state;
    const kept = circuit.emptyCopy();
    const touched = new Set<number>();
    for (const instruction of circuit.instructions) {
      if (instruction.kind === 'reset' && !touched.has(instruction.qubits[0])) continue;
      if (instruction.kind !== 'barrier') for (const qubit of instruction.qubits) touched.add(qubit);
      kept.append(instruction);
    }
    return { ...state, circuit: kept };
  },
};
