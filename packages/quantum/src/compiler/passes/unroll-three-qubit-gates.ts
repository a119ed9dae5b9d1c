import type { Circuit } from '../../circuit/circuit.ts';
import type { Pass } from '../pass.ts';
import { unrollInstruction } from '../translation/unroll-instruction.ts';
import { append, circuitPass } from './rewrite-circuit.ts';

/**
 * Rewrites what acts on three or more qubits as gates and matrices on one and two, so that a router can place them; bodies of
 * control flow too. Qubits that an instruction leaves alone help it: gates with many controls take a number of cx that grows with
 * the controls where there is a spare qubit. Global phases are dropped, free parameters stay. (Unroll3qOrMore.)
 *
 * Running it throws UnsupportedError for diagonals on more than 12 qubits.
 */
export function unrollThreeQubitGates(): Pass {
  return circuitPass('unroll three-qubit gates', (circuit) => unrollCircuit(circuit));
}

function unrollCircuit(circuit: Circuit): Circuit {
  const unrolled = circuit.emptyCopy();
  const options = { qubitCount: circuit.qubitCount, unrollBody: unrollCircuit };
  circuit.forEach((instruction) => {
    for (const simpler of unrollInstruction(instruction, options)) append(unrolled, simpler);
  });
  return unrolled;
}
