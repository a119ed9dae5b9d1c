import type { Random } from '@qedge/core';

/** Cells of a table for each index, and for each draw, as powers of two; and most cells. */
const [CELLS_PER_INDEX_BITS, MOST_CELL_BITS] = [2, 16];

/**
 * Draws indices with probabilities in proportion to the steps of running sums. The range of random numbers is cut into equal cells (Chen and
 * Asau 1974): most lie within one index, which 32 random bits then find; in the others 21 bits more decide exactly, and a step or two lead from
 * the cell's first index to the right one. Every draw takes one number from the generator, so that rounding, which decides in what cell a sum
 * lies, never moves the draws that follow. One object serves many running sums of the same length.
 */
export class CumulativeSearch {
  /** The running sums; to be filled before {@link prepare}. */
  readonly ends: Float64Array;
  /** The index that a cell lies in, or where several meet, the first of them inverted. */
  readonly #cells: Int32Array;
  #cellBits = 0;
  #last = 0;
  /** Since {@link prepare}; draws of equal upper bits have different lower ones. */
  #draws = 0;

  constructor(length: number) {
    this.ends = new Float64Array(length);
    this.#cells = new Int32Array(2 ** Math.min(MOST_CELL_BITS, bitsFor(length) + CELLS_PER_INDEX_BITS));
  }

  /** Makes ready for so many draws. Never is an index drawn that adds nothing. */
  prepare(draws: number): void {
    const { ends } = this;
    const cells = this.#cells;
    this.#draws = 0;
    let last = ends.length - 1;
    while (last > 0 && ends[last] === ends[last - 1]) last--;
    this.#last = last;
    const most = Math.log2(cells.length);
    this.#cellBits = Math.min(most, bitsFor(draws) + CELLS_PER_INDEX_BITS);
    const count = 2 ** this.#cellBits;
    const width = ends[last]! / count;
    let index = 0;
    for (let cell = 0; cell < count; cell++) {
      while (index < last && ends[index]! <= cell * width) index++;
      // A hair more than the cell, so that rounding at its end is found out.
      const isWhole = index === last || ends[index]! > (cell + 1.001) * width;
      cells[cell] = isWhole ? index : ~index;
    }
  }

  draw(random: Random): number {
    const high = random.uint32();
    const found = this.#cells[high >>> (32 - this.#cellBits)]!;
    this.#draws = (this.#draws + 1) | 0;
    return found >= 0 ? found : this.#find(~found, high * 2 ** 21 + (mixBits(high ^ this.#draws) >>> 11));
  }

  /** @param first an index from where on to look. @param bits 53 random ones. */
  #find(first: number, bits: number): number {
    const { ends } = this;
    const last = this.#last;
    const value = (bits / 2 ** 53) * ends[last]!;
    let found = first;
    // Rounding may have begun one index late.
    while (found > 0 && ends[found - 1]! > value) found--;
    while (found < last && ends[found]! <= value) found++;
    return found;
  }
}

function bitsFor(count: number): number {
  return Math.max(1, Math.ceil(Math.log2(count)));
}

/** Scatters 32 bits (Appleby's MurmurHash3, the finalizer). */
function mixBits(bits: number): number {
  let mixed = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
