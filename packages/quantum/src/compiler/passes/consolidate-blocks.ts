import type { GateStep } from '../../circuit/gate-definition.ts';
import type { Pass } from '../pass.ts';
import { BasisTranslator } from '../translation/basis-translator.ts';
import { synthesizeTwoQubitUnitary } from '../translation/two-qubit-unitary.ts';
import { type Block, matrixOfBlock, rewriteBlocks } from './collect-blocks.ts';
import { circuitPass, rewriteWithBodies } from './rewrite-circuit.ts';

/**
 * Collects gates that follow one another on the same two qubits, one-qubit gates included, and synthesises each such block anew in
 * the target's basis where that takes fewer two-qubit gates, or is all that brings it into the basis. Free angles end a block;
 * bodies of control flow are done too. Keeps qubits where they are. (Collect2qBlocks, ConsolidateBlocks and UnitarySynthesis.)
 */
export function consolidateBlocks(): Pass {
  return circuitPass('consolidate blocks', (circuit, { target }) => {
    const translator = new BasisTranslator(target.basisGates);
    return rewriteWithBodies(circuit, (part) =>
      rewriteBlocks(part, (block) => fewerGates(block, translator)),
    );
  });
}

function fewerGates(block: Block, translator: BasisTranslator): readonly GateStep[] | null {
  const { members, twoQubitCount } = block;
  const isInBasis = members.every((one) => one.kind === 'gate' && translator.gates.has(one.name));
  if (isInBasis && twoQubitCount < 2) return null;
  const steps = synthesizeTwoQubitUnitary(matrixOfBlock(block), translator);
  const count = steps.filter(({ positions }) => positions.length === 2).length;
  return count < twoQubitCount || !isInBasis ? steps : null;
}
