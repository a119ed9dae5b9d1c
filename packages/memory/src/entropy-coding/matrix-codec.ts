import { FileFormatError } from '@qedge/core';
import { adaptSlot, freshSlot } from './adaptive-bit.ts';
import { ColumnStatistics, type Neighbours, neighboursOf } from './column-statistics.ts';
import { LineCounts } from './line-counts.ts';
import { LineModel } from './line-model.ts';
import {
  assertLineLength,
  type Lines,
  linesOf,
  listScans,
  type MatrixDescription,
  type Scan,
  TRIAL_CODES,
} from './matrix-scan.ts';
import { RangeCoder } from './range-coder.ts';
import { ValueModel } from './value-model.ts';

const TRANSPOSED = 1;
const HAS_LINE_LENGTH = 2;
const HAS_COUNTS = 4;

/** How a matrix is coded. */
interface MatrixCoding {
  readonly scan: Scan;
  /** Whether the codes of each line that are not the center are counted before it. */
  readonly hasCounts: boolean;
}

interface CodedScan extends MatrixCoding {
  readonly bytes: Uint8Array;
}

/**
 * Codes a row-major matrix. Several scans are tried on (a part of) the matrix and the one that gives the fewest bytes is kept.
 *
 * @param codes `[rows, columns]`, each within the limits.
 * @returns a new array.
 */
export function encodeMatrix(codes: Int8Array | Uint8Array, description: MatrixDescription): Uint8Array {
  if (codes.length === 0) return new Uint8Array();
  let best: CodedScan | null = null;
  const attempt = (scan: Scan, hasCounts: boolean): void => {
    const lines = linesOf(description, scan);
    const count =
      codes.length <= TRIAL_CODES ? lines.count : Math.max(1, Math.floor(TRIAL_CODES / lines.length));
    const bytes = encodeScan(codes, description, { scan, hasCounts }, { ...lines, count });
    if (best === null || bytes.length < best.bytes.length) best = { scan, hasCounts, bytes };
  };
  for (const scan of listScans(codes, description)) attempt(scan, true);
  attempt(best!.scan, false);
  if (codes.length <= TRIAL_CODES) return best!.bytes;
  return encodeScan(codes, description, best!, linesOf(description, best!.scan));
}

/**
 * Reads what {@link encodeMatrix} wrote for the same description. Other bytes give other codes, which the caller is to compare with the
 * limits, or an error; never more work than the codes are.
 *
 * @param codes filled completely.
 * @throws FileFormatError when the bytes name an impossible scan.
 */
export function decodeMatrix(
  payload: Uint8Array,
  description: MatrixDescription,
  codes: Int8Array | Uint8Array,
): void {
  if (codes.length === 0) return;
  const [flags = 0, density = 0, low = 0, high = 0] = payload;
  const hasLineLength = (flags & HAS_LINE_LENGTH) !== 0;
  const scan = { transposed: (flags & TRANSPOSED) !== 0, lineLength: hasLineLength ? low | (high << 8) : 0 };
  if (flags >= 2 * HAS_COUNTS) {
    throw new FileFormatError('Arithmetic codes name an impossible order', {
      expected: `flags below ${2 * HAS_COUNTS}`,
      actual: flags,
    });
  }
  const lines = linesOf(description, scan);
  if (hasLineLength) assertLineLength(scan.lineLength, lines.length);
  const coder = RangeCoder.reader(payload.subarray(hasLineLength ? 4 : 2));
  const coding = { scan, hasCounts: (flags & HAS_COUNTS) !== 0 };
  codeLines(coder, codes, description, coding, lines, density);
}

function encodeScan(
  codes: Int8Array | Uint8Array,
  description: MatrixDescription,
  coding: MatrixCoding,
  lines: Lines,
): Uint8Array {
  const coder = RangeCoder.writer();
  const { center } = description;
  let used = 0;
  for (const code of codes) if (code !== center) used++;
  const density = Math.max(1, Math.min(255, Math.round(Math.sqrt((65_536 * used) / codes.length))));
  codeLines(coder, codes, description, coding, lines, density);
  const { lineLength, transposed } = coding.scan;
  const flags =
    (transposed ? TRANSPOSED : 0) |
    (lineLength > 0 ? HAS_LINE_LENGTH : 0) |
    (coding.hasCounts ? HAS_COUNTS : 0);
  return Uint8Array.from([
    ...[flags, density],
    ...(lineLength > 0 ? [lineLength & 255, lineLength >> 8] : []),
    ...coder.finish(),
  ]);
}

/** Codes the lines of a scan: which columns are empty, then each line after the count of its codes, or after whether it is empty. */
function codeLines(
  coder: RangeCoder,
  codes: Int8Array | Uint8Array,
  { center, lowest, highest }: MatrixDescription,
  { scan, hasCounts }: MatrixCoding,
  { count, length, step, lineStep }: Lines,
  density: number,
): void {
  const neighbours = neighboursOf(scan.lineLength);
  const columns = new ColumnStatistics(length, neighbours);
  const limits = { lowest: lowest - center, highest: highest - center };
  const values = new ValueModel(coder, columns, neighbours, limits);
  codeEmptyColumns(coder, columns, neighbours, (column) =>
    isEmpty(codes, column * step, lineStep, count, center),
  );
  const expected = Math.floor((density * density * columns.occupied) / 65_536);
  const counts = hasCounts ? new LineCounts(coder, expected, columns.occupied) : null;
  const model = new LineModel(coder, columns, neighbours, values, density * density, counts);
  const flags = new Int32Array(2).fill(freshSlot(0x1000));
  const { line } = model;
  const { margin } = neighbours;
  let empty = 0;
  for (let number = 0; number < count; number++) {
    const start = number * lineStep;
    if (!hasCounts) {
      empty = codeFlag(coder, flags, empty, coder.decoding ? 0 : isEmpty(codes, start, step, length, center));
    }
    if (empty === 1) {
      for (let i = 0; i < length && coder.decoding; i++) codes[start + i * step] = center;
      continue;
    }
    for (let i = 0; i < length && !coder.decoding; i++) line[margin + i] = codes[start + i * step]! - center;
    model.codeLine();
    for (let i = 0; i < length && coder.decoding; i++) codes[start + i * step] = line[margin + i]! + center;
  }
}

/** 1 when all codes at a distance from each other are the center, otherwise 0. */
function isEmpty(
  codes: Int8Array | Uint8Array,
  start: number,
  step: number,
  count: number,
  center: number,
): number {
  for (let i = 0; i < count; i++) if (codes[start + i * step] !== center) return 0;
  return 1;
}

/** Columns without any code are told at once, in the context of those beside and above them. */
function codeEmptyColumns(
  coder: RangeCoder,
  columns: ColumnStatistics,
  { up }: Neighbours,
  isEmpty: (column: number) => number,
): void {
  const { empty } = columns;
  const flags = new Int32Array(16).fill(freshSlot(0x8000));
  const at = (column: number): number => (column < 0 ? 1 : empty[column]!);
  for (let column = 0; column < empty.length; column++) {
    const context =
      at(column - 1) | (at(column - up) << 1) | (at(column - up + 1) << 2) | (at(column - 2) << 3);
    empty[column] = codeFlag(coder, flags, context, coder.decoding ? 0 : isEmpty(column));
    columns.occupied += 1 - empty[column]!;
  }
}

function codeFlag(coder: RangeCoder, flags: Int32Array, context: number, flag: number): number {
  const probability = Math.max(64, Math.min(65_472, flags[context]! >>> 16));
  const coded = coder.code(flag, probability);
  adaptSlot(flags, context, coded, 255);
  return coded;
}
