import type { ColumnStatistics, Neighbours } from './column-statistics.ts';
import type { LineCounts } from './line-counts.ts';
import { LineDensity } from './line-density.ts';
import { STRETCH } from './logistic-tables.ts';
import { informationOf, learn, makeSteps, probabilityOf, sixteenthOctaves } from './online-logistic.ts';
import type { RangeCoder } from './range-coder.ts';
import type { ValueModel } from './value-model.ts';

const STEPS = makeSteps(94, 128);
/** Groups of features; the last one, a feature per column, follows. */
const EXPECTED = 0;
const PATTERN = 64;
const MAGNITUDES = PATTERN + 32;
const IN_LINE = MAGNITUDES + 16;
const FAR = IN_LINE + 64;
const COLUMN = FAR + 16;

/** A column's density counts its surroundings as this many of its own lines. */
const SURROUNDINGS_WEIGHT = 4;
/** Lines that stand for the mean density in that of the surroundings, in units of 1/256. */
const SURROUNDINGS_PRIOR = 205;
/** How much of what lies near stays at each step, in units of 1/128. */
const NEAR_DECAY = 103;
/** What one value adds to what lies near. */
const NEAR_UNIT = 16_384;
const NEAR_PRIOR = 1200;
/** First weights of the expected density and of what lies near, in units of 2^-14. */
const FIRST_DENSITY_WEIGHT = 16_400;
const FIRST_NEAR_WEIGHT = 2952;
const WEIGHT_PRIOR = 64 * 256 * 32;
/**
 * Codes the lines of a matrix one after the other. For each code it is first said whether it is 0, for which a density is expected: that
 * of the column times that of the line (both as far as they are known), changed by what lies near, on the left and in the lines of an image
 * above.
 */
export class LineModel {
  /** The codes of the line, with margins of zeros: read when writing, filled when reading. */
  readonly line: Int16Array;
  readonly #coder: RangeCoder;
  readonly #columns: ColumnStatistics;
  readonly #values: ValueModel;
  readonly #neighbours: Neighbours;
  readonly #features: Int32Array;
  /** Density of each column relative to the mean, in 1/1024. */
  readonly #relative: Int32Array;
  /** Values around each place of the line so far, and how many there would be if each column had the mean density. */
  readonly #near: Int32Array;
  readonly #nearExpected: Int32Array;
  readonly #counts: LineCounts | null;
  readonly #density: LineDensity;
  #densityWeight = FIRST_DENSITY_WEIGHT;
  #nearWeight = FIRST_NEAR_WEIGHT;
  #information = WEIGHT_PRIOR;

  /**
   * @param density of the whole matrix, about, in 1/65536.
   * @param counts tells of each line how many codes are not 0 before the codes follow; null where that is not told.
   */
  constructor(
    coder: RangeCoder,
    columns: ColumnStatistics,
    neighbours: Neighbours,
    values: ValueModel,
    density: number,
    counts: LineCounts | null,
  ) {
    const count = columns.empty.length;
    const length = count + 2 * neighbours.margin;
    this.#coder = coder;
    this.#columns = columns;
    this.#neighbours = neighbours;
    this.#values = values;
    this.#counts = counts;
    this.#density = new LineDensity(density);
    this.line = new Int16Array(length);
    this.#near = new Int32Array(length);
    this.#nearExpected = new Int32Array(length);
    this.#relative = new Int32Array(count);
    this.#features = new Int32Array(2 * (COLUMN + count));
  }

  /** Codes {@link line}. */
  codeLine(): void {
    const density = this.#density;
    if (this.#counts === null) {
      this.#relateColumns();
      density.beginSeen();
      density.endSeen(this.#codeCodes(), this.#columns.occupied);
    } else {
      const count = this.#counts.code(this.#countLine());
      if (count === 0) {
        this.line.fill(0);
        return;
      }
      density.beginTold(count, this.#relateColumns());
      this.#codeCodes();
    }
    this.#columns.add(this.line);
  }

  /** Codes of the line other than 0. */
  #countLine(): number {
    let count = 0;
    for (const value of this.line) if (value !== 0) count++;
    return count;
  }

  /** @returns the sum of the relative densities of all columns that are not empty. */
  #relateColumns(): number {
    const { counts, around, totalCount, occupied, empty } = this.#columns;
    const { lineLength, margin } = this.#neighbours;
    const relative = this.#relative;
    const mean = occupied === 0 ? 0 : ((totalCount * 256) / occupied) | 0;
    const columnsAround = lineLength === 0 ? 2 : 8;
    const meanAround = Math.imul(columnsAround, mean + SURROUNDINGS_PRIOR);
    const divisor = mean + 256 * SURROUNDINGS_WEIGHT;
    let sum = 0;
    for (let column = 0; column < relative.length; column++) {
      const near = (around[margin + column]! << 8) + SURROUNDINGS_PRIOR * columnsAround;
      const surroundings = lineLength === 0 ? 256 : ((near * 256) / meanAround) | 0;
      relative[column] =
        (((counts[margin + column]! * 256 + SURROUNDINGS_WEIGHT * surroundings) * 1024) / divisor) | 0;
      if (empty[column] === 0) sum += relative[column]!;
    }
    return sum;
  }

  /** @returns how many codes are not 0. */
  #codeCodes(): number {
    const density = this.#density;
    const coder = this.#coder;
    const values = this.#values;
    const line = this.line;
    const near = this.#near;
    const nearExpected = this.#nearExpected;
    const relative = this.#relative;
    const features = this.#features;
    const { empty } = this.#columns;
    const { lineLength, margin, up } = this.#neighbours;
    const isImage = lineLength > 0;
    let found = 0;
    let magnitudes = 0;
    for (let column = 0; column < relative.length; column++) {
      const at = margin + column;
      let around = near[at - 1]!;
      let aroundExpected = nearExpected[at - 1]!;
      if (isImage) {
        around = (around * 3 + near[at - up]! * 3 + near[at - up + 1]! * 2) >> 3;
        aroundExpected =
          (aroundExpected * 3 + nearExpected[at - up]! * 3 + nearExpected[at - up + 1]! * 2) >> 3;
      }
      near[at] = Math.imul(around, NEAR_DECAY) >> 7;
      nearExpected[at] = Math.imul(aroundExpected, NEAR_DECAY) >> 7;
      if (empty[column] === 1) {
        line[at] = 0;
        continue;
      }
      if (density.left === 0) {
        line.fill(0, at);
        break;
      }
      const logDensity = STRETCH[density.ofPlace(relative[column]!) >> 4]!;
      const expectedNear = Math.imul(aroundExpected >> 6, density.ofLine) >> 10;
      const octaves =
        (sixteenthOctaves((((around + NEAR_PRIOR) << 8) / (expectedNear + NEAR_PRIOR)) | 0) - 128) << 4;
      const left = line[at - 1]!;
      const above = line[at - up]!;
      const right = line[at - up + 1]!;
      const pattern =
        (left !== 0 ? 1 : 0) |
        (line[at - 2] !== 0 ? 2 : 0) |
        (above !== 0 ? 4 : 0) |
        (line[at - up - 1] !== 0 ? 8 : 0) |
        (right !== 0 ? 16 : 0);
      const f0 = EXPECTED + ((logDensity + 2048) >> 6);
      const f1 = PATTERN + pattern;
      const f2 = MAGNITUDES + level(left) + 4 * level(above);
      const f3 = IN_LINE + Math.min(found, 63);
      const f4 = FAR + 4 * level(right) + (line[at - 2 * up] !== 0 ? 1 : 0) + (line[at - 3] !== 0 ? 2 : 0);
      const f5 = COLUMN + column;
      const sum =
        features[2 * f0]! +
        features[2 * f1]! +
        features[2 * f2]! +
        features[2 * f3]! +
        features[2 * f4]! +
        features[2 * f5]!;
      const weighted =
        (Math.imul(logDensity, this.#densityWeight) + Math.imul(octaves, this.#nearWeight)) >> 14;
      const probability = probabilityOf(weighted + (sum >> 8));
      const bit = coder.code(line[at] !== 0 ? 1 : 0, probability);
      const error = (bit << 16) - probability;
      const information = informationOf(probability);
      learn(features, f0, error, information, STEPS);
      learn(features, f1, error, information, STEPS);
      learn(features, f2, error, information, STEPS);
      learn(features, f3, error, information, STEPS);
      learn(features, f4, error, information, STEPS);
      learn(features, f5, error, information, STEPS);
      this.#learnWeights(error, logDensity, octaves, information);
      density.pass(relative[column]!, bit);
      nearExpected[at] = nearExpected[at]! + (relative[column]! << 4);
      if (bit === 1) {
        const value = values.code(line, at, found, magnitudes);
        line[at] = value;
        magnitudes += value < 0 ? -value : value;
        found++;
        near[at] = near[at]! + NEAR_UNIT;
      } else line[at] = 0;
    }
    return found;
  }

  #learnWeights(error: number, logDensity: number, octaves: number, information: number): void {
    const known = this.#information;
    this.#densityWeight += (Math.imul(error, logDensity) / known) | 0;
    this.#nearWeight += (Math.imul(error, octaves) / known) | 0;
    if (known < 1 << 26) this.#information = known + (information >> 4);
  }
}

/** Magnitudes up to 3. */
function level(value: number): number {
  return value < 0 ? (value < -3 ? 3 : -value) : Math.min(value, 3);
}
