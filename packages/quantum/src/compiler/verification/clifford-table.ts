import { expandInstruction } from '../../circuit/expand-instruction.ts';
import type { UnitaryKind } from '../../circuit/instruction.ts';
import { instructionMatrix } from '../../circuit/instruction-matrix.ts';

/**
 * What conjugation by a Clifford gate makes of every Pauli string on its one or two wires. A string is a number: two bits for each wire,
 * the first wire lowest, 1 for X, 2 for Z and 3 for Y.
 */
export interface CliffordTable {
  /** `[4^k]`: the string that comes out. */
  readonly images: Uint8Array;
  /** `[4^k]`: 1 where it comes out negative. */
  readonly signs: Uint8Array;
}

/** A gate and where it acts. */
export interface CliffordStep {
  readonly wires: readonly number[];
  readonly table: CliffordTable;
}

/** How far the square of a matrix element may be from that of a Clifford gate: angles wrong by about 1e-6. */
const TOLERANCE = 1e-12;

/** Recognises Clifford gates by their matrices, each gate with given angles once. */
export class CliffordRecognizer {
  readonly #known = new Map<string, CliffordTable | null>();

  /** @returns the gates on one or two wires that it is made of; null when it is not Clifford. */
  recognize(instruction: UnitaryKind): readonly CliffordStep[] | null {
    const { qubits } = instruction;
    if (qubits.length === 0) return [];
    if (qubits.length <= 2) {
      const table = this.#tableOf(instruction);
      return table && [{ wires: qubits, table }];
    }
    const parts = expandInstruction(instruction);
    if (parts === null) return null;
    const steps: CliffordStep[] = [];
    for (const part of parts) {
      const found = part.qubits.length > 2 ? null : this.recognize(part as UnitaryKind);
      if (found === null) return null;
      steps.push(...found);
    }
    return steps;
  }

  #tableOf(instruction: UnitaryKind): CliffordTable | null {
    if (instruction.kind !== 'gate') return cliffordTable(instructionMatrix(instruction));
    const key = `${instruction.name} ${instruction.parameters.join()} ${instruction.qubits.length}`;
    let table = this.#known.get(key);
    if (table === undefined) {
      table = cliffordTable(instructionMatrix(instruction));
      this.#known.set(key, table);
    }
    return table;
  }
}

/** The table of a unitary on one or two qubits, or null when it is not Clifford. */
export function cliffordTable(matrix: Float64Array): CliffordTable | null {
  const size = Math.sqrt(matrix.length / 2);
  const images = new Uint8Array(size * size);
  const signs = new Uint8Array(size * size);
  for (let string = 1; string < size * size; string++) {
    let found = false;
    for (let image = 1; image < size * size && !found; image++) {
      const trace = conjugationTrace(matrix, size, string, image) / size;
      if (Math.abs(Math.abs(trace) - 1) > TOLERANCE) continue;
      images[string] = image;
      signs[string] = trace < 0 ? 1 : 0;
      found = true;
    }
    if (!found) return null;
  }
  return { images, signs };
}

/** `Re Tr(Q U P U^dag)`. */
function conjugationTrace(matrix: Float64Array, size: number, p: number, q: number): number {
  const [[px, pz], [qx, qz]] = [masksOf(p), masksOf(q)];
  const quarterTurns = countYs(p) + countYs(q);
  let sum = 0;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      // P sends |column> to |column ^ px>, Q sends |row> to |row ^ qx>: Tr = sum of Q_ab U_bc P_cd conj(U_ad).
      const [a, d] = [row ^ qx, column];
      const c = column ^ px;
      const turns = quarterTurns + 2 * (parity(pz & d) + parity(qz & row));
      const [ur, ui] = [matrix[2 * (row * size + c)]!, matrix[2 * (row * size + c) + 1]!];
      const [vr, vi] = [matrix[2 * (a * size + d)]!, -matrix[2 * (a * size + d) + 1]!];
      const [re, im] = [ur * vr - ui * vi, ur * vi + ui * vr];
      sum += [re, -im, -re, im][turns & 3]!;
    }
  }
  return sum;
}

function masksOf(string: number): [x: number, z: number] {
  return [(string & 1) | ((string >> 1) & 2), ((string >> 1) & 1) | ((string >> 2) & 2)];
}

function countYs(string: number): number {
  return Number((string & 3) === 3) + Number(string >> 2 === 3);
}

function parity(bits: number): number {
  return (bits ^ (bits >> 1)) & 1;
}
