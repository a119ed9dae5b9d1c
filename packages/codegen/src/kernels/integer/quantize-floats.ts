import { ROW_PARAMETER_BYTES } from '../../description/integer-gemm.ts';
import {
  GROUP_DEPTH,
  GROUP_PARAMETER_BYTES,
  QUANTIZE_ROWS_ARGUMENTS,
} from '../../description/quantize-rows.ts';
import { ARGUMENT_BYTES } from '../../host/argument-block.ts';
import type { Target, Vector } from '../../target/target.ts';
import { encodeRowZeroPoint } from './code-form.ts';
import { emitLaneReduction } from './lane-reduction.ts';
import { emitPadding } from './quantize-bytes.ts';
import type { CodeFormat, RowPositions } from './quantize-rows.ts';

const MAGNITUDE_BITS = 0x7fffffff;
const LARGEST_FLOAT32 = (2 - 2 ** -23) * 2 ** 127;
const SMALLEST_NORMAL_FLOAT32 = 2 ** -126;
/** Beyond it, the distance between the ends of a row could overflow. */
const LARGEST_ASYMMETRIC = 2 ** 126;
const LARGEST_SIGNED_CODE = 127;
const LARGEST_CODE = 255;
const CODE_OFFSET = 128;

/** How numbers become codes: divided, clamped, rounded, and moved by an integer. Each is the same in every lane. */
interface CodeScale {
  readonly scale: Vector;
  readonly low: Vector;
  readonly high: Vector;
  /** int32, added to the rounded number; null for 0. */
  readonly offset: Vector | null;
  readonly value: Vector;
}

/** Moves the codes of a scale from 0..255 to where their format has them. */
function emitFormatOffset(
  target: Target<unknown>,
  { offset, value }: { readonly offset: Vector; readonly value: Vector },
  format: CodeFormat,
): void {
  if (format !== 'int8') return;
  target.integerConstant(value, -CODE_OFFSET);
  target.integer('add', offset, offset, value);
}

/** The scale and zero point of the argument block. */
export function emitStaticScale(target: Target<unknown>, format: CodeFormat): CodeScale {
  const [scale, low, high, offset, value] = target.vectors('scale', 5) as [
    Vector,
    Vector,
    Vector,
    Vector,
    Vector,
  ];
  const field = (index: number) => ({ base: target.block, offset: index * ARGUMENT_BYTES });
  target.splat(scale, field(QUANTIZE_ROWS_ARGUMENTS.scale));
  target.splat(value, field(QUANTIZE_ROWS_ARGUMENTS.zeroPoint));
  emitRange(target, { low, high, offset }, value);
  emitFormatOffset(target, { offset, value }, format);
  return { scale, low, high, offset, value };
}

/** From a zero point, a float32 in every lane: the range of numbers around it whose codes are 0..255, and itself as int32. */
function emitRange(
  target: Target<unknown>,
  { low, high, offset }: { readonly low: Vector; readonly high: Vector; readonly offset: Vector },
  zeroPoint: Vector,
): void {
  target.convert('float32-to-int32', offset, zeroPoint);
  target.zero(low);
  target.float('subtract', low, low, zeroPoint);
  target.constant(high, LARGEST_CODE);
  target.float('subtract', high, high, zeroPoint);
}

/** Loads up to a vector of numbers as int32 codes. */
function emitCodeVector(
  target: Target<unknown>,
  row: RowPositions,
  { scale, low, high, offset, value }: CodeScale,
  count: number,
): void {
  target.load(value, { base: row.source, offset: 0 }, count);
  target.float('divide', value, value, scale);
  target.zeroNaN(value, value);
  target.float('max', value, value, low);
  target.float('min', value, value, high);
  target.convert('float32-to-int32', value, value);
  if (offset !== null) target.integer('add', value, value, offset);
}

function storeCodes(target: Target<unknown>, row: RowPositions, value: Vector, count: number): void {
  target.storeNarrow(row.format, value, { base: row.codes, offset: 0 }, count);
  target.advance(row.source, count * 4);
  target.advance(row.codes, count * row.codeBytes);
}

/** Calls `emit` for whole vectors in a loop, then for the rest. */
function eachVector(target: Target<unknown>, depth: number, emit: (count: number) => void): void {
  const { lanes } = target.traits;
  target.loop(Math.floor(depth / lanes), () => emit(lanes));
  if (depth % lanes > 0) emit(depth % lanes);
}

/** Converts a row of numbers to codes, padding included. */
export function emitCodes(target: Target<unknown>, row: RowPositions, scale: CodeScale): void {
  eachVector(target, row.depth, (count) => {
    emitCodeVector(target, row, scale, count);
    storeCodes(target, row, scale.value, count);
  });
  emitPadding(target, row, scale.value);
}

/** `scale = max(min(largest magnitude, largest float32) / 127, smallest normal)` over `depth` numbers; the source stays where it is. */
function emitSymmetricScale(
  target: Target<unknown>,
  { source }: RowPositions,
  depth: number,
  { scale, value, magnitude }: { readonly scale: Vector; readonly value: Vector; readonly magnitude: Vector },
): void {
  target.zero(scale);
  eachVector(target, depth, (count) => {
    target.load(value, { base: source, offset: 0 }, count);
    target.integer('and', value, value, magnitude);
    // The order matters: a NaN gives the first operand.
    target.float('max', scale, scale, value);
    target.advance(source, count * 4);
  });
  target.advance(source, -depth * 4);
  emitLaneReduction(target, (other) => target.float('max', scale, scale, other), scale, value);
  emitBound(target, 'min', scale, LARGEST_FLOAT32, value);
  target.constant(value, LARGEST_SIGNED_CODE);
  target.float('divide', scale, scale, value);
  emitBound(target, 'max', scale, SMALLEST_NORMAL_FLOAT32, value);
}

function emitBound(
  target: Target<unknown>,
  operation: 'min' | 'max',
  vector: Vector,
  bound: number,
  scratch: Vector,
): void {
  target.constant(scratch, bound);
  target.float(operation, vector, vector, scratch);
}

/** The registers of symmetric codes: -127..127, and what is added to them. */
function claimSymmetric(
  target: Target<unknown>,
  codeOffset: number,
): CodeScale & { readonly magnitude: Vector } {
  const [scale, low, high, value, magnitude] = target.vectors('scale', 5) as [
    Vector,
    Vector,
    Vector,
    Vector,
    Vector,
  ];
  const offset = codeOffset === 0 ? null : target.vectors('offset', 1)[0]!;
  target.constant(low, -LARGEST_SIGNED_CODE);
  target.constant(high, LARGEST_SIGNED_CODE);
  target.integerConstant(magnitude, MAGNITUDE_BITS);
  if (offset !== null) target.integerConstant(offset, codeOffset);
  return { scale, low, high, value, magnitude, offset };
}

/** Rows with a scale each, to codes around 128. */
export function emitSymmetricRow(target: Target<unknown>, format: CodeFormat): (row: RowPositions) => void {
  const registers = claimSymmetric(target, format === 'int8' ? 0 : CODE_OFFSET);
  const { scale, value } = registers;
  return (row) => {
    emitSymmetricScale(target, row, row.depth, registers);
    target.store(scale, { base: row.parameters, offset: 0 }, 1);
    target.integerConstant(value, encodeRowZeroPoint(CODE_OFFSET));
    target.store(value, { base: row.parameters, offset: 4 }, 1);
    target.advance(row.parameters, ROW_PARAMETER_BYTES);
    emitCodes(target, row, registers);
  };
}

/** Rows with a scale and zero point each. */
export function emitAsymmetricRow(target: Target<unknown>, format: CodeFormat): (row: RowPositions) => void {
  const [scale, low, high, offset, value] = target.vectors('scale', 5) as [
    Vector,
    Vector,
    Vector,
    Vector,
    Vector,
  ];
  const registers = { scale, low, high, offset, value };
  return (row) => {
    emitAsymmetricScale(target, row, registers);
    target.store(scale, { base: row.parameters, offset: 0 }, 1);
    target.shift('left', 32, value, offset, 23);
    target.integer('add', value, value, offset);
    target.store(value, { base: row.parameters, offset: 4 }, 1);
    target.advance(row.parameters, ROW_PARAMETER_BYTES);
    emitFormatOffset(target, registers, format);
    emitCodes(target, row, registers);
  };
}

function emitAsymmetricScale(
  target: Target<unknown>,
  { source, depth }: RowPositions,
  { scale, low, high, offset, value }: CodeScale & { readonly offset: Vector },
): void {
  target.zero(low);
  target.zero(high);
  eachVector(target, depth, (count) => {
    target.load(value, { base: source, offset: 0 }, count);
    target.float('min', low, low, value);
    target.float('max', high, high, value);
    target.advance(source, count * 4);
  });
  target.advance(source, -depth * 4);
  emitLaneReduction(target, (other) => target.float('min', low, low, other), low, value);
  emitLaneReduction(target, (other) => target.float('max', high, high, other), high, value);
  emitBound(target, 'max', low, -LARGEST_ASYMMETRIC, value);
  emitBound(target, 'min', high, LARGEST_ASYMMETRIC, value);
  target.float('subtract', scale, high, low);
  target.constant(value, LARGEST_CODE);
  target.float('divide', scale, scale, value);
  emitBound(target, 'max', scale, SMALLEST_NORMAL_FLOAT32, value);
  target.zero(value);
  target.float('subtract', value, value, low);
  target.float('divide', value, value, scale);
  // The zero point is an integer before the range is taken from it.
  target.convert('float32-to-int32', offset, value);
  target.convert('int32-to-float32', value, offset);
  emitRange(target, { low, high, offset }, value);
}

/** Rows with a scale for every 32 numbers, to signed codes, with -8 times the sum of each group's codes. */
export function emitGroupRow(target: Target<unknown>): (row: RowPositions) => void {
  const registers = claimSymmetric(target, 0);
  const [sum] = target.vectors('sum of codes', 1) as [Vector];
  const { scale, value } = registers;
  const emitGroup = (row: RowPositions, depth: number) => {
    emitSymmetricScale(target, row, depth, registers);
    target.store(scale, { base: row.parameters, offset: 0 }, 1);
    target.zero(sum);
    eachVector(target, depth, (count) => {
      emitCodeVector(target, row, registers, count);
      target.integer('add', sum, sum, value);
      storeCodes(target, row, value, count);
    });
    emitLaneReduction(target, (other) => target.integer('add', sum, sum, other), sum, value);
    target.shift('left', 32, sum, sum, 3);
    target.zero(value);
    target.integer('subtract', value, value, sum);
    target.store(value, { base: row.parameters, offset: 4 }, 1);
    target.advance(row.parameters, GROUP_PARAMETER_BYTES);
  };
  return (row) => {
    target.loop(Math.floor(row.depth / GROUP_DEPTH), () => emitGroup(row, GROUP_DEPTH));
    if (row.depth % GROUP_DEPTH > 0) emitGroup(row, row.depth % GROUP_DEPTH);
    emitPadding(target, row, value);
  };
}
