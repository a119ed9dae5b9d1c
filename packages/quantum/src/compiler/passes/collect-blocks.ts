import type { Circuit } from '../../circuit/circuit.ts';
import { applyToColumns, identityMatrix } from '../../circuit/complex-matrix.ts';
import type { GateStep } from '../../circuit/gate-definition.ts';
import { type Instruction, isUnitaryKind, type UnitaryKind } from '../../circuit/instruction.ts';
import { instructionMatrix } from '../../circuit/instruction-matrix.ts';
import { appendStep } from '../translation/translate-to-basis.ts';
import { append, fencedQubits } from './rewrite-circuit.ts';

/** Instructions in a row on one or two qubits. */
export interface Block {
  readonly members: UnitaryKind[];
  qubits: readonly number[];
  twoQubitCount: number;
}

/** Other gates for a block, on positions of its qubits; null where it stays. */
export type BlockRewrite = (block: Block) => readonly GateStep[] | null;

/**
 * Collects instructions without free angles that follow one another on the same two qubits, one-qubit instructions included, and
 * writes other gates for each of these blocks. Bodies of control flow are left alone.
 */
export function rewriteBlocks(circuit: Circuit, rewrite: BlockRewrite): Circuit {
  return new BlockCollector(circuit, rewrite).finish();
}

/** The unitary `[4, 4, 2]` of a block on two qubits, the first one bit 0. */
export function matrixOfBlock({ members, qubits }: Block): Float64Array {
  const matrix = identityMatrix(4);
  for (const member of members) {
    const positions = member.qubits.map((qubit) => qubits.indexOf(qubit));
    applyToColumns(matrix, instructionMatrix(member), positions);
  }
  return matrix;
}

/** Follows each qubit's open block; what closes is written in the order of closing. */
class BlockCollector {
  readonly #circuit: Circuit;
  readonly #result: Circuit;
  readonly #rewrite: BlockRewrite;
  readonly #open: (Block | undefined)[];

  constructor(circuit: Circuit, rewrite: BlockRewrite) {
    this.#circuit = circuit;
    this.#result = circuit.emptyCopy();
    this.#rewrite = rewrite;
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
    const steps = block.qubits.length === 2 ? this.#rewrite(block) : null;
    if (steps) for (const step of steps) appendStep(this.#result, step, block.qubits);
    else for (const member of block.members) append(this.#result, member);
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
