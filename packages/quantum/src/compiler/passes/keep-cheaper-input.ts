import type { Circuit } from '../../circuit/circuit.ts';
import { countGates } from '../count-gates.ts';
import type { Pass } from '../pass.ts';
import type { Target } from '../target/target.ts';
import { findTargetViolation } from '../verification/target-violation.ts';

/**
 * Goes back to the circuit that compilation began with, every qubit in its place, where that has fewer gates on two qubits: layouts and
 * routings are searched for, and a search may miss what the input had already. Only for inputs that {@link runsUnchanged}.
 *
 * @param places the qubits of the input that were compiled, ascending; default all.
 */
export function keepCheaperInput(
  input: Circuit,
  places: readonly number[] = Array.from({ length: input.qubitCount }, (_, qubit) => qubit),
): Pass {
  const { twoQubit } = countGates(input);
  return {
    name: 'keep cheaper input',
    run: (state) => {
      if (countGates(state.circuit).twoQubit <= twoQubit) return state;
      const properties = new Map(state.properties).set('swapsAdded', 0);
      return { ...state, circuit: input, initialLayout: places, finalLayout: places, properties };
    },
  };
}

/** True for circuits on all of the target's qubits, in its basis and on its couplings. */
export function runsUnchanged(circuit: Circuit, target: Target): boolean {
  return circuit.qubitCount === target.qubitCount && findTargetViolation(circuit, target) === null;
}
