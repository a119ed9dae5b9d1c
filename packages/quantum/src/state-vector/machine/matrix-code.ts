import type { Pointer, Vector } from '@qedge/codegen';
import { COEFFICIENT_NUMBERS, type MultiplyMatrix } from '../vector-program.ts';
import type { KernelCode } from './kernel-code.ts';
import { Rotation } from './kernel-registers.ts';
import { rowOffsets } from './state-addressing.ts';

/** Which number of a coefficient is multiplied with: see {@link MultiplyMatrix}. */
const NUMBER = { sum: 0, imaginary: 1, real: 2 } as const;

/** Where vectors that are exchanged through memory go: behind the sums that are put aside. */
const EXCHANGE_PLACES = 16;

export function emitMultiplyMatrix(code: KernelCode, { positions, lanes, table }: MultiplyMatrix): void {
  const base = code.tables.entryAddress(table);
  code.fragment(`multiply-matrix ${positions} ${lanes}`, () =>
    new MatrixCode(code, base, positions, lanes).emit(),
  );
}

/**
 * The three products of each coefficient one after the other, for all rows at once, so that a coefficient is loaded once. Vectors of one part
 * are not needed after their product: that is where the results have room.
 */
class MatrixCode {
  readonly #code: KernelCode;
  readonly #base: Pointer;
  readonly #hasLanes: boolean;
  /** Rows that differ in the matrix's positions only, for each choice of the other positions. */
  readonly #groups: readonly (readonly number[])[];
  /** Which lanes are added: all sums of the masks of the matrix's lanes. */
  readonly #laneMasks: readonly number[];
  /** By row. */
  readonly #sums: readonly Vector[];
  readonly #operand: Vector;
  readonly #coefficients: readonly Vector[];

  constructor(code: KernelCode, base: Pointer, positions: readonly number[], lanes: readonly number[]) {
    const { rowCount, registers } = code;
    this.#code = code;
    this.#base = base;
    this.#hasLanes = lanes.length > 0;
    const within = rowOffsets(positions);
    const used = within.at(-1)!;
    const others = Array.from({ length: rowCount }, (_, row) => row).filter((row) => (row & used) === 0);
    this.#groups = others.map((row) => within.map((offset) => row + offset));
    this.#laneMasks = rowOffsets(lanes);
    this.#sums = registers.temporaries.slice(0, rowCount);
    const [operand, ...coefficients] = registers.temporaries.slice(rowCount) as [Vector, ...Vector[]];
    this.#operand = operand;
    this.#coefficients = coefficients;
  }

  emit(): void {
    const { target, registers } = this.#code;
    const sums = this.#sums;
    this.#emitProducts(NUMBER.sum);
    sums.forEach((sum, row) => {
      target.store(sum, registers.workspace(row));
    });
    this.#emitProducts(NUMBER.imaginary);
    sums.forEach((sum, row) => {
      target.copy(registers.imaginary(row), sum);
      target.load(sum, registers.workspace(row));
    });
    this.#emitProducts(NUMBER.real);
    sums.forEach((sum, row) => {
      target.copy(registers.real(row), registers.imaginary(row));
      target.copy(registers.imaginary(row), sum);
    });
  }

  /** Adds the products with one of the three numbers to the sums of all rows, the first ones setting them. */
  #emitProducts(number: number): void {
    const order = this.#groups[0]!.length;
    const exchanges = this.#laneMasks.length;
    const areHeld = order * exchanges <= this.#coefficients.length;
    const free = new Rotation(this.#coefficients);
    for (let s = 0; s < order; s++) {
      const load = (r: number, m: number, factor: Vector) => {
        this.#loadCoefficient(factor, (r * order + s) * exchanges + m, number);
        return factor;
      };
      const held = areHeld
        ? Array.from({ length: order * exchanges }, (_, i) =>
            load(Math.floor(i / exchanges), i % exchanges, this.#coefficients[i]!),
          )
        : null;
      for (const rows of this.#groups) {
        for (let m = 0; m < exchanges; m++) {
          const operand = this.#emitOperand(number, rows[s]!, m);
          rows.forEach((row, r) => {
            const factor = held?.[r * exchanges + m] ?? load(r, m, free.next());
            this.#emitProduct(number, this.#sums[row]!, factor, operand, s === 0 && m === 0);
          });
        }
      }
    }
  }

  #emitProduct(number: number, sum: Vector, factor: Vector, operand: Vector, isFirst: boolean): void {
    const { target } = this.#code;
    if (number === NUMBER.imaginary) target.fnma(sum, factor, operand);
    else if (number === NUMBER.sum && isFirst) target.float('multiply', sum, factor, operand);
    else target.fma(sum, factor, operand);
  }

  /** What a row is multiplied by with its lanes exchanged; those of one row follow each other. */
  #emitOperand(number: number, row: number, exchange: number): Vector {
    const { target, registers } = this.#code;
    const operand = this.#operand;
    const mask = this.#laneMasks[exchange]!;
    const place = registers.workspace(EXCHANGE_PLACES + row);
    if (number === NUMBER.sum) {
      if (mask === 0) target.float('add', operand, ...registers.parts(row));
      else target.exchange(operand, operand, mask ^ this.#laneMasks[exchange - 1]!, place);
      return operand;
    }
    const part = number === NUMBER.real ? registers.real(row) : registers.imaginary(row);
    if (mask === 0) return part;
    target.exchange(operand, part, mask, place);
    return operand;
  }

  #loadCoefficient(factor: Vector, entry: number, number: number): void {
    const { target, vectorBytes, elementBytes } = this.#code;
    const bytes = this.#hasLanes ? vectorBytes : elementBytes;
    const place = { base: this.#base, offset: (COEFFICIENT_NUMBERS * entry + number) * bytes };
    if (this.#hasLanes) target.load(factor, place);
    else target.splat(factor, place);
  }
}
