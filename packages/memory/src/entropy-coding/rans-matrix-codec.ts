import { FileFormatError } from '@qedge/core';
import { leastMagnitudeOf, openBitsOf } from './code-tokens.ts';
import {
  type ContextChoice,
  chooseContexts,
  levelTable,
  signedToken,
  symbolCountOf,
} from './context-choice.ts';
import { decodeLevels, encodeLevels, frequenciesOf, levelsOf } from './frequency-tables.ts';
import { assertLineLength, type Lines, linesOf, type MatrixDescription } from './matrix-scan.ts';
import { NeighbourContexts, SIGN_CONTEXTS } from './neighbour-contexts.ts';
import { RansReader, RansWriter, SymbolTables } from './rans-coder.ts';

type Codes = Int8Array | Uint8Array;

/** Bits of the first byte; the upper half is the number of levels less one. */
const TRANSPOSED = 1;
const HAS_LINE_LENGTH = 2;
const SIGNS = 4;
const UNUSED = 8;
/** Flags, weights, mean, and the length of the tables. */
const LEAST_HEADER = 6;

/** A payload's settings and where its parts are. */
interface RansHeader {
  readonly choice: ContextChoice;
  readonly tables: Uint8Array;
  readonly codes: Uint8Array;
}

/** The codes of a matrix as symbols in their contexts. */
interface SymbolSequence {
  /** Of each code the context, the symbol (8 bits) and the open bits (8 bits). */
  readonly items: Uint32Array;
  /** Counts of the symbols of each context. */
  readonly counts: readonly Uint32Array[];
}

/**
 * Codes a row-major matrix by symbols whose frequencies, in each of 1 to 64 contexts, are told first: for weights that are nearly without memory, and
 * quick to read.
 *
 * @param codes `[rows, columns]`, each within the limits.
 * @returns a new array.
 */
export function encodeRansMatrix(codes: Codes, description: MatrixDescription): Uint8Array {
  if (codes.length === 0) return new Uint8Array();
  const choice = chooseContexts(codes, description);
  const { items, counts } = listSymbols(codes, description, choice);
  const levels = counts.map(levelsOf);
  const tables = new SymbolTables(levels.map(frequenciesOf));
  const writer = new RansWriter();
  const zero = symbolCountOf(description) >> 1;
  for (let i = items.length - 1; i >= 0; i--) {
    const item = items[i]!;
    const symbol = (item >> 8) & 255;
    writer.writeBits(item & 255, openBitsOf(Math.abs(symbol - zero)));
    writer.writeSymbol(tables, item >> 16, symbol);
  }
  return joinPayload(choice, encodeLevels(levels, signContexts(choice)), writer.finish());
}

/**
 * Reads what {@link encodeRansMatrix} wrote for the same description; never more work than the codes are.
 *
 * @param codes filled completely; the caller is to compare them with the limits.
 * @throws FileFormatError when the bytes are others.
 */
export function decodeRansMatrix(payload: Uint8Array, description: MatrixDescription, codes: Codes): void {
  if (codes.length === 0) return;
  const { choice, tables: levelBytes, codes: coded } = splitPayload(payload, description);
  const stride = signContexts(choice);
  const contextCount = stride * (choice.thresholds.length + 1);
  const levels = decodeLevels(levelBytes, contextCount, symbolCountOf(description), stride);
  const reader = new RansReader(coded);
  readLines(reader, new SymbolTables(levels.map(frequenciesOf)), description, choice, codes);
  if (reader.isAtEnd) return;
  throw new FileFormatError('Coded weights do not end where their codes do', {
    expected: 'the state and the length that their writer left',
    actual: 'another state or more bytes',
  });
}

function readLines(
  reader: RansReader,
  tables: SymbolTables,
  description: MatrixDescription,
  choice: ContextChoice,
  codes: Codes,
): void {
  const { count, length, step, lineStep } = linesOf(description, choice.scan);
  const { center } = description;
  const width = signContexts(choice);
  const firstContexts = levelTable(choice.thresholds).map((level) => level * width);
  const { values, openBits } = symbolValues(symbolCountOf(description));
  const contexts = new NeighbourContexts(length, choice);
  for (let line = 0; line < count; line++) {
    contexts.beginLine();
    for (let column = 0; column < length; column++) {
      const first = firstContexts[contexts.look(column)]!;
      const { vote } = contexts;
      const symbol = reader.readSymbol(tables, first + (vote < 0 ? -vote : vote));
      const open = openBits[symbol]!;
      let value = values[symbol]!;
      if (open > 0) value += value < 0 ? -reader.readBits(open) : reader.readBits(open);
      if (vote < 0) value = -value;
      contexts.add(column, value);
      codes[line * lineStep + column * step] = value + center;
    }
    contexts.endLine();
  }
}

/** The value of each symbol that is nearest to 0, and how many bits it leaves open. */
function symbolValues(symbolCount: number): { readonly values: Int16Array; readonly openBits: Uint8Array } {
  const tokens = Array.from({ length: symbolCount }, (_, symbol) => symbol - (symbolCount >> 1));
  return {
    values: Int16Array.from(tokens, (token) => Math.sign(token) * leastMagnitudeOf(Math.abs(token))),
    openBits: Uint8Array.from(tokens, (token) => openBitsOf(Math.abs(token))),
  };
}

function listSymbols(codes: Codes, description: MatrixDescription, choice: ContextChoice): SymbolSequence {
  const { count, length, step, lineStep }: Lines = linesOf(description, choice.scan);
  const { center } = description;
  const symbolCount = symbolCountOf(description);
  const zero = symbolCount >> 1;
  const width = signContexts(choice);
  const levels = levelTable(choice.thresholds);
  const contexts = new NeighbourContexts(length, choice);
  const items = new Uint32Array(codes.length);
  const counts = Array.from(
    { length: width * (choice.thresholds.length + 1) },
    () => new Uint32Array(symbolCount),
  );
  for (let line = 0, i = 0; line < count; line++) {
    contexts.beginLine();
    for (let column = 0; column < length; column++, i++) {
      const level = levels[contexts.look(column)]!;
      const { vote } = contexts;
      const value = codes[line * lineStep + column * step]! - center;
      const context = level * width + (vote < 0 ? -vote : vote);
      const token = signedToken(vote < 0 ? -value : value);
      const symbol = zero + token;
      const openBits = (1 << openBitsOf(Math.abs(token))) - 1;
      items[i] = (context << 16) | (symbol << 8) | (Math.abs(value) & openBits);
      counts[context]![symbol]!++;
      contexts.add(column, value);
    }
    contexts.endLine();
  }
  return { items, counts };
}

function signContexts({ signs }: Pick<ContextChoice, 'signs'>): number {
  return signs ? SIGN_CONTEXTS : 1;
}

function joinPayload(choice: ContextChoice, tables: Uint8Array, codes: Uint8Array): Uint8Array {
  const { scan, signs, weights, mean, thresholds } = choice;
  const flags =
    (scan.transposed ? TRANSPOSED : 0) | (scan.lineLength > 0 ? HAS_LINE_LENGTH : 0) | (signs ? SIGNS : 0);
  const steps = thresholds.map((threshold, i) => threshold - (thresholds[i - 1] ?? 0));
  const numbers = [...(scan.lineLength > 0 ? [scan.lineLength] : []), ...[mean, tables.length, ...steps]];
  const header = [flags | (thresholds.length << 4), weights[0] | (weights[1] << 2) | (weights[2] << 4)];
  for (const number of numbers) header.push(number & 255, number >> 8);
  const payload = new Uint8Array(header.length + tables.length + codes.length);
  payload.set(header);
  payload.set(tables, header.length);
  payload.set(codes, header.length + tables.length);
  return payload;
}

/** @throws FileFormatError for a payload that is too short or names what no writer names. */
function splitPayload(payload: Uint8Array, description: MatrixDescription): RansHeader {
  const [flags = 0, packed = 0] = payload;
  const hasLineLength = (flags & HAS_LINE_LENGTH) !== 0;
  const count = (hasLineLength ? 3 : 2) + (flags >> 4);
  const end = LEAST_HEADER - 4 + 2 * count;
  const numbers = Array.from(
    { length: count },
    (_, i) => (payload[2 + 2 * i] ?? 0) | ((payload[3 + 2 * i] ?? 0) << 8),
  );
  const lineLength = hasLineLength ? numbers.shift()! : 0;
  const [mean, tableByteLength, ...steps] = numbers as [number, number, ...number[]];
  if (end + tableByteLength > payload.length || (flags & UNUSED) !== 0 || packed > 63) {
    throw new FileFormatError('Coded weights have an impossible header', {
      expected: `flags without ${UNUSED}, weights below 64, and at least ${end + tableByteLength} bytes`,
      actual: `${flags}, ${packed}, ${payload.length} bytes`,
    });
  }
  const scan = { transposed: (flags & TRANSPOSED) !== 0, lineLength };
  if (hasLineLength) assertLineLength(lineLength, linesOf(description, scan).length);
  let threshold = 0;
  return {
    choice: {
      ...{ scan, lineLength, mean, signs: (flags & SIGNS) !== 0 },
      weights: [packed & 3, (packed >> 2) & 3, packed >> 4],
      thresholds: steps.map((step) => (threshold += step)),
    },
    tables: payload.subarray(end, end + tableByteLength),
    codes: payload.subarray(end + tableByteLength),
  };
}
