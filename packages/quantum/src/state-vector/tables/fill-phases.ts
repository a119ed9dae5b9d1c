import type { LoweredCircuit } from '../lowering/lowered-circuit.ts';
import type { PhaseFill, SelectedFill, TableDiagonal, TableTerm } from '../planner/table-plan.ts';
import { BitProduct } from './bit-product.ts';
import type { OperationValues } from './operation-values.ts';

/** Complex numbers under construction, for the largest table of a plan. */
export interface PhaseScratch {
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
  /** Those of the inner bits alone. */
  readonly innerReal: Float64Array;
  readonly innerImaginary: Float64Array;
  /** What one bit multiplies with, where it is 0 and where it is 1. */
  readonly clear: BitProduct;
  readonly set: BitProduct;
}

export function createPhaseScratch(fills: readonly PhaseFill[]): PhaseScratch {
  let bits = 0;
  for (const fill of fills) bits = Math.max(bits, fill.localWires.length);
  const size = 2 ** bits;
  return {
    real: new Float64Array(size),
    imaginary: new Float64Array(size),
    innerReal: new Float64Array(size),
    innerImaginary: new Float64Array(size),
    clear: new BitProduct(bits),
    set: new BitProduct(bits),
  };
}

/** True where no phase joins the inner bits with the others, so that a table is a product of two smaller ones. */
export function isSeparable({ terms, innerBits, diagonals }: PhaseFill): boolean {
  if (innerBits === 0 || innerBits === terms.length || diagonals.length > 0) return false;
  return terms
    .slice(innerBits)
    .every((own) => own.every(({ localMask }) => localMask % 2 ** innerBits === 0));
}

/**
 * Builds a table by doubling: for each local bit, the half where it is set is the other half times its phases.
 *
 * @param separable what {@link isSeparable} says.
 */
export function fillPhases(
  fill: PhaseFill,
  separable: boolean,
  values: OperationValues,
  scale: number,
  scratch: PhaseScratch,
  lowered: LoweredCircuit,
  tables: Float32Array | Float64Array,
): void {
  const { real, imaginary, innerReal, innerImaginary } = scratch;
  const bits = fill.terms.length;
  if (!separable) {
    doubleBits(fill, 0, bits, values, scale, scratch);
    for (const diagonal of fill.diagonals) multiplyDiagonal(scratch, bits, diagonal, values, lowered);
    writeTable(fill, real, imaginary, tables);
    return;
  }
  const { innerBits } = fill;
  doubleBits(fill, 0, innerBits, values, 1, scratch);
  for (let i = 0; i < 1 << innerBits; i++) {
    innerReal[i] = real[i]!;
    innerImaginary[i] = imaginary[i]!;
  }
  doubleBits(fill, innerBits, bits, values, scale, scratch);
  writeProducts(fill, scratch, tables);
}

/** The phases of local bits `first` to `end - 1`, which must be on none below, times a number. */
function doubleBits(
  { terms, localWires }: PhaseFill,
  first: number,
  end: number,
  values: OperationValues,
  scale: number,
  scratch: PhaseScratch,
): void {
  const { real, imaginary } = scratch;
  real[0] = scale;
  imaginary[0] = 0;
  for (let bit = first; bit < end; bit++) {
    const own = terms[bit]!;
    if (own.length === 0) {
      const size = 1 << (bit - first);
      real.copyWithin(size, 0, size);
      imaginary.copyWithin(size, 0, size);
    } else if (own.length === 1 && own[0]!.localMask === 1 << bit && own[0]!.kind === 'phase') {
      const { operation } = own[0]!;
      doubleBySingle(scratch, bit - first, values.real[operation]!, values.imaginary[operation]!);
    } else {
      doubleByTerms(scratch, bit, first, own, localWires, values);
    }
  }
}

function doubleBySingle(scratch: PhaseScratch, bit: number, c: number, s: number): void {
  const { real, imaginary } = scratch;
  const size = 1 << bit;
  for (let i = 0; i < size; i++) {
    const x = real[i]!;
    const y = imaginary[i]!;
    real[size + i] = x * c - y * s;
    imaginary[size + i] = x * s + y * c;
  }
}

/**
 * What terms multiply entries with, as functions of the bits from `first` to below `bit`: one where `bit` is 0, one where it is 1. Terms on one more bit at
 * most are products over bits, which doubling builds; the others follow one by one.
 */
function doubleByTerms(
  scratch: PhaseScratch,
  bit: number,
  first: number,
  terms: readonly TableTerm[],
  localWires: readonly number[],
  values: OperationValues,
): void {
  const top = 1 << (bit - first);
  let others = 0;
  for (const term of terms) others |= term.localMask >> first;
  others &= top - 1;
  const bits = 32 - Math.clz32(others);
  const { clear, set } = scratch;
  clear.begin(bits);
  set.begin(bits);
  for (const { operation, localMask, kind } of terms) {
    const low = (localMask >> first) & (top - 1);
    if ((low & (low - 1)) !== 0) continue;
    const c = values.real[operation]!;
    const s = values.imaginary[operation]!;
    if (kind === 'parity') {
      if (low === 0) {
        clear.multiply(c, -s);
        set.multiply(c, s);
      } else {
        clear.multiplyBit(low, c, -s, c, s);
        set.multiplyBit(low, c, s, c, -s);
      }
      continue;
    }
    const flips = localFlips(values.flips[operation]!, localWires) >> first;
    const half = (flips & top) === 0 ? set : clear;
    if (low === 0) half.multiply(c, s);
    else if ((flips & low) === 0) half.multiplyBit(low, 1, 0, c, s);
    else half.multiplyBit(low, c, s, 1, 0);
  }
  clear.build();
  set.build();
  for (const { operation, localMask, kind } of terms) {
    const low = (localMask >> first) & (top - 1);
    if ((low & (low - 1)) === 0) continue;
    const c = values.real[operation]!;
    const s = values.imaginary[operation]!;
    if (kind === 'parity') {
      multiplyParity(clear.real, clear.imaginary, 1 << bits, low, c, -s);
      multiplyParity(set.real, set.imaginary, 1 << bits, low, c, s);
      clear.isOne = set.isOne = false;
      continue;
    }
    const flips = localFlips(values.flips[operation]!, localWires) >> first;
    const half = (flips & top) === 0 ? set : clear;
    multiplyWhere(half.real, half.imaginary, 1 << bits, low, low & ~flips, c, s);
    half.isOne = false;
  }
  multiplyHalves(scratch, top, (1 << bits) - 1);
}

/** The upper half becomes the lower one times one function, then the lower one itself times the other. */
function multiplyHalves({ real, imaginary, clear, set }: PhaseScratch, top: number, mask: number): void {
  const { real: setReal, imaginary: setImaginary } = set;
  for (let i = 0; i < top; i++) {
    const x = real[i]!;
    const y = imaginary[i]!;
    const j = i & mask;
    real[top + i] = x * setReal[j]! - y * setImaginary[j]!;
    imaginary[top + i] = x * setImaginary[j]! + y * setReal[j]!;
  }
  if (clear.isOne) return;
  const { real: clearReal, imaginary: clearImaginary } = clear;
  for (let i = 0; i < top; i++) {
    const x = real[i]!;
    const y = imaginary[i]!;
    const j = i & mask;
    real[i] = x * clearReal[j]! - y * clearImaginary[j]!;
    imaginary[i] = x * clearImaginary[j]! + y * clearReal[j]!;
  }
}

function localFlips(flips: number, localWires: readonly number[]): number {
  if (flips === 0) return 0;
  let local = 0;
  for (let j = 0; j < localWires.length; j++) {
    const wire = localWires[j]!;
    if (wire >= 0) local |= ((flips >>> wire) & 1) << j;
  }
  return local;
}

/** Multiplies the entries whose bits of `mask` are `wanted`. */
function multiplyWhere(
  real: Float64Array,
  imaginary: Float64Array,
  size: number,
  mask: number,
  wanted: number,
  c: number,
  s: number,
): void {
  for (let rest = 0; rest < size; rest = ((rest | mask) + 1) & ~mask) {
    const i = rest | wanted;
    const x = real[i]!;
    const y = imaginary[i]!;
    real[i] = x * c - y * s;
    imaginary[i] = x * s + y * c;
  }
}

/** Multiplies with `c + i s` where the bits of `mask` have even parity, with the conjugate elsewhere. */
function multiplyParity(
  real: Float64Array,
  imaginary: Float64Array,
  size: number,
  mask: number,
  c: number,
  s: number,
): void {
  for (let i = 0; i < size; i++) {
    let odd = 0;
    for (let bits = i & mask; bits !== 0; bits &= bits - 1) odd ^= 1;
    const t = odd === 1 ? -s : s;
    const x = real[i]!;
    const y = imaginary[i]!;
    real[i] = x * c - y * t;
    imaginary[i] = x * t + y * c;
  }
}

function multiplyDiagonal(
  scratch: PhaseScratch,
  bits: number,
  diagonal: TableDiagonal,
  values: OperationValues,
  lowered: LoweredCircuit,
): void {
  const { real, imaginary } = scratch;
  const { positions, wires, operation } = diagonal;
  const phases = lowered.constants[values.places[operation]!]!;
  const cosines = phases.map(Math.cos);
  const sines = phases.map(Math.sin);
  const frame = values.flips[operation]!;
  let flips = 0;
  for (let i = 0; i < wires.length; i++) flips |= ((frame >>> wires[i]!) & 1) << i;
  for (let entry = 0; entry < 2 ** bits; entry++) {
    let index = 0;
    for (let i = 0; i < positions.length; i++) index |= ((entry >>> positions[i]!) & 1) << i;
    index ^= flips;
    const x = real[entry]!;
    const y = imaginary[entry]!;
    real[entry] = x * cosines[index]! - y * sines[index]!;
    imaginary[entry] = x * sines[index]! + y * cosines[index]!;
  }
}

function writeTable(
  fill: PhaseFill,
  real: Float64Array,
  imaginary: Float64Array,
  tables: Float32Array | Float64Array,
): void {
  const inner = 1 << fill.innerBits;
  const size = 2 ** fill.terms.length;
  let to = fill.start;
  for (let from = 0; from < size; from += inner, to += 2 * inner) {
    for (let i = 0; i < inner; i++) {
      tables[to + i] = real[from + i]!;
      tables[to + inner + i] = imaginary[from + i]!;
    }
  }
}

/** Writes every combination of an inner with another number, as {@link writeTable}. */
function writeProducts(
  fill: PhaseFill,
  { real, imaginary, innerReal, innerImaginary }: PhaseScratch,
  tables: Float32Array | Float64Array,
): void {
  const inner = 1 << fill.innerBits;
  const outer = 2 ** (fill.terms.length - fill.innerBits);
  let to = fill.start;
  for (let from = 0; from < outer; from++, to += 2 * inner) {
    const c = real[from]!;
    const s = imaginary[from]!;
    for (let i = 0; i < inner; i++) {
      const x = innerReal[i]!;
      const y = innerImaginary[i]!;
      tables[to + i] = x * c - y * s;
      tables[to + inner + i] = x * s + y * c;
    }
  }
}

/** The first factor holds `e^(i angle) - 1` where its bits select, the others 1, all 0 elsewhere. */
export function fillSelected(
  fill: SelectedFill,
  values: OperationValues,
  tables: Float32Array | Float64Array,
): void {
  const { operation, factors, laneWires, selectionStart } = fill;
  const flips = values.flips[operation]!;
  factors.forEach(({ start, rowWires, outerWires }, index) => {
    const rows = 1 << rowWires.length;
    const c = index === 0 ? values.real[operation]! - 1 : 1;
    const s = index === 0 ? values.imaginary[operation]! : 0;
    for (let entry = 0; entry < 1 << outerWires.length; entry++) {
      const selected = isSelected(entry, outerWires, flips);
      for (let row = 0; row < rows; row++) {
        const hit = selected && isSelected(row, rowWires, flips);
        tables[start + 2 * rows * entry + row] = hit ? c : 0;
        tables[start + 2 * rows * entry + rows + row] = hit ? s : 0;
      }
    }
  });
  for (let lane = 0; lane < 1 << laneWires.length; lane++) {
    tables[selectionStart + lane] = isSelected(lane, laneWires, flips) ? 1 : 0;
  }
}

/** True where every bit that stands for a wire is 1 after flips. */
function isSelected(bits: number, wires: readonly number[], flips: number): boolean {
  for (let i = 0; i < wires.length; i++) {
    const wire = wires[i]!;
    if (wire >= 0 && (((bits >>> i) ^ (flips >>> wire)) & 1) === 0) return false;
  }
  return true;
}
