/** A line's density counts that of the lines before as this many of its codes. */
const LINES_WEIGHT = 100;
/** The line before counts this much in the density of the lines before. */
const LATEST_LINES = 40;
/** No place of a matrix is expected to be emptier or fuller, in 1/65536. */
const LEAST_EXPECTED = 8;
const MOST_EXPECTED = 60_000;

/** How probable it is that the next code of a line is not 0, as far as its line and its column tell. */
export interface LineDensity {
  /** Of the line as a whole, in 1/65536. */
  readonly ofLine: number;
  /** Codes other than 0 that are still to come; below 0 where that is not known. */
  readonly left: number;
  /** Of the next place, in 1/65536. @param relative density of its column by that of all, in 1/1024. */
  ofPlace(relative: number): number;
  /** Goes past a place. @param bit whether its code is not 0. */
  pass(relative: number, bit: number): void;
}

/** The density that is seen in the line so far, and in the lines before at its beginning. */
export class SeenDensity implements LineDensity {
  readonly left = -1;
  /** Mean of the lines so far, the latest most. */
  #mean: number;
  #observed = 0;
  #expected = 0;

  /** @param mean of the whole matrix, about, in 1/65536. */
  constructor(mean: number) {
    this.#mean = mean;
  }

  begin(): void {
    this.#observed = Math.imul(this.#mean, LINES_WEIGHT);
    this.#expected = LINES_WEIGHT << 10;
  }

  get ofLine(): number {
    return (this.#observed / (this.#expected >> 10)) | 0;
  }

  ofPlace(relative: number): number {
    const product = Math.imul(relative, this.ofLine) >> 10;
    return product < LEAST_EXPECTED ? LEAST_EXPECTED : Math.min(product, MOST_EXPECTED);
  }

  pass(relative: number, bit: number): void {
    this.#expected += relative;
    this.#observed += bit << 16;
  }

  /** Takes note of a line. @param occupied columns that are not empty. */
  end(count: number, occupied: number): void {
    const mean = occupied === 0 ? 0 : ((count * 65_536) / occupied) | 0;
    this.#mean = ((mean * LATEST_LINES + this.#mean) / (LATEST_LINES + 1)) | 0;
  }
}

/** The density that follows from how many codes of the line are not 0: what is left of them, shared among the columns that are left. */
export class ToldDensity implements LineDensity {
  ofLine = 0;
  left = 0;
  #mass = 0;

  /** @param mass sum of the relative densities of the line's columns. */
  begin(count: number, mass: number): void {
    this.left = count;
    this.#mass = mass;
    this.ofLine = Math.min(65_535, (count * 2 ** 26) / mass) | 0;
  }

  ofPlace(relative: number): number {
    const share = ((relative * this.left) / this.#mass) * 65_536;
    return share < LEAST_EXPECTED ? LEAST_EXPECTED : share < MOST_EXPECTED ? share | 0 : MOST_EXPECTED;
  }

  pass(relative: number, bit: number): void {
    this.#mass -= relative;
    this.left -= bit;
  }
}
