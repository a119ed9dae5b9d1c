import type { Target, Vector } from '@qedge/codegen';
import type {
  MultiplyPhases,
  RotateLanes,
  RotatePhase,
  RotateRows,
  Scale,
  SetRows,
  TableReference,
  TableWidth,
} from '../vector-program.ts';
import type { KernelCode } from './kernel-code.ts';
import { Rotation } from './kernel-registers.ts';

// Operations whose numbers fit one register: rotations and the multiplication by phases or by one number.

/** `accumulator -= a * b` where the bit of `row` in `signs` is set, else `+=`. */
function addProduct(
  target: Target<unknown>,
  signs: number,
  row: number,
  accumulator: Vector,
  a: Vector,
  b: Vector,
): void {
  if ((signs >> row) & 1) target.fnma(accumulator, a, b);
  else target.fma(accumulator, a, b);
}

/** Loads an entry of one number, or of one per lane. Returns its register, which fragments know as the first temporary. */
function loadFactor(code: KernelCode, reference: TableReference, width: TableWidth): Vector {
  const { target, registers, tables } = code;
  const [factor] = registers.temporaries as [Vector];
  const place = tables.entry(reference);
  if (width === 'vector') target.load(factor, place);
  else target.splat(factor, place);
  return factor;
}

export function emitSetRows(code: KernelCode, { table }: SetRows): void {
  const { target, registers, rowCount, vectorBytes } = code;
  const { base, offset } = code.tables.entry(table);
  for (let row = 0; row < rowCount; row++) {
    registers.parts(row).forEach((vector, part) => {
      target.load(vector, { base, offset: offset + part * vectorBytes });
    });
  }
}

export function emitRotateRows(code: KernelCode, { axis, position, table, width, signs }: RotateRows): void {
  const { target, registers, rowCount } = code;
  const factor = loadFactor(code, table, width);
  code.fragment(`rotate-rows ${axis} ${position} ${signs}`, () => {
    const free = new Rotation(registers.temporaries.slice(1));
    const bit = 1 << position;
    for (let row = 0; row < rowCount; row++) {
      if (row & bit) continue;
      for (const part of [0, 1] as const) {
        // Parts of the same name are mixed by Y, of different names by X, where a real part always adds and an imaginary one subtracts.
        const other = axis === 'y' ? part : 1 - part;
        const [a, b] = [registers.parts(row)[part], registers.parts(row | bit)[other]!];
        const subtracts = axis === 'y' || part === 1;
        const before = free.next();
        target.copy(before, a);
        addProduct(target, subtracts ? ~signs : signs, row, a, factor, b);
        addProduct(target, axis === 'y' || other === 0 ? signs : ~signs, row | bit, b, factor, before);
      }
    }
  });
}

export function emitRotateLanes(code: KernelCode, { axis, lane, table, signs }: RotateLanes): void {
  const { target, registers, rowCount } = code;
  const factor = loadFactor(code, table, 'vector');
  code.fragment(`rotate-lanes ${axis} ${lane} ${signs}`, () => {
    const free = new Rotation(registers.temporaries.slice(1));
    for (let row = 0; row < rowCount; row++) {
      const parts = registers.parts(row);
      const exchanged = parts.map((vector, part) => {
        const copy = free.next();
        target.exchange(copy, vector, 1 << lane, registers.workspace(2 * row + part));
        return copy;
      });
      parts.forEach((vector, part) => {
        const subtracts = axis === 'x' && part === 1;
        const other = axis === 'y' ? part : 1 - part;
        addProduct(target, subtracts ? ~signs : signs, row, vector, factor, exchanged[other]!);
      });
    }
  });
}

export function emitRotatePhase(code: KernelCode, { table, width, signs }: RotatePhase): void {
  const { target, registers, rowCount } = code;
  const factor = loadFactor(code, table, width);
  code.fragment(`rotate-phase ${signs}`, () => {
    const free = new Rotation(registers.temporaries.slice(1));
    for (let row = 0; row < rowCount; row++) {
      const [real, imaginary] = registers.parts(row);
      const before = free.next();
      target.copy(before, real);
      addProduct(target, signs, row, real, factor, imaginary);
      addProduct(target, ~signs, row, imaginary, factor, before);
    }
  });
}

/** `row *= cosine + i sine`, with one more register. */
export function multiplyRow(
  code: KernelCode,
  row: number,
  cosine: Vector,
  sine: Vector,
  product: Vector,
): void {
  const { target, registers } = code;
  const [real, imaginary] = registers.parts(row);
  target.float('multiply', product, real, sine);
  target.float('multiply', real, real, cosine);
  target.fnma(real, imaginary, sine);
  target.multiplyAdd(imaginary, cosine, product);
}

export function emitMultiplyPhases(code: KernelCode, { table, width, trivialRows }: MultiplyPhases): void {
  const { target, registers, rowCount } = code;
  const base = code.tables.entryAddress(table);
  const bytes = width === 'vector' ? code.vectorBytes : code.elementBytes;
  code.fragment(`multiply-phases ${width} ${trivialRows}`, () => {
    const free = new Rotation(registers.temporaries);
    for (let row = 0; row < rowCount; row++) {
      if ((trivialRows >> row) & 1) continue;
      const [cosine, sine, product] = [free.next(), free.next(), free.next()];
      [cosine, sine].forEach((vector, index) => {
        const place = { base, offset: (2 * row + index) * bytes };
        if (width === 'vector') target.load(vector, place);
        else target.splat(vector, place);
      });
      multiplyRow(code, row, cosine, sine, product);
    }
  });
}

export function emitScale(code: KernelCode, { table }: Scale): void {
  const { target, registers, rowCount } = code;
  const factor = loadFactor(code, table, 'splat');
  for (let row = 0; row < rowCount; row++) {
    for (const vector of registers.parts(row)) target.float('multiply', vector, vector, factor);
  }
}
