/**
 * Asymmetric numeral systems with ranges (Duda 2013, as rANS with 16-bit words): symbols of known frequencies at a table look-up each. A state is
 * a whole number of 31 bits. What is read last must be written first.
 */

/** Frequencies of a table sum up to 2 to this power. */
export const FREQUENCY_BITS = 12;
export const FREQUENCY_TOTAL = 1 << FREQUENCY_BITS;

/** States lie in `LEAST_STATE .. 2^16 LEAST_STATE - 1`; the writer begins, and the reader ends, with the least one. */
const LEAST_STATE = 1 << 15;

/** Symbols of several contexts, ready to be looked up. Context `c` has its symbols at `c * symbolCount` and its slots at `c * FREQUENCY_TOTAL`. */
export class SymbolTables {
  readonly symbolCount: number;
  /** Frequency in the upper half and the sum of those before in the lower one. */
  readonly #ranges: Int32Array;
  readonly #slots: Uint8Array;

  /** @param frequencies of each context's symbols, summing up to {@link FREQUENCY_TOTAL} in each. At most 256 symbols. */
  constructor(frequencies: readonly Uint16Array[]) {
    this.symbolCount = frequencies[0]?.length ?? 0;
    this.#ranges = new Int32Array(frequencies.length * this.symbolCount);
    this.#slots = new Uint8Array(frequencies.length * FREQUENCY_TOTAL);
    for (const [context, ofSymbols] of frequencies.entries()) {
      let start = 0;
      for (const [symbol, frequency] of ofSymbols.entries()) {
        this.#ranges[context * this.symbolCount + symbol] = (frequency << 16) | start;
        const slot = context * FREQUENCY_TOTAL + start;
        this.#slots.fill(symbol, slot, slot + frequency);
        start += frequency;
      }
    }
  }

  /** The symbol whose range a slot is in. */
  symbolAt(context: number, slot: number): number {
    return this.#slots[(context << FREQUENCY_BITS) | slot]!;
  }

  range(context: number, symbol: number): number {
    return this.#ranges[context * this.symbolCount + symbol]!;
  }
}

/** Writes symbols and bits, the last one first. */
export class RansWriter {
  #state = LEAST_STATE;
  /** Filled from its end. */
  #words = new Uint16Array(1 << 10);
  #first = this.#words.length;

  /** A symbol of a frequency above 0. */
  writeSymbol(tables: SymbolTables, context: number, symbol: number): void {
    const range = tables.range(context, symbol);
    const frequency = range >>> 16;
    this.#makeRoom(frequency * 2 ** (31 - FREQUENCY_BITS));
    this.#state =
      Math.floor(this.#state / frequency) * FREQUENCY_TOTAL + (this.#state % frequency) + (range & 0xffff);
  }

  /** The `count` lowest bits of a number, at most 15. */
  writeBits(bits: number, count: number): void {
    this.#makeRoom(2 ** (31 - count));
    this.#state = this.#state * 2 ** count + bits;
  }

  /** The bytes that {@link RansReader} reads. To be called once. */
  finish(): Uint8Array {
    this.#push(this.#state >>> 16);
    this.#push(this.#state & 0xffff);
    const words = this.#words.subarray(this.#first);
    const bytes = new DataView(new ArrayBuffer(2 * words.length));
    for (const [i, word] of words.entries()) bytes.setUint16(2 * i, word, true);
    return new Uint8Array(bytes.buffer);
  }

  #makeRoom(limit: number): void {
    if (this.#state < limit) return;
    this.#push(this.#state & 0xffff);
    this.#state >>>= 16;
  }

  #push(word: number): void {
    if (this.#first === 0) {
      const larger = new Uint16Array(2 * this.#words.length);
      this.#first = this.#words.length;
      larger.set(this.#words, this.#first);
      this.#words = larger;
    }
    this.#words[--this.#first] = word;
  }
}

/** Reads what a {@link RansWriter} wrote. Whatever the bytes are, it gives symbols and bits; {@link isAtEnd} tells whether they were right. */
export class RansReader {
  readonly #bytes: Uint8Array;
  #position = 4;
  #state: number;

  /** @param bytes borrowed. */
  constructor(bytes: Uint8Array) {
    const [a = 0, b = 0, c = 0, d = 0] = bytes;
    this.#bytes = bytes;
    this.#state = (a | (b << 8) | (c << 16) | (d << 24)) & 0x7fffffff;
  }

  readSymbol(tables: SymbolTables, context: number): number {
    const state = this.#state;
    const slot = state & (FREQUENCY_TOTAL - 1);
    const symbol = tables.symbolAt(context, slot);
    const range = tables.range(context, symbol);
    this.#refill(Math.imul(range >>> 16, state >> FREQUENCY_BITS) + slot - (range & 0xffff));
    return symbol;
  }

  readBits(count: number): number {
    const state = this.#state;
    this.#refill(state >> count);
    return state & ((1 << count) - 1);
  }

  /** Whether all bytes were read and led back to where the writer began. */
  get isAtEnd(): boolean {
    return this.#state === LEAST_STATE && this.#position === this.#bytes.length;
  }

  #refill(state: number): void {
    if (state >= LEAST_STATE) {
      this.#state = state;
      return;
    }
    const at = this.#position;
    this.#position = at + 2;
    const word = at + 1 < this.#bytes.length ? this.#bytes[at]! | (this.#bytes[at + 1]! << 8) : 0;
    this.#state = (state << 16) | word;
  }
}
