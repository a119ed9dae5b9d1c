import { adaptSlot, freshSlot } from './adaptive-bit.ts';
import type { RangeCoder } from './range-coder.ts';

/** Bit lengths of differences are told in unary, up to this. */
const LONGEST_LENGTH = 31;
/** Slots: whether a count grows after one that did or did not; then, for growing and not, lengths and the bit below the highest. */
const FIRST_LENGTH = 2;
const LENGTH_SLOTS = 2 * (LONGEST_LENGTH + 1);
const LIMIT = 60;

/**
 * Codes how many codes of a line are not 0, by the difference from the line before. Where lines are sorted by their counts, which units of a layer can
 * be without another function, this takes a bit or two where the codes themselves would have to tell some four.
 */
export class LineCounts {
  readonly #coder: RangeCoder;
  readonly #most: number;
  readonly #slots = new Int32Array(FIRST_LENGTH + 2 * LENGTH_SLOTS).fill(freshSlot(0x8000));
  #previous: number;
  #grew = 0;

  /** @param first what is expected of the first line. @param most how many there can be in a line. */
  constructor(coder: RangeCoder, first: number, most: number) {
    this.#coder = coder;
    this.#most = most;
    this.#previous = Math.min(first, most);
  }

  /** Codes the count of the next line. @returns it. */
  code(count: number): number {
    const previous = this.#previous;
    const grows = this.#codeBit(this.#grew, count > previous ? 1 : 0);
    const size = this.#codeSize(grows, grows === 1 ? count - previous - 1 : previous - count);
    this.#grew = grows;
    this.#previous = grows === 1 ? Math.min(this.#most, previous + 1 + size) : Math.max(0, previous - size);
    return this.#previous;
  }

  #codeSize(grows: number, size: number): number {
    const first = FIRST_LENGTH + grows * LENGTH_SLOTS;
    const length = 32 - Math.clz32(size);
    let coded = 0;
    while (coded < LONGEST_LENGTH && this.#codeBit(first + coded, length > coded ? 1 : 0) === 1) coded++;
    if (coded < 2) return coded;
    let value = 2 | this.#codeBit(first + LONGEST_LENGTH + coded, (size >> (coded - 2)) & 1);
    for (let shift = coded - 3; shift >= 0; shift--) {
      value = (value << 1) | this.#coder.code((size >> shift) & 1, 0x8000);
    }
    return value;
  }

  #codeBit(at: number, bit: number): number {
    const coded = this.#coder.code(bit, Math.max(64, Math.min(65_472, this.#slots[at]! >>> 16)));
    adaptSlot(this.#slots, at, coded, LIMIT);
    return coded;
  }
}
