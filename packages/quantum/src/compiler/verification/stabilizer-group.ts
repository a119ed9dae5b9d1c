import type { CliffordStep } from './clifford-table.ts';

/** `i^k` of the product of two letters (0 I, 1 X, 2 Z, 3 Y), by `4 * first + second`: XZ = -iY, ZX = iY, and so on. */
const PRODUCT_PHASES = Uint8Array.of(0, 0, 0, 0, 0, 0, 3, 1, 0, 1, 0, 3, 0, 3, 1, 0);

/**
 * The group of Pauli strings that leave a state as it is, by independent generators (Gottesman, quant-ph/9807006). Columns are qubits;
 * column `c` starts in |0> unless it is joined to another one.
 */
export class StabilizerGroup {
  readonly columnCount: number;
  /** `[columns, generators]`: a letter of each generator. */
  readonly #letters: Uint8Array;
  readonly #signs: Uint8Array;

  constructor(columnCount: number) {
    this.columnCount = columnCount;
    this.#letters = new Uint8Array(columnCount * columnCount);
    this.#signs = new Uint8Array(columnCount);
    for (let column = 0; column < columnCount; column++) this.#letters[column * (columnCount + 1)] = 2;
  }

  /** Puts two columns that are |0> into the state |00> + |11>. */
  entangle(a: number, b: number): void {
    const n = this.columnCount;
    this.#letters[a * n + a] = 1;
    this.#letters[b * n + a] = 1;
    this.#letters[a * n + b] = 2;
    this.#letters[b * n + b] = 2;
  }

  /** Applies a gate, its wires being columns. */
  apply({ wires, table: { images, signs } }: CliffordStep): void {
    const n = this.columnCount;
    const first = wires[0]! * n;
    if (wires.length === 1) {
      for (let row = 0; row < n; row++) {
        const letter = this.#letters[first + row]!;
        this.#letters[first + row] = images[letter]!;
        this.#signs[row]! ^= signs[letter]!;
      }
      return;
    }
    const second = wires[1]! * n;
    for (let row = 0; row < n; row++) {
      const string = this.#letters[first + row]! | (this.#letters[second + row]! << 2);
      this.#letters[first + row] = images[string]! & 3;
      this.#letters[second + row] = images[string]! >> 2;
      this.#signs[row]! ^= signs[string]!;
    }
  }

  /**
   * The subgroup that does not touch the other columns: what stabilises the state of these columns alone. Equal states give equal texts.
   *
   * @param kept columns, in the order of the result. @returns generators such as `+XIZ`, in reduced echelon form.
   */
  restrictTo(kept: readonly number[]): readonly string[] {
    const isKept = new Set(kept);
    const others = Array.from({ length: this.columnCount }, (_, column) => column).filter(
      (column) => !isKept.has(column),
    );
    const rows = this.#rows([...others, ...kept]);
    const pivots = eliminate(rows, others.length);
    const left = rows
      .slice(pivots)
      .map(({ letters, sign }) => ({ letters: letters.subarray(others.length), sign }));
    const used = eliminate(left, kept.length);
    return left
      .slice(0, used)
      .map(
        ({ letters, sign }) =>
          `${sign === 0 ? '+' : '-'}${Array.from(letters, (letter) => 'IXZY'[letter]).join('')}`,
      );
  }

  #rows(columns: readonly number[]): GeneratorRow[] {
    const n = this.columnCount;
    return Array.from({ length: n }, (_, row) => ({
      letters: Uint8Array.from(columns, (column) => this.#letters[column * n + row]!),
      sign: this.#signs[row]!,
    }));
  }
}

interface GeneratorRow {
  readonly letters: Uint8Array;
  sign: number;
}

/**
 * Gauss-Jordan elimination of the first columns, the X part of each before its Z part; rows with a pivot come first, in the order of
 * pivots. @returns how many there are.
 */
function eliminate(rows: GeneratorRow[], columnCount: number): number {
  let done = 0;
  for (let column = 0; column < columnCount; column++) {
    for (const part of [1, 2]) {
      let pivot = done;
      while (pivot < rows.length && (rows[pivot]!.letters[column]! & part) === 0) pivot++;
      if (pivot === rows.length) continue;
      const row = rows[pivot]!;
      rows[pivot] = rows[done]!;
      rows[done] = row;
      for (const other of rows) {
        if (other !== row && (other.letters[column]! & part) !== 0) multiplyInto(other, row);
      }
      done++;
    }
  }
  return done;
}

/** Multiplies a generator by another one; they commute, so that the phase is a sign. */
function multiplyInto(target: GeneratorRow, factor: GeneratorRow): void {
  const [a, b] = [target.letters, factor.letters];
  let turns = 2 * (target.sign + factor.sign);
  for (let column = 0; column < a.length; column++) {
    turns += PRODUCT_PHASES[4 * a[column]! + b[column]!]!;
    a[column]! ^= b[column]!;
  }
  target.sign = (turns >> 1) & 1;
}
