import { sixteenthOctaves } from './online-logistic.ts';

/** How much the magnitudes of a code's column, of its line and of its neighbours count in what is expected of its own, 0..3 each. */
export type ContextWeights = readonly [column: number, line: number, near: number];

/** How the codes before a code are made a number. */
export interface ContextSettings {
  readonly weights: ContextWeights;
  /** Whether the signs of the neighbours are seen. */
  readonly signs: boolean;
  /** Codes of an image's row, 0 without an image. */
  readonly lineLength: number;
  /** Mean of all magnitudes in 1/256, about: what is expected at first. */
  readonly mean: number;
}

/** Scores stay below this: three weights of at most 3 times logarithms below 16 octaves. */
export const SCORES = 2304;
/** Votes of signs are 0..3 once they are mirrored. */
export const SIGN_CONTEXTS = 4;

/**
 * What is expected of the codes of a scan by those before: a score, the logarithm of the magnitude, and which sign the neighbours have. Averages are
 * those of exponential forgetting, in units of 1/256.
 */
export class NeighbourContexts {
  /** The line that is coded, with `margin` zeros on either side. */
  readonly #line: Int16Array;
  readonly #margin: number;
  readonly #settings: ContextSettings;
  /** The line above, where lines are not images. */
  readonly #previous: Int16Array;
  readonly #columns: Int32Array;
  readonly #distance: number;
  readonly #above: Int16Array;
  readonly #floor: number;
  #lineMean = 0;
  #firstLineMean: number;
  /** After {@link look}: by how much the signs of the neighbours are positive; -3..3. */
  vote = 0;

  constructor(columns: number, settings: ContextSettings) {
    const { lineLength, mean } = settings;
    this.#settings = settings;
    this.#margin = lineLength + 2;
    this.#line = new Int16Array(columns + 2 * this.#margin);
    this.#previous = new Int16Array(lineLength === 0 ? this.#line.length : 0);
    this.#above = lineLength === 0 ? this.#previous : this.#line;
    this.#distance = lineLength;
    this.#columns = new Int32Array(columns).fill(mean);
    this.#firstLineMean = mean;
    this.#floor = (mean >> 4) + 8;
  }

  beginLine(): void {
    this.#lineMean = this.#firstLineMean;
  }

  /** Looks at what is before a column. @returns the score, 0..{@link SCORES} - 1; sets {@link vote}. */
  look(column: number): number {
    const at = this.#margin + column;
    const up = at - this.#distance;
    const line = this.#line;
    const above = this.#above;
    const left = line[at - 1]!;
    const top = above[up]!;
    const right = above[up + 1]!;
    const { weights, signs } = this.#settings;
    let score =
      weights[0] * sixteenthOctaves(this.#columns[column]! + 8) +
      weights[1] * sixteenthOctaves(this.#lineMean + 8);
    if (weights[2] > 0) {
      const near = 2 * (size(left) + size(top)) + size(right) + size(line[at - 2]!) + size(above[up - 1]!);
      score += weights[2] * sixteenthOctaves((near << 5) + this.#floor);
    }
    if (signs) {
      // Of neighbours other than 0 the sum is odd: 1, 3 and 5 are told apart.
      const sum = 2 * (sign(left) + sign(top)) + sign(right);
      this.vote = sum < 0 ? -((1 - sum) >> 1) : (sum + 1) >> 1;
    }
    return score;
  }

  /** Takes note of a column's code. */
  add(column: number, value: number): void {
    this.#line[this.#margin + column] = value;
    const magnitude = size(value) << 8;
    const columns = this.#columns;
    this.#lineMean += (magnitude - this.#lineMean) >> 5;
    columns[column] = columns[column]! + ((magnitude - columns[column]!) >> 4);
  }

  endLine(): void {
    this.#firstLineMean = (3 * this.#firstLineMean + this.#lineMean) >> 2;
    if (this.#distance === 0) this.#previous.set(this.#line);
  }
}

function size(value: number): number {
  return value < 0 ? -value : value;
}

function sign(value: number): number {
  return value < 0 ? -1 : value > 0 ? 1 : 0;
}
