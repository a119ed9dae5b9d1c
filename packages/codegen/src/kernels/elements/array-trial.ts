import { Random } from '@qedge/core';
import { ARGUMENT_BYTES, setArgument, setFloatArgument } from '../../host/argument-block.ts';
import { type KernelMemory, MEMORY_ALIGNMENT } from '../../host/kernel-host.ts';
import type { KernelTrial } from '../kernel-family.ts';
import { drawnLength, fillBytes, fillConstant, fillUniform, repeatFirst } from './fill-operands.ts';

/** An operand that the kernel reads. */
export interface TrialOperand {
  readonly argument: number;
  readonly content: ArrayBufferView;
  /** Of what the argument points to, from the start of the content; default 0. */
  readonly byteOffset?: number;
}

/** A number in the argument block: a float32, or an integer of 32 bits. */
export interface TrialScalar {
  readonly argument: number;
  readonly type: 'float32' | 'int32';
  readonly value: number;
}

/** What an element of the result must be: `value` up to `tolerance`; with tolerance 0 the sign of zero counts too. */
export interface ExpectedElement {
  readonly value: number;
  readonly tolerance: number;
}

/** Where results lie, `[rows, width]` with rows `stride` elements apart, and what they must be. */
export interface TrialResult {
  readonly argument: number;
  readonly rows: number;
  readonly width: number;
  readonly stride: number;
  /** Where a row starts, in elements; ascending. Default: `row * stride`. */
  rowStart?(row: number): number;
  readonly elementBytes: number;
  read(view: DataView, byteOffset: number): number;
  /** How many numbers each element is made of, where they are many. */
  readonly terms?: number;
  /** Null: anything is right. */
  expectRow(row: number): (column: number) => ExpectedElement | null;
}

/** A kernel from arrays to one array. */
export interface ArrayTrial {
  readonly argumentCount: number;
  readonly operands: readonly TrialOperand[];
  readonly scalars: readonly TrialScalar[];
  readonly result: TrialResult;
}

const GUARD_BYTES = 128;
/** Each byte of a result before the kernel runs, and of what surrounds it. */
export const GUARD = 0xfe;
/** Surrounds operands: a huge float32, the largest int8: what is read outside shows in the result. */
const OUTSIDE = 0x7f;
/** With `sample`: this many at each end, and as many anywhere. */
const SAMPLED_COLUMNS = 20;
const SAMPLED_ROWS = 2;
/** With so many terms in an element, fewer are computed. */
const MANY_TERMS = 2048;
const SAMPLED_LONG_COLUMNS = 6;

/** All indices below `count`, or those of both ends and a few others. */
function chooseIndices(count: number, effort: 'all' | 'sample', each: number, random: Random): number[] {
  if (effort === 'all' || count <= 3 * each) return Array.from({ length: count }, (_, i) => i);
  return Array.from({ length: each }, (_, i) => [i, random.integer(count), count - 1 - i]).flat();
}

/** True for a value within its tolerance. */
export function isAsExpected(actual: number, { value, tolerance }: ExpectedElement): boolean {
  return Object.is(actual, value) || (tolerance > 0 && Math.abs(actual - value) <= tolerance);
}

/** The first element of a row. */
function startOf({ stride, rowStart = (at) => at * stride }: TrialResult, row: number): number {
  return rowStart(row);
}

/** Byte ranges: guard, result, guard, block, operands. */
function layOut({ argumentCount, operands, result }: ArrayTrial) {
  let top = MEMORY_ALIGNMENT;
  const place = (byteLength: number) => {
    const start = Math.ceil((top + GUARD_BYTES) / MEMORY_ALIGNMENT) * MEMORY_ALIGNMENT;
    top = start + byteLength + GUARD_BYTES;
    return start;
  };
  const resultBytes = (startOf(result, result.rows - 1) + result.width) * result.elementBytes;
  return {
    resultStart: place(resultBytes),
    resultBytes,
    block: place(argumentCount * ARGUMENT_BYTES),
    operandStarts: operands.map(({ content }) => place(content.byteLength)),
    byteLength: top,
  };
}

/** Lays out a trial, fills it, and compares. */
export function arrayTrial(trial: ArrayTrial, effort: 'all' | 'sample', seed: number): KernelTrial {
  const { operands, scalars, result } = trial;
  const { resultStart, resultBytes, block, operandStarts, byteLength } = layOut(trial);
  return {
    byteLength,
    prepare({ buffer, byteOffset, address }: KernelMemory): number {
      const bytes = new Uint8Array(buffer, byteOffset, byteLength);
      fillConstant(bytes.subarray(resultStart - GUARD_BYTES, resultStart + resultBytes + GUARD_BYTES), GUARD);
      const view = new DataView(buffer, byteOffset, byteLength);
      setArgument(view, block, result.argument, address + resultStart);
      for (const [i, { argument, content, byteOffset: first = 0 }] of operands.entries()) {
        const start = operandStarts[i]!;
        const end = start + content.byteLength;
        bytes.fill(OUTSIDE, start - GUARD_BYTES, start);
        bytes.fill(OUTSIDE, end, end + GUARD_BYTES);
        bytes.set(new Uint8Array(content.buffer, content.byteOffset, content.byteLength), start);
        setArgument(view, block, argument, address + start + first);
      }
      for (const { argument, type, value } of scalars) {
        if (type === 'float32') setFloatArgument(view, block, argument, value);
        else view.setInt32(block + argument * ARGUMENT_BYTES, value, true);
      }
      return address + block;
    },
    findError({ buffer, byteOffset }: KernelMemory): string | null {
      const random = new Random(seed);
      const view = new DataView(buffer, byteOffset, byteLength);
      const rows = chooseIndices(result.rows, effort, SAMPLED_ROWS, random);
      for (const row of rows) {
        const error = findRowError(view, resultStart, result, row, effort, random);
        if (error !== null) return error;
      }
      for (let i = 1; i <= GUARD_BYTES; i++) {
        if (view.getUint8(resultStart - i) !== GUARD) return `a write ${i} bytes before the result`;
        if (view.getUint8(resultStart + resultBytes + i - 1) !== GUARD)
          return `a write ${i} bytes after the result`;
      }
      return null;
    },
  };
}

function findRowError(
  view: DataView,
  start: number,
  result: TrialResult,
  row: number,
  effort: 'all' | 'sample',
  random: Random,
): string | null {
  const { elementBytes, width, terms = 1 } = result;
  const rowStart = start + startOf(result, row) * elementBytes;
  const expect = result.expectRow(row);
  const each = terms < MANY_TERMS ? SAMPLED_COLUMNS : SAMPLED_LONG_COLUMNS;
  for (const column of chooseIndices(width, effort, each, random)) {
    const expected = expect(column);
    const actual = result.read(view, rowStart + column * elementBytes);
    if (expected === null || isAsExpected(actual, expected)) continue;
    return `row ${row}, column ${column}: expected ${expected.value} +- ${expected.tolerance}, got ${actual}`;
  }
  const gap = row === result.rows - 1 ? 0 : startOf(result, row + 1) - startOf(result, row) - width;
  const gapBytes = gap * elementBytes;
  for (let i = 0; i < Math.min(gapBytes, GUARD_BYTES); i++) {
    if (view.getUint8(rowStart + width * elementBytes + i) !== GUARD) return `a write after row ${row}`;
  }
  return null;
}

/** Reads a float32. */
export function readFloat32(view: DataView, byteOffset: number): number {
  return view.getFloat32(byteOffset, true);
}

/** Of special values. */
const MEAN_GAP = 16;
const SPECIAL_VALUES = [0, -0, Infinity, -Infinity, Number.NaN, 1e-40, -1e-40, 3e38, -3e38, 1, -1, 2 ** -126];

/** Random float32 numbers from -8 to 8, with `specials` one in 16 that is a zero, infinite, NaN, subnormal, huge or 1, or one of those given. */
export function drawFloats(
  random: Random,
  length: number,
  specials: boolean,
  specialValues: readonly number[] = SPECIAL_VALUES,
): Float32Array {
  const values = fillUniform(new Float32Array(length), random, 8);
  if (!specials) return values;
  const drawn = drawnLength(length);
  for (let i = random.integer(MEAN_GAP); i < drawn; i += 1 + random.integer(2 * MEAN_GAP - 1)) {
    values[i] = specialValues[random.integer(specialValues.length)]!;
  }
  repeatFirst(values, drawn);
  return values;
}

/** Random bytes. */
export function drawBytes(random: Random, length: number): Uint8Array {
  return fillBytes(new Uint8Array(length), random);
}

/** The distance of float32 numbers of the magnitude of `value`: 2^-23 of the power of 2 below it, or 2^-149. */
export function unitInLastPlace(value: number): number {
  const magnitude = Math.abs(value);
  if (magnitude < 2 ** -126) return 2 ** -149;
  const exponent = Math.floor(Math.log2(magnitude));
  return 2 ** (2 ** exponent > magnitude ? exponent - 24 : exponent - 23);
}
