/** A line's density counts that of the lines before as this many of its codes. */
const LINES_WEIGHT = 100;
/** The line before counts this much in the density of the lines before. */
const LATEST_LINES = 40;
/** No place of a matrix is expected to be emptier or fuller, in 1/65536. */
const LEAST_EXPECTED = 8;
const MOST_EXPECTED = 60_000;

/**
 * How probable it is that the next code of a line is not 0, as far as its line and its column tell. Either by the density that is seen in the line so
 * far, and in the lines before at its beginning; or, where it is told how many codes of the line are not 0, by what is left of them, shared among the
 * columns that are left. One class does both, so that the coder's loop sees one kind of object.
 */
export class LineDensity {
  /** Density of the line as a whole, in 1/65536, after {@link ofPlace}. */
  ofLine = 0;
  /** Codes other than 0 that are still to come; below 0 where that is not told. */
  left = -1;
  /** Mean of the lines so far, the latest most. */
  #mean: number;
  #observed = 0;
  /** Sum of relative densities: of the columns that were passed, or that are left. */
  #mass = 0;

  /** @param mean of the whole matrix, about, in 1/65536. */
  constructor(mean: number) {
    this.#mean = mean;
  }

  /** Begins a line of which it is not told how many codes are not 0. */
  beginSeen(): void {
    this.#observed = Math.imul(this.#mean, LINES_WEIGHT);
    this.#mass = LINES_WEIGHT << 10;
  }

  /** Ends it. @param occupied columns that are not empty. */
  endSeen(count: number, occupied: number): void {
    const mean = occupied === 0 ? 0 : ((count * 65_536) / occupied) | 0;
    this.#mean = ((mean * LATEST_LINES + this.#mean) / (LATEST_LINES + 1)) | 0;
  }

  /** Begins a line that has `count` codes other than 0. @param mass sum of the relative densities of its columns. */
  beginTold(count: number, mass: number): void {
    this.left = count;
    this.#mass = mass;
    this.ofLine = Math.min(65_535, (count * 2 ** 26) / mass) | 0;
  }

  /** In 1/65536. @param relative density of the next place's column by that of all, in 1/1024. */
  ofPlace(relative: number): number {
    let density: number;
    if (this.left < 0) {
      this.ofLine = (this.#observed / (this.#mass >> 10)) | 0;
      density = Math.imul(relative, this.ofLine) >> 10;
    } else density = Math.min(MOST_EXPECTED, (relative * this.left * 65_536) / this.#mass) | 0;
    return density < LEAST_EXPECTED ? LEAST_EXPECTED : Math.min(density, MOST_EXPECTED);
  }

  /** Goes past a place. @param bit whether its code is not 0. */
  pass(relative: number, bit: number): void {
    if (this.left < 0) {
      this.#mass += relative;
      this.#observed += bit << 16;
    } else {
      this.#mass -= relative;
      this.left -= bit;
    }
  }
}
