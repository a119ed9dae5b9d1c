import type { Circuit } from '../../circuit/circuit.ts';
import { applyToColumns, identityMatrix } from '../../circuit/complex-matrix.ts';
import { type Instruction, isUnitaryKind, type UnitaryKind } from '../../circuit/instruction.ts';
import { instructionMatrix } from '../../circuit/instruction-matrix.ts';
import type { Pass } from '../pass.ts';
import { BasisTranslator } from '../translation/basis-translator.ts';
import { appendStep } from '../translation/translate-to-basis.ts';
import { synthesizeTwoQubitUnitary } from '../translation/two-qubit-unitary.ts';
import { append, circuitPass, fencedQubits, rewriteWithBodies } from './rewrite-circuit.ts';

/**
 * Collects gates that follow one another on the same two qubits, one-qubit gates included, and synthesises each such block anew in
 * the target's basis where that takes fewer two-qubit gates, or is all that brings it into the basis. Free angles end a block;
 * bodies of control flow are done too. Keeps qubits where they are. (Collect2qBlocks, ConsolidateBlocks and UnitarySynthesis.)
 */
export function consolidateBlocks(): Pass {
  return circuitPass('consolidate blocks', (circuit, { target }) => {
    const translator = new BasisTranslator(target.basisGates);
    return rewriteWithBodies(circuit, (part) => new BlockCollector(part, translator).finish());
  });
}

/** Instructions in a row on one or two qubits. */
interface Block {
  readonly members: UnitaryKind[];
  qubits: readonly number[];
  twoQubitCount: number;
}

/** Follows each qubit's open block; what closes is written in the order of closing. */
class BlockCollector {
  readonly #circuit: Circuit;
  readonly #result: Circuit;
  readonly #translator: BasisTranslator;
  readonly #open: (Block | undefined)[];

  constructor(circuit: Circuit, translator: BasisTranslator) {
    this.#circuit = circuit;
    this.#result = circuit.emptyCopy();
    this.#translator = translator;
    this.#open = new Array(circuit.qubitCount);
    for (const instruction of circuit.instructions) this.#add(instruction);
  }

  finish(): Circuit {
    for (let qubit = 0; qubit < this.#circuit.qubitCount; qubit++) this.#close(qubit);
    return this.#result;
  }

  #add(instruction: Instruction): void {
    const { qubits } = instruction;
    if (!isBlockMember(instruction)) {
      const fenced = isUnitaryKind(instruction) ? qubits : fencedQubits(instruction, this.#circuit);
      for (const qubit of fenced) this.#close(qubit);
      append(this.#result, instruction);
      return;
    }
    const first = this.#open[qubits[0]!];
    if (qubits.length === 1) {
      if (first) first.members.push(instruction);
      else this.#open[qubits[0]!] = { members: [instruction], qubits, twoQubitCount: 0 };
      return;
    }
    const second = this.#open[qubits[1]!];
    if (first !== undefined && first === second) {
      first.members.push(instruction);
      first.twoQubitCount++;
      return;
    }
    // One-qubit gates in front join; other blocks are over.
    const members: UnitaryKind[] = [];
    for (const qubit of qubits) {
      const block = this.#open[qubit];
      if (block?.qubits.length === 1) members.push(...block.members);
      else this.#close(qubit);
    }
    members.push(instruction);
    const block: Block = { members, qubits, twoQubitCount: 1 };
    for (const qubit of qubits) this.#open[qubit] = block;
  }

  #close(qubit: number): void {
    const block = this.#open[qubit];
    if (block === undefined) return;
    for (const own of block.qubits) this.#open[own] = undefined;
    const steps = this.#shorter(block);
    if (steps) for (const step of steps) appendStep(this.#result, step, block.qubits);
    else for (const member of block.members) append(this.#result, member);
  }

  #shorter({ members, qubits, twoQubitCount }: Block) {
    const isInBasis = members.every((one) => one.kind === 'gate' && this.#translator.gates.has(one.name));
    if (qubits.length !== 2 || (isInBasis && twoQubitCount < 2)) return null;
    const matrix = identityMatrix(4);
    for (const member of members) {
      applyToColumns(
        matrix,
        instructionMatrix(member),
        member.qubits.map((qubit) => qubits.indexOf(qubit)),
      );
    }
    const steps = synthesizeTwoQubitUnitary(matrix, this.#translator);
    const count = steps.filter(({ positions }) => positions.length === 2).length;
    return count < twoQubitCount || !isInBasis ? steps : null;
  }
}

function isBlockMember(instruction: Instruction): instruction is UnitaryKind {
  if (!isUnitaryKind(instruction) || instruction.qubits.length < 1 || instruction.qubits.length > 2)
    return false;
  if (instruction.kind === 'gate') return instruction.parameters.every((angle) => typeof angle === 'number');
  return (
    instruction.kind === 'unitary' || instruction.kind === 'diagonal' || instruction.kind === 'permutation'
  );
}
