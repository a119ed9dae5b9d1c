import { clbitsOf } from '../../circuit/check-control-flow.ts';
import type { Circuit } from '../../circuit/circuit.ts';
import type { Pass } from '../pass.ts';
import { append, circuitPass, rewriteWithBodies } from './rewrite-circuit.ts';

/**
 * Turns a reset right after a measurement of its qubit into X where the classical bit is 1, which is quicker on most machines; in
 * bodies of control flow too. Nothing else may touch the qubit or the bit in between. (ResetAfterMeasureSimplification.)
 */
export function simplifyResetAfterMeasure(): Pass {
  return circuitPass('simplify reset after measure', (circuit) => rewriteWithBodies(circuit, simplify));
}

function simplify(circuit: Circuit): Circuit {
  const simplified = circuit.emptyCopy();
  // For each qubit that was just measured, its classical bit.
  const measured = new Map<number, number>();
  let changed = false;
  circuit.forEach((instruction) => {
    const { kind, qubits } = instruction;
    const clbit = kind === 'reset' ? measured.get(qubits[0]!) : undefined;
    for (const qubit of qubits) measured.delete(qubit);
    const touched = clbitsOf(instruction);
    for (const [qubit, own] of [...measured]) if (touched.includes(own)) measured.delete(qubit);
    if (clbit === undefined) append(simplified, instruction);
    else {
      changed = true;
      simplified.ifTest({ kind: 'bit', clbit }, (body) => body.x(qubits[0]!));
    }
    if (instruction.kind === 'measure') measured.set(instruction.qubits[0], instruction.clbit);
  });
  return changed ? simplified : circuit;
}
