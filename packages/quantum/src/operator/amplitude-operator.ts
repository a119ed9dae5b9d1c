/**
 * @file A Pauli sum as it acts on amplitudes. Terms that flip the same qubits share a group: a term (x, z, c) maps |s> to
 * `c i^|x&z| (-1)^|s&z| |s^x>`, so a whole group is one complex number `D[s]` per basis state.
 */
import type { MaskedPauli } from './pauli-sum.ts';

/** A Hermitian operator, ready to act. Lengths are the caller's duty. */
export interface AmplitudeOperator {
  apply(re: Float64Array, im: Float64Array, outRe: Float64Array, outIm: Float64Array): void;
  expectation(re: Float64Array, im: Float64Array): number;
}

/** Terms with the same flips; `phase` is the number of Y modulo 4 worked into `sign` and `imaginary`. */
interface FlipGroup {
  readonly x: number;
  /** Terms with a real factor. */
  readonly real: readonly SignedTerm[];
  /** Terms with an imaginary factor. */
  readonly imaginary: readonly SignedTerm[];
}

interface SignedTerm {
  readonly z: number;
  /** The coefficient times the real sign in `i^|x&z|`. */
  readonly value: number;
}

/** The parity of the set bits of a 32-bit integer: 0 or 1. */
export function parity(bits: number): 0 | 1 {
  let folded = bits ^ (bits >>> 16);
  folded ^= folded >>> 8;
  folded ^= folded >>> 4;
  return ((0x6996 >>> (folded & 15)) & 1) as 0 | 1;
}

/** The number of set bits of a 32-bit integer. */
export function popCount(bits: number): number {
  let count = bits - ((bits >>> 1) & 0x55555555);
  count = (count & 0x33333333) + ((count >>> 2) & 0x33333333);
  return (((count + (count >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

/** Tables of `D` are kept up to this many numbers (32 MiB); beyond, they are worked out anew for each group and call. */
const TABLE_LIMIT = 1 << 22;

/** Prepares a Pauli sum. Tables are filled on first use. */
export function groupTerms(terms: readonly MaskedPauli[], qubitCount: number): AmplitudeOperator {
  const size = 2 ** qubitCount;
  const groups = collectGroups(terms);
  const keepTables = groups.length * size <= TABLE_LIMIT;
  const tables = new Map<readonly SignedTerm[], Float64Array>();
  const scratch = keepTables ? null : new Float64Array(size);
  const tableOf = (signed: readonly SignedTerm[]): Float64Array => {
    const known = tables.get(signed);
    if (known) return known;
    const table = scratch ?? new Float64Array(size);
    fillDiagonal(table, signed);
    if (keepTables) tables.set(signed, table);
    return table;
  };
  return {
    apply(re, im, outRe, outIm) {
      outRe.fill(0);
      outIm.fill(0);
      for (const { x, real, imaginary } of groups) {
        if (real.length > 0) addReal(tableOf(real), x, re, im, outRe, outIm);
        if (imaginary.length > 0) addImaginary(tableOf(imaginary), x, re, im, outRe, outIm);
      }
    },
    expectation(re, im) {
      let sum = 0;
      for (const { x, real, imaginary } of groups) {
        if (real.length > 0) sum += expectReal(tableOf(real), x, re, im);
        if (imaginary.length > 0) sum += expectImaginary(tableOf(imaginary), x, re, im);
      }
      return sum;
    },
  };
}

function collectGroups(terms: readonly MaskedPauli[]): FlipGroup[] {
  const groups = new Map<number, { real: SignedTerm[]; imaginary: SignedTerm[] }>();
  for (const { x, z, coefficient } of terms) {
    let group = groups.get(x);
    if (!group) {
      group = { real: [], imaginary: [] };
      groups.set(x, group);
    }
    const yCount = popCount(x & z) & 3;
    const value = yCount >= 2 ? -coefficient : coefficient;
    (yCount % 2 === 0 ? group.real : group.imaginary).push({ z, value });
  }
  return [...groups].map(([x, group]) => ({ x, ...group }));
}

function fillDiagonal(table: Float64Array, terms: readonly SignedTerm[]): void {
  table.fill(0);
  for (const { z, value } of terms) {
    for (let s = 0; s < table.length; s++) table[s] = table[s]! + (parity(s & z) === 1 ? -value : value);
  }
}

type Arrays = readonly [re: Float64Array, im: Float64Array, outRe: Float64Array, outIm: Float64Array];

function addReal(table: Float64Array, x: number, ...[re, im, outRe, outIm]: Arrays): void {
  for (let s = 0; s < table.length; s++) {
    const t = s ^ x;
    outRe[t] = outRe[t]! + table[s]! * re[s]!;
    outIm[t] = outIm[t]! + table[s]! * im[s]!;
  }
}

function addImaginary(table: Float64Array, x: number, ...[re, im, outRe, outIm]: Arrays): void {
  for (let s = 0; s < table.length; s++) {
    const t = s ^ x;
    outRe[t] = outRe[t]! - table[s]! * im[s]!;
    outIm[t] = outIm[t]! + table[s]! * re[s]!;
  }
}

function expectReal(table: Float64Array, x: number, re: Float64Array, im: Float64Array): number {
  let sum = 0;
  for (let s = 0; s < table.length; s++) {
    const t = s ^ x;
    sum += table[s]! * (re[t]! * re[s]! + im[t]! * im[s]!);
  }
  return sum;
}

function expectImaginary(table: Float64Array, x: number, re: Float64Array, im: Float64Array): number {
  let sum = 0;
  for (let s = 0; s < table.length; s++) {
    const t = s ^ x;
    sum += table[s]! * (im[t]! * re[s]! - re[t]! * im[s]!);
  }
  return sum;
}
