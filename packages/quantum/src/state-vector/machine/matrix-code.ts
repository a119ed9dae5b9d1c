import type { Pointer, Vector } from '@qedge/codegen';
import type { MultiplyMatrix } from '../vector-program.ts';
import type { KernelCode } from './kernel-code.ts';
import { rowOffsets } from './state-addressing.ts';

/** Registers of a product: a coefficient, an operand with exchanged lanes, and as many results as fit. */
interface MatrixRegisters {
  readonly coefficient: readonly [Vector, Vector];
  readonly exchanged: readonly [Vector, Vector];
  readonly results: readonly (readonly [Vector, Vector])[];
}

/** Which rows and lanes a matrix mixes. */
interface MatrixShape {
  /** Rows that differ in the matrix's positions only, for one choice of the other positions. */
  readonly groups: readonly (readonly number[])[];
  /** Which lanes are added: all sums of the masks of the matrix's lanes. */
  readonly laneMasks: readonly number[];
}

export function emitMultiplyMatrix(code: KernelCode, { positions, lanes, table }: MultiplyMatrix): void {
  const base = code.tables.entryAddress(table);
  code.fragment(`multiply-matrix ${positions} ${lanes}`, () => {
    const within = rowOffsets(positions);
    const used = within.at(-1)!;
    const others = Array.from({ length: code.rowCount }, (_, row) => row).filter((row) => (row & used) === 0);
    const groups = others.map((row) => within.map((offset) => row + offset));
    const shape = { groups, laneMasks: rowOffsets(lanes) };
    const registers = matrixRegisters(code, lanes.length > 0, within.length);
    for (const rows of groups) emitGroup(code, base, shape, rows, registers);
  });
}

function matrixRegisters(code: KernelCode, hasLanes: boolean, order: number): MatrixRegisters {
  const [first, second, ...rest] = code.registers.temporaries as [Vector, Vector, ...Vector[]];
  const free = hasLanes ? rest.slice(2) : rest;
  const results: (readonly [Vector, Vector])[] = [];
  for (let i = 0; i + 1 < free.length && results.length < order; i += 2)
    results.push([free[i]!, free[i + 1]!]);
  return { coefficient: [first, second], exchanged: [rest[0]!, rest[1]!], results };
}

/**
 * `result_r = sum of c[r, s, m] exchange(row_s, m)` for the rows of one group. Results that do not fit the registers beside their operands
 * are put aside until all are known.
 */
function emitGroup(
  code: KernelCode,
  base: Pointer,
  shape: MatrixShape,
  rows: readonly number[],
  matrix: MatrixRegisters,
): void {
  const { target, registers } = code;
  const batch = matrix.results.length;
  const fits = batch === rows.length;
  for (let start = 0; start < rows.length; start += batch) {
    const count = Math.min(batch, rows.length - start);
    emitSums(code, base, shape, rows, matrix, start, count);
    if (fits) continue;
    matrix.results.slice(0, count).forEach((parts, i) => {
      parts.forEach((vector, part) => {
        target.store(vector, registers.workspace(2 * (start + i) + part));
      });
    });
  }
  rows.forEach((row, i) => {
    registers.parts(row).forEach((vector, part) => {
      if (fits) target.copy(vector, matrix.results[i]![part as 0 | 1]);
      else target.load(vector, registers.workspace(2 * i + part));
    });
  });
}

/** Results `start` to `start + count - 1`. */
function emitSums(
  code: KernelCode,
  base: Pointer,
  { laneMasks }: MatrixShape,
  rows: readonly number[],
  matrix: MatrixRegisters,
  start: number,
  count: number,
): void {
  const { target, registers } = code;
  const hasLanes = laneMasks.length > 1;
  const bytes = hasLanes ? code.vectorBytes : code.elementBytes;
  rows.forEach((row, s) => {
    laneMasks.forEach((mask, m) => {
      const operand = mask === 0 ? registers.parts(row) : matrix.exchanged;
      if (mask !== 0) {
        registers.parts(row).forEach((vector, part) => {
          // Behind what results may occupy.
          target.exchange(operand[part as 0 | 1], vector, mask, registers.workspace(16 + 2 * s + part));
        });
      }
      for (let i = 0; i < count; i++) {
        const entry = (((start + i) * rows.length + s) * laneMasks.length + m) * 2;
        matrix.coefficient.forEach((vector, part) => {
          const place = { base, offset: (entry + part) * bytes };
          if (hasLanes) target.load(vector, place);
          else target.splat(vector, place);
        });
        addComplexProduct(code, matrix.results[i]!, matrix.coefficient, operand, s === 0 && m === 0);
      }
    });
  });
}

function addComplexProduct(
  { target }: KernelCode,
  [real, imaginary]: readonly [Vector, Vector],
  [a, b]: readonly [Vector, Vector],
  [x, y]: readonly [Vector, Vector],
  isFirst: boolean,
): void {
  if (isFirst) {
    target.float('multiply', real, a, x);
    target.float('multiply', imaginary, a, y);
  } else {
    target.fma(real, a, x);
    target.fma(imaginary, a, y);
  }
  target.fnma(real, b, y);
  target.fma(imaginary, b, x);
}
