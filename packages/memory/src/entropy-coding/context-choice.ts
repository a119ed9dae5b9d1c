import { tokenOf } from './code-tokens.ts';
import { type Lines, linesOf, listScans, type MatrixDescription, type Scan } from './matrix-scan.ts';
import {
  type ContextSettings,
  type ContextWeights,
  NeighbourContexts,
  SCORES,
  SIGN_CONTEXTS,
} from './neighbour-contexts.ts';

type Codes = Int8Array | Uint8Array;

/** Contexts are chosen by so many codes of a matrix at most. */
const SAMPLED_CODES = 1 << 16;
export const MOST_LEVELS = 16;
const LEVEL_CHOICES = [1, 4, 8, MOST_LEVELS] as const;
/** Which of column, line and neighbours are counted: none, rank-1 densities, and these with what lies near, as images need it. */
const WEIGHT_CHOICES: readonly ContextWeights[] = [
  [1, 1, 0],
  [2, 1, 2],
  [1, 2, 2],
];

/** What a writer has chosen for a matrix. */
export interface ContextChoice extends ContextSettings {
  readonly scan: Scan;
  /** Scores from which on the next level begins, ascending; one fewer than there are levels. */
  readonly thresholds: readonly number[];
}

/** Votes are -3..3. */
const VOTES = 7;

/** How often each symbol was there at each score's level (of {@link MOST_LEVELS}) and vote. */
interface ContextCounts {
  readonly thresholds: readonly number[];
  /** At `(level * VOTES + vote + 3) * symbolCount + symbol`. */
  readonly counts: Uint32Array;
}

/** Symbols are tokens with a sign: from that of the most negative magnitude to that of the most positive. */
export function symbolCountOf({ lowest, highest, center }: MatrixDescription): number {
  return 2 * tokenOf(Math.max(highest - center, center - lowest)) + 1;
}

/** The settings, of a small number that is tried, whose symbols have the least information, tables included. */
export function chooseContexts(codes: Codes, description: MatrixDescription): ContextChoice {
  const symbolCount = symbolCountOf(description);
  const mean = meanMagnitude(codes, description.center);
  let best: ContextChoice | null = null;
  let fewest = Number.POSITIVE_INFINITY;
  for (const scan of listScans(codes, description)) {
    const lines = linesOf(description, scan);
    const sample = sampleLines(lines);
    for (const weights of WEIGHT_CHOICES) {
      const settings = { weights, signs: true, lineLength: scan.lineLength, mean };
      const counted = countSymbols(codes, description, settings, sample);
      for (const levels of LEVEL_CHOICES) {
        for (const signs of [false, true]) {
          const share = lines.count / sample.count;
          const bits = estimateBits(counted.counts, symbolCount, levels, signs, share);
          if (bits >= fewest) continue;
          fewest = bits;
          best = { ...settings, signs, scan, thresholds: everyThreshold(counted.thresholds, levels) };
        }
      }
    }
  }
  return best!;
}

/** Lines all over the matrix with about as many codes as are sampled. */
function sampleLines(lines: Lines): Lines {
  const stride = Math.max(1, Math.ceil((lines.count * lines.length) / SAMPLED_CODES));
  return { ...lines, count: Math.ceil(lines.count / stride), lineStep: lines.lineStep * stride };
}

/** The mean distance from the center in 1/256. */
function meanMagnitude(codes: Codes, center: number): number {
  let sum = 0;
  for (const code of codes) sum += Math.abs(code - center);
  return Math.floor((256 * sum) / codes.length);
}

function everyThreshold(thresholds: readonly number[], levels: number): number[] {
  const merged = MOST_LEVELS / levels;
  return thresholds.filter((_, index) => (index + 1) % merged === 0);
}

function countSymbols(
  codes: Codes,
  description: MatrixDescription,
  settings: ContextSettings,
  { count, length, step, lineStep }: Lines,
): ContextCounts {
  const { center } = description;
  const symbolCount = symbolCountOf(description);
  const zero = symbolCount >> 1;
  const contexts = new NeighbourContexts(length, settings);
  const scores = new Uint16Array(count * length);
  const seen = new Uint16Array(count * length);
  const histogram = new Uint32Array(SCORES);
  for (let line = 0, i = 0; line < count; line++) {
    contexts.beginLine();
    for (let column = 0; column < length; column++, i++) {
      const score = contexts.look(column);
      const value = codes[line * lineStep + column * step]! - center;
      scores[i] = score;
      seen[i] = (contexts.vote + 3) * symbolCount + zero + signedToken(value);
      histogram[score]!++;
      contexts.add(column, value);
    }
    contexts.endLine();
  }
  const thresholds = quantiles(histogram, scores.length);
  const levels = levelTable(thresholds);
  const counts = new Uint32Array(MOST_LEVELS * VOTES * symbolCount);
  for (let i = 0; i < scores.length; i++) counts[levels[scores[i]!]! * VOTES * symbolCount + seen[i]!]!++;
  return { thresholds, counts };
}

/** The token of a value's magnitude, negative for a negative value. */
export function signedToken(value: number): number {
  return value < 0 ? -tokenOf(-value) : tokenOf(value);
}

/** Scores that split what was counted into parts of about one size. */
function quantiles(histogram: Uint32Array, total: number): number[] {
  const thresholds: number[] = [];
  let below = 0;
  for (let score = 0; score < histogram.length && thresholds.length < MOST_LEVELS - 1; score++) {
    while (thresholds.length < MOST_LEVELS - 1 && below * MOST_LEVELS >= (thresholds.length + 1) * total) {
      thresholds.push(score);
    }
    below += histogram[score]!;
  }
  while (thresholds.length < MOST_LEVELS - 1) thresholds.push(thresholds.at(-1) ?? 0);
  return thresholds;
}

/** The level of each score. @param thresholds ascending. */
export function levelTable(thresholds: readonly number[]): Uint8Array {
  const table = new Uint8Array(SCORES);
  for (const threshold of thresholds) for (let score = threshold; score < SCORES; score++) table[score]!++;
  return table;
}

/** Bits of all symbols of the matrix when levels are merged and signs seen or not, and of the tables: half a logarithm and two bits for each entry. */
function estimateBits(
  counts: Uint32Array,
  symbolCount: number,
  levels: number,
  signs: boolean,
  share: number,
): number {
  const width = signs ? SIGN_CONTEXTS : 1;
  const merged = Array.from({ length: levels * width }, () => new Float64Array(symbolCount));
  for (let context = 0; context < MOST_LEVELS * VOTES; context++) {
    const level = Math.floor((Math.floor(context / VOTES) * levels) / MOST_LEVELS);
    const vote = signs ? (context % VOTES) - 3 : 0;
    const sums = merged[level * width + Math.abs(vote)]!;
    for (let symbol = 0; symbol < symbolCount; symbol++) {
      sums[vote < 0 ? symbolCount - 1 - symbol : symbol]! += counts[context * symbolCount + symbol]!;
    }
  }
  let bits = 0;
  for (const sums of merged) {
    let total = 0;
    for (const sum of sums) {
      if (sum === 0) continue;
      total += sum;
      bits += 2 + logarithm(sum * share) / 2 - share * sum * logarithm(sum);
    }
    if (total > 0) bits += share * total * logarithm(total);
  }
  return bits;
}

/** log2 to 12 bits by arithmetic that all engines do alike, unlike that of `Math.log2`. */
function logarithm(x: number): number {
  const octave = 31 - Math.clz32(Math.max(1, x));
  let rest = x / 2 ** octave;
  let result = octave;
  for (let unit = 0.5; unit > 2 ** -13; unit /= 2) {
    rest *= rest;
    if (rest >= 2) {
      rest /= 2;
      result += unit;
    }
  }
  return result;
}
