/** Few values are found by bisection; for many a guide table is worth its making. */
const VALUES_WORTH_A_TABLE = 256;

/**
 * Finds indices in running sums: the first one whose sum lies above a value, and never one that adds nothing. By a guide table (Chen and Asau
 * 1974): where to begin is looked up, a step or two remain. One object serves many running sums of the same length.
 */
export class CumulativeSearch {
  /** The running sums; to be filled before {@link prepare}. */
  readonly ends: Float64Array;
  readonly #guide: Uint32Array;
  #scale = 0;
  #last = 0;
  #isGuided = false;

  constructor(length: number) {
    this.ends = new Float64Array(length);
    this.#guide = new Uint32Array(length + 1);
  }

  /** The sum of all. */
  get total(): number {
    return this.ends[this.#last]!;
  }

  /** Makes ready for about so many values below the total. */
  prepare(valueCount: number): void {
    const { ends } = this;
    const count = ends.length;
    let last = count - 1;
    while (last > 0 && ends[last] === ends[last - 1]) last--;
    this.#last = last;
    this.#isGuided = valueCount >= Math.min(VALUES_WORTH_A_TABLE, count);
    if (!this.#isGuided) return;
    const guide = this.#guide;
    const scale = count / ends[last]!;
    this.#scale = scale;
    let index = 0;
    for (let entry = 0; entry < count; entry++) {
      while (index < last && ends[index]! * scale <= entry) index++;
      guide[entry] = index;
    }
    guide[count] = last;
  }

  /** @param value from 0 to the total, which itself does not occur. */
  find(value: number): number {
    return this.#isGuided ? this.#findGuided(value) : this.#bisect(value);
  }

  #findGuided(value: number): number {
    const { ends } = this;
    const last = this.#last;
    let found = this.#guide[Math.min(ends.length, Math.floor(value * this.#scale))]!;
    // Rounding may have begun one entry late.
    while (found > 0 && ends[found - 1]! > value) found--;
    while (found < last && ends[found]! <= value) found++;
    return found;
  }

  #bisect(value: number): number {
    const { ends } = this;
    let [low, high] = [0, this.#last];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (ends[middle]! > value) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
