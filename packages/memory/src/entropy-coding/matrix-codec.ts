import { FileFormatError } from '@qedge/core';
import { MatrixModel } from './code-matrix.ts';
import { RangeCoder } from './range-coder.ts';

/** What writer and reader know of a matrix of integer codes. */
export interface MatrixDescription {
  readonly rows: number;
  readonly columns: number;
  /** Inclusive limits of the codes. */
  readonly lowest: number;
  readonly highest: number;
  /** The code that stands for 0; others are coded by their distance from it. */
  readonly center: number;
}

/** In which order the codes are visited, and where their neighbours are. The payload's first bytes tell it. */
interface Scan {
  /** Line by line of the transposed matrix: by output instead of by input. */
  readonly transposed: boolean;
  /** Codes of a line that are this far apart are neighbours too: pixels above each other in an image. 0: none are. */
  readonly lineLength: number;
}

const TRANSPOSED = 1;
const HAS_LINES = 2;

/**
 * Codes a row-major matrix. Several scans are tried on (a part of) the matrix and the one that gives the fewest bytes is kept.
 *
 * @param codes `[rows, columns]`, each within the limits.
 * @returns a new array.
 */
export function encodeMatrix(codes: Int8Array | Uint8Array, description: MatrixDescription): Uint8Array {
  if (codes.length === 0) return new Uint8Array();
  let best: Uint8Array | null = null;
  for (const scan of listScans(codes, description)) {
    const coded = encodeScan(codes, description, scan);
    if (best === null || coded.length < best.length) best = coded;
  }
  return best!;
}

/**
 * Reads what {@link encodeMatrix} wrote for the same description. Other bytes give codes within the limits, or an error.
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
  const flags = payload[0] ?? 0;
  const hasLines = (flags & HAS_LINES) !== 0;
  const lineLength = hasLines ? (payload[2] ?? 0) | ((payload[3] ?? 0) << 8) : 0;
  const scan = { transposed: (flags & TRANSPOSED) !== 0, lineLength };
  if (flags > 3 || (hasLines && !isLineLength(lineLength, lineOf(description, scan).length))) {
    throw new FileFormatError('Arithmetic codes name an impossible order', {
      expected: 'flags 0..3 and lines within the matrix',
      actual: [flags, lineLength],
    });
  }
  const coder = RangeCoder.reader(payload.subarray(hasLines ? 4 : 2));
  codeScan(coder, codes, description, scan, payload[1] ?? 0);
}

function isLineLength(lineLength: number, columns: number): boolean {
  return lineLength >= 4 && lineLength < columns;
}

function listScans(codes: Int8Array | Uint8Array, description: MatrixDescription): Scan[] {
  const scans: Scan[] = [];
  for (const transposed of [true, false]) {
    scans.push({ transposed, lineLength: 0 });
    const { length } = lineOf(description, { transposed });
    const side = Math.round(Math.sqrt(length));
    if (side * side === length && isLineLength(side, length)) scans.push({ transposed, lineLength: side });
  }
  void codes;
  return scans;
}

/** How many lines a scan has, of how many codes, and how far the codes are apart. */
function lineOf({ rows, columns }: MatrixDescription, { transposed }: Pick<Scan, 'transposed'>) {
  return transposed
    ? { count: columns, length: rows, step: columns, lineStep: 1 }
    : { count: rows, length: columns, step: 1, lineStep: columns };
}

function encodeScan(codes: Int8Array | Uint8Array, description: MatrixDescription, scan: Scan): Uint8Array {
  const coder = RangeCoder.writer();
  let used = 0;
  for (const code of codes) if (code !== description.center) used++;
  const density = Math.max(1, Math.min(255, Math.round(Math.sqrt((65_536 * used) / codes.length))));
  codeScan(coder, codes, description, scan, density);
  const flags = (scan.transposed ? TRANSPOSED : 0) | (scan.lineLength > 0 ? HAS_LINES : 0);
  const line = scan.lineLength > 0 ? [scan.lineLength & 255, scan.lineLength >> 8] : [];
  const body = coder.finish();
  const head = [flags, density, ...line];
  const bytes = new Uint8Array(head.length + body.length);
  bytes.set(head);
  // Not spread into a call: bodies of large matrices have more bytes than a call takes arguments.
  bytes.set(body, head.length);
  return bytes;
}

function codeScan(
  coder: RangeCoder,
  codes: Int8Array | Uint8Array,
  description: MatrixDescription,
  scan: Scan,
  density: number,
): void {
  const { count, length, step, lineStep } = lineOf(description, scan);
  const { center } = description;
  const model = new MatrixModel(
    coder,
    {
      rows: count,
      columns: length,
      lineLength: scan.lineLength,
      lowest: description.lowest - center,
      highest: description.highest - center,
    },
    Math.max(64, density * density),
  );
  for (let c = 0; c < length; c++) {
    let any = 0;
    for (let r = 0; r < count && !coder.decoding && !any; r++)
      if (codes[r * lineStep + c * step] !== center) any = 1;
    model.dead[c] = coder.code(any ? 0 : 1, 16_000);
  }
  model.begin();
  let empty = 0;
  for (let r = 0; r < count; r++) {
    const start = r * lineStep;
    let any = 0;
    for (let c = 0; c < length && !coder.decoding && !any; c++)
      if (codes[start + c * step] !== center) any = 1;
    empty = coder.code(any ? 0 : 1, empty ? 60_000 : 2000);
    if (empty) {
      for (let c = 0; c < length; c++) codes[start + c * step] = center;
      continue;
    }
    for (let c = 0; c < length && !coder.decoding; c++)
      model.row[model.pad + c] = codes[start + c * step]! - center;
    model.codeRow();
    for (let c = 0; c < length && coder.decoding; c++)
      codes[start + c * step] = model.row[model.pad + c]! + center;
  }
}
