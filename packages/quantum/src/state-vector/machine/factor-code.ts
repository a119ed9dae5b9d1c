import type { MemoryOperand, Vector } from '@qedge/codegen';
import type { MultiplyFactors, TableReference } from '../vector-program.ts';
import type { KernelCode } from './kernel-code.ts';
import { Rotation } from './kernel-registers.ts';
import { multiplyRow } from './rotation-code.ts';

/** Where the product of all factors is put aside: cosines of the rows, then sines. */
const PRODUCT_VECTORS = { cosines: 0, sines: 1 } as const;

/** Registers for one step of the product, the first five temporaries. */
interface ProductRegisters {
  readonly cosine: Vector;
  readonly sine: Vector;
  readonly factorCosine: Vector;
  readonly factorSine: Vector;
  readonly product: Vector;
}

/**
 * Multiplies the factors of all rows side by side, a row per lane, puts the products aside, and multiplies each row by its own. Where
 * a vector has fewer lanes than there are rows, their parts follow each other.
 */
export function emitMultiplyFactors(
  code: KernelCode,
  { factors, selection, trivialRows }: MultiplyFactors,
): void {
  const [cosine, sine, factorCosine, factorSine, product] = code.registers.temporaries as [
    Vector,
    Vector,
    Vector,
    Vector,
    Vector,
  ];
  const registers: ProductRegisters = { cosine, sine, factorCosine, factorSine, product };
  const pieces = Math.max(1, code.rowCount / code.target.traits.lanes);
  factors.forEach((reference, index) => {
    emitFactor(code, reference, registers, pieces, index === 0, index === factors.length - 1);
  });
  if (selection === null) {
    code.fragment(`multiply-factors ${trivialRows}`, () => emitRows(code, trivialRows));
  } else {
    code.target.load(cosine, code.tables.entry(selection));
    code.fragment(`multiply-selected ${trivialRows}`, () => emitSelectedRows(code, trivialRows));
  }
}

/** Multiplies what was gathered so far by one factor; between factors it stays in registers where it fits. */
function emitFactor(
  code: KernelCode,
  reference: TableReference,
  registers: ProductRegisters,
  pieces: number,
  isFirst: boolean,
  isLast: boolean,
): void {
  const { target } = code;
  const { cosine, sine, factorCosine, factorSine, product } = registers;
  const base = code.tables.entryAddress(reference);
  const sines = code.rowCount * code.elementBytes;
  // Not more lanes than rows: V8 packs no loads that overlap.
  const lanes = Math.min(code.rowCount, target.traits.lanes);
  for (let piece = 0; piece < pieces; piece++) {
    const offset = piece * code.vectorBytes;
    const [left, right] = isFirst ? [cosine, sine] : [factorCosine, factorSine];
    target.load(left, { base, offset }, lanes);
    target.load(right, { base, offset: sines + offset }, lanes);
    if (!isFirst) {
      if (pieces > 1) {
        target.load(cosine, productPlace(code, 'cosines', offset), lanes);
        target.load(sine, productPlace(code, 'sines', offset), lanes);
      }
      target.float('multiply', product, cosine, factorSine);
      target.float('multiply', cosine, cosine, factorCosine);
      target.fnma(cosine, sine, factorSine);
      target.multiplyAdd(sine, factorCosine, product);
    }
    if (pieces > 1 || isLast) {
      target.store(cosine, productPlace(code, 'cosines', offset), lanes);
      target.store(sine, productPlace(code, 'sines', offset), lanes);
    }
  }
}

function productPlace(code: KernelCode, which: keyof typeof PRODUCT_VECTORS, bytes: number): MemoryOperand {
  const { base, offset } = code.registers.workspace(PRODUCT_VECTORS[which]);
  return { base, offset: offset + bytes };
}

function emitRows(code: KernelCode, trivialRows: number): void {
  const { target, registers, rowCount } = code;
  const free = new Rotation(registers.temporaries);
  for (let row = 0; row < rowCount; row++) {
    if ((trivialRows >> row) & 1) continue;
    const [cosine, sine, product] = [free.next(), free.next(), free.next()];
    target.splat(cosine, productPlace(code, 'cosines', row * code.elementBytes));
    target.splat(sine, productPlace(code, 'sines', row * code.elementBytes));
    multiplyRow(code, row, cosine, sine, product);
  }
}

/** `row *= 1 + m (cosine + i sine)`; the first temporary holds `m`. */
function emitSelectedRows(code: KernelCode, trivialRows: number): void {
  const { target, registers, rowCount } = code;
  const [selection, ...others] = registers.temporaries as [Vector, ...Vector[]];
  const free = new Rotation(others);
  for (let row = 0; row < rowCount; row++) {
    if ((trivialRows >> row) & 1) continue;
    const [cosine, sine, product] = [free.next(), free.next(), free.next()];
    const [real, imaginary] = registers.parts(row);
    target.splat(cosine, productPlace(code, 'cosines', row * code.elementBytes));
    target.splat(sine, productPlace(code, 'sines', row * code.elementBytes));
    target.float('multiply', cosine, cosine, selection);
    target.float('multiply', sine, sine, selection);
    target.float('multiply', product, real, sine);
    target.fma(real, real, cosine);
    target.fnma(real, imaginary, sine);
    target.fma(imaginary, imaginary, cosine);
    target.float('add', imaginary, imaginary, product);
  }
}
