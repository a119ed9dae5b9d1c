import type { ColumnStatistics, Neighbours } from './column-statistics.ts';
import { informationOf, learn, makeSteps, probabilityOf, sixteenthOctaves } from './online-logistic.ts';
import type { RangeCoder } from './range-coder.ts';

/** Features of a sign: left, up and right above; farther neighbours; the column's majority; the neighbours' weighted vote. */
const SIGN_GROUPS = { near: 0, far: 27, column: 54, vote: 63, end: 127 } as const;
const SIGN_STEPS = makeSteps(60, 17);

/** Decisions of a magnitude: 8 of its bit length, then 8 places of its bits per length. */
const NODES = 72;
/** Features of a decision: itself; for lengths and for bits apart the magnitudes to the left and above. */
const MAGNITUDE_GROUPS = { node: 0, left: NODES, up: NODES + 32, end: NODES + 64 } as const;
const NODE_STEPS = makeSteps(100, 20);
const NEIGHBOUR_STEPS = makeSteps(40, 64);

/** How much a doubling of the expected magnitudes adds to the logarithm of the odds at first, in units of 2^-14. */
const FIRST_SLOPES = [3936, 8200, 49_364, -9840] as const;
/** Those of bits below the highest one, in percent of these. */
const FIRST_SLOPES_OF_BITS = 80;
/** Information in units of 2^-10 that stands for them. */
const SLOPE_PRIOR = 3318;

/** Codes values other than 0: a sign, then a magnitude by its bit length and the bits below the highest. */
export class ValueModel {
  readonly #coder: RangeCoder;
  readonly #columns: ColumnStatistics;
  readonly #neighbours: Neighbours;
  readonly #lowest: number;
  readonly #highest: number;
  readonly #signs = new Int32Array(2 * SIGN_GROUPS.end);
  readonly #magnitudes = new Int32Array(2 * MAGNITUDE_GROUPS.end);
  /** Logarithms of what column, line, surroundings and density let expect, relative to the mean, in 1/256 octaves. */
  readonly #expectations = new Int32Array(4);
  /** Slopes of bit lengths, then of bits, and their information. */
  readonly #slopes = Int32Array.from([
    ...FIRST_SLOPES,
    ...FIRST_SLOPES.map((slope) => Math.trunc((slope * FIRST_SLOPES_OF_BITS) / 100)),
  ]);
  readonly #slopeInformation = new Int32Array(8);
  #left = 0;
  #up = 0;

  /** @param lowest, highest inclusive limits of the values. */
  constructor(
    coder: RangeCoder,
    columns: ColumnStatistics,
    neighbours: Neighbours,
    { lowest, highest }: { readonly lowest: number; readonly highest: number },
  ) {
    this.#coder = coder;
    this.#columns = columns;
    this.#neighbours = neighbours;
    this.#lowest = lowest;
    this.#highest = highest;
  }

  /**
   * Codes `line[at]`, which is not 0.
   *
   * @param countBefore values other than 0 before it in the line.
   * @param magnitudeBefore sum of their magnitudes.
   * @returns the value.
   */
  code(line: Int16Array, at: number, countBefore: number, magnitudeBefore: number): number {
    const value = line[at]!;
    const isNegative = this.#codeSign(line, at, value < 0 ? 1 : 0) === 1;
    this.#expect(line, at, countBefore, magnitudeBefore);
    const limit = isNegative ? -this.#lowest : this.#highest;
    const magnitude = this.#codeMagnitude(value < 0 ? -value : value, limit);
    return isNegative ? -magnitude : magnitude;
  }

  #codeSign(line: Int16Array, at: number, bit: number): number {
    if (this.#lowest >= 0) return 0;
    if (this.#highest <= 0) return 1;
    const { up } = this.#neighbours;
    const left = line[at - 1]!;
    const above = line[at - up]!;
    const right = line[at - up + 1]!;
    const aboveLeft = line[at - up - 1]!;
    const second = line[at - 2]!;
    const twoAbove = line[at - 2 * up]!;
    const vote =
      3 * (clip(left) + clip(above)) + 2 * clip(right) + clip(aboveLeft) + clip(second) + clip(twoAbove);
    const near = SIGN_GROUPS.near + 9 * ternary(left) + 3 * ternary(above) + ternary(right);
    const far = SIGN_GROUPS.far + 9 * ternary(aboveLeft) + 3 * ternary(second) + ternary(twoAbove);
    const column = SIGN_GROUPS.column + majority(this.#columns.signs[at]!);
    const voted = SIGN_GROUPS.vote + 32 + (vote > 31 ? 31 : Math.max(vote, -31));
    const table = this.#signs;
    const sum = (table[2 * near]! + table[2 * far]! + table[2 * column]! + table[2 * voted]!) >> 8;
    const probability = probabilityOf(sum);
    const coded = this.#coder.code(bit, probability);
    const error = (coded << 16) - probability;
    const information = informationOf(probability);
    learn(table, near, error, information, SIGN_STEPS);
    learn(table, far, error, information, SIGN_STEPS);
    learn(table, column, error, information, SIGN_STEPS);
    learn(table, voted, error, information, SIGN_STEPS);
    return coded;
  }

  #expect(line: Int16Array, at: number, countBefore: number, magnitudeBefore: number): void {
    const { counts, magnitudes, totalCount, totalMagnitude, occupied } = this.#columns;
    const { up, lineLength } = this.#neighbours;
    let count = counts[at - 1]! + counts[at]! + counts[at + 1]!;
    let magnitude = magnitudes[at - 1]! + magnitudes[at]! + magnitudes[at + 1]!;
    if (lineLength > 0) {
      for (let other = at - up - 1; other <= at - up + 1; other++) {
        count += counts[other]! + counts[other + 2 * up]!;
        magnitude += magnitudes[other]! + magnitudes[other + 2 * up]!;
      }
    }
    const mean = (((totalMagnitude + magnitudeBefore) * 16 + 51) / (totalCount + countBefore + 1)) | 0;
    const level = sixteenthOctaves(4 * mean);
    const expectations = this.#expectations;
    expectations[0] = expectation(magnitudes[at]!, counts[at]!, mean, 2, level);
    expectations[1] = expectation(magnitudeBefore, countBefore, mean, 4, level);
    expectations[2] = expectation(magnitude, count, mean, 4, level);
    const perColumn = ((totalCount * 16) / occupied) | 0;
    const density = (((counts[at]! + 1) * 65_536) / (perColumn + 16)) | 0;
    expectations[3] = (sixteenthOctaves(density) - 192) << 4;
    this.#left = magnitudeLevel(line[at - 1]!);
    this.#up = magnitudeLevel(line[at - up]!);
  }

  /** @param limit the largest magnitude that is possible, at least 1. */
  #codeMagnitude(magnitude: number, limit: number): number {
    const longest = 31 - Math.clz32(limit);
    const length = 31 - Math.clz32(magnitude | 1);
    let coded = 0;
    while (coded < longest && this.#codeDecision(coded, 0, length > coded ? 1 : 0) === 1) coded++;
    let bits = 1;
    for (let shift = coded - 1; shift >= 0; shift--) {
      // Beyond three bits all decisions of a length share what they learn.
      const node = 8 + coded * 8 + (bits < 8 ? bits : 0);
      bits = (bits << 1) | this.#codeDecision(node, 1, (magnitude >> shift) & 1);
    }
    return bits;
  }

  /** @param kind 0 for bit lengths, 1 for bits. */
  #codeDecision(node: number, kind: number, bit: number): number {
    const table = this.#magnitudes;
    const expectations = this.#expectations;
    const slopes = this.#slopes;
    const left = MAGNITUDE_GROUPS.left + 16 * kind + this.#left;
    const up = MAGNITUDE_GROUPS.up + 16 * kind + this.#up;
    let sum = (table[2 * node]! + table[2 * left]! + table[2 * up]!) >> 8;
    for (let k = 0; k < 4; k++) sum += Math.imul(slopes[4 * kind + k]!, expectations[k]!) >> 14;
    const probability = probabilityOf(sum);
    const coded = this.#coder.code(bit, probability);
    const error = (coded << 16) - probability;
    const information = informationOf(probability);
    learn(table, node, error, information, NODE_STEPS);
    learn(table, left, error, information, NEIGHBOUR_STEPS);
    learn(table, up, error, information, NEIGHBOUR_STEPS);
    this.#learnSlopes(4 * kind, error, information);
    return coded;
  }

  #learnSlopes(first: number, error: number, information: number): void {
    for (let k = 0; k < 4; k++) {
      const x = this.#expectations[k]!;
      const known = this.#slopeInformation[first + k]!;
      const step = (Math.imul(error, x) / ((known >> 6) + SLOPE_PRIOR)) | 0;
      this.#slopes[first + k] = this.#slopes[first + k]! + step;
      if (known < 1 << 28) {
        this.#slopeInformation[first + k] = known + (Math.imul(Math.imul(x, x) >> 8, information) >> 8);
      }
    }
  }
}

/** `log2(mean of the magnitudes / mean)` in 1/256 octaves, where `weight` magnitudes of the mean are added. */
function expectation(magnitude: number, count: number, mean: number, weight: number, level: number): number {
  const expected = (((magnitude * 16 + mean * weight) * 4) / (count + weight)) | 0;
  return (sixteenthOctaves(expected) - level) << 4;
}

function clip(value: number): number {
  return value > 2 ? 2 : Math.max(value, -2);
}

function ternary(value: number): number {
  return value < 0 ? 0 : value > 0 ? 2 : 1;
}

/** 0..8: by how many powers of two one sign leads. */
function majority(lead: number): number {
  const size = 32 - Math.clz32(lead < 0 ? -lead : lead);
  const steps = Math.min(size, 4);
  return lead < 0 ? 4 - steps : 4 + steps;
}

/** Magnitudes up to 7 as they are, larger ones by their length. */
function magnitudeLevel(value: number): number {
  const magnitude = value < 0 ? -value : value;
  return magnitude < 8 ? magnitude : 36 - Math.clz32(magnitude);
}
