import { FileFormatError } from '@qedge/core';

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

/** In which order the codes are visited, and where their neighbours are. Payloads tell it. */
export interface Scan {
  /** Line by line of the transposed matrix: by output instead of by input. */
  readonly transposed: boolean;
  /** Codes of a line that are this far apart are neighbours too: pixels above each other in an image. 0: none are. */
  readonly lineLength: number;
}

/** The lines of a scan in the array of codes. */
export interface Lines {
  readonly count: number;
  /** Codes of a line, and how far they are apart. */
  readonly length: number;
  readonly step: number;
  /** How far the starts of lines are apart. */
  readonly lineStep: number;
}

const SHORTEST_LINE = 4;
const LONGEST_LINE = 65_535;
/** Scans are tried on so many codes of a matrix at most. */
export const TRIAL_CODES = 1 << 18;
/** Distances up to this are looked for. */
const LONGEST_FOUND_LINE = 1024;

/** @throws FileFormatError when lines of `length` codes cannot be images of such rows. */
export function assertLineLength(lineLength: number, length: number): void {
  if (isLineLength(lineLength, length)) return;
  throw new FileFormatError('Coded weights name an impossible image', {
    expected: `rows of ${SHORTEST_LINE}..${length - 1} codes`,
    actual: lineLength,
  });
}

function isLineLength(lineLength: number, length: number): boolean {
  return lineLength >= SHORTEST_LINE && lineLength < length && lineLength <= LONGEST_LINE;
}

/** The lines of a scan. */
export function linesOf(
  { rows, columns }: MatrixDescription,
  { transposed }: Pick<Scan, 'transposed'>,
): Lines {
  return transposed
    ? { count: columns, length: rows, step: columns, lineStep: 1 }
    : { count: rows, length: columns, step: 1, lineStep: columns };
}

/** Both orders, each without an image, as a square one, and with the distance at which full and empty columns repeat most. */
export function listScans(codes: Int8Array | Uint8Array, description: MatrixDescription): Scan[] {
  return [true, false].flatMap((transposed) => {
    const lines = linesOf(description, { transposed });
    const side = Math.floor(Math.sqrt(lines.length));
    const lengths = new Set([0, findPeriod(codes, lines, description.center)]);
    if (side * side === lines.length) lengths.add(side);
    return Array.from(lengths)
      .filter((lineLength) => lineLength === 0 || isLineLength(lineLength, lines.length))
      .map((lineLength) => ({ transposed, lineLength }));
  });
}

/** The distance at which the numbers of codes per column are most alike, or 0 when there are few. Whole numbers only. */
function findPeriod(
  codes: Int8Array | Uint8Array,
  { count, length, step, lineStep }: Lines,
  center: number,
): number {
  const longest = Math.min(LONGEST_FOUND_LINE, Math.floor(length / 2));
  if (longest < 2 * SHORTEST_LINE || count === 0) return 0;
  const profile = new Float64Array(Math.min(length, 8 * LONGEST_FOUND_LINE));
  const tried = Math.min(count, Math.max(1, Math.floor(TRIAL_CODES / length)));
  for (let line = 0; line < tried; line++) {
    for (let i = 0; i < profile.length; i++) {
      if (codes[line * lineStep + i * step] !== center) profile[i]!++;
    }
  }
  const sum = profile.reduce((total, value) => total + value, 0);
  const centered = profile.map((value) => value * profile.length - sum);
  let best = 0;
  let most = 0;
  for (let distance = SHORTEST_LINE; distance <= longest; distance++) {
    let likeness = 0;
    for (let i = distance; i < centered.length; i++) likeness += centered[i]! * centered[i - distance]!;
    likeness /= centered.length - distance;
    // Neighbours are alike too: a period is a distance at which likeness rises again.
    if (likeness > most && distance > 2 * SHORTEST_LINE) {
      most = likeness;
      best = distance;
    }
  }
  return best;
}
