/** The range is refilled, byte by byte, when it falls below this. */
const LEAST_RANGE = 1 << 24;

/**
 * A binary range coder (Martin 1979, with the carry handled as in LZMA) whose probabilities have 16 bits. One class does both directions so
 * that a model is written once and its loop sees one kind of object: {@link RangeCoder.code} writes the bit that it is given, or
 * gives the bit that it reads. Beyond the end of the bytes it reads zeros, and the writer leaves trailing zeros out.
 *
 * @example
 * const writer = RangeCoder.writer();
 * writer.code(1, 60_000);
 * const bytes = writer.finish();
 * RangeCoder.reader(bytes).code(0, 60_000); // 1
 */
export class RangeCoder {
  readonly decoding: boolean;
  readonly #input: Uint8Array;
  #position = 0;
  /** An unsigned 32-bit number kept as a signed one, as is {@link #code}: numbers that engines hold in a register. */
  #range = -1;
  #code = 0;
  /** Lower end of the interval, 0..2^32 and a carry; written only. */
  #low = 0;
  readonly #output: number[] = [];

  private constructor(input: Uint8Array | null) {
    this.decoding = input !== null;
    this.#input = input ?? new Uint8Array();
    for (let i = 0; this.decoding && i < 4; i++) this.#code = (this.#code << 8) | this.#nextByte();
  }

  static writer(): RangeCoder {
    return new RangeCoder(null);
  }

  /** @param bytes what {@link finish} gave; borrowed. */
  static reader(bytes: Uint8Array): RangeCoder {
    return new RangeCoder(bytes);
  }

  /**
   * @param bit 0 or 1 when writing, of no meaning when reading.
   * @param probability of a 1, in 1/65536, 1..65535.
   * @returns the bit.
   */
  code(bit: number, probability: number): number {
    const range = this.#range;
    const bound =
      (Math.imul(range >>> 16, probability) + (Math.imul(range & 0xffff, probability) >>> 16)) | 0;
    return this.decoding ? this.#read(range, bound) : this.#write(bit, range, bound);
  }

  /** The bytes that {@link reader} reads. To be called once, when writing. */
  finish(): Uint8Array {
    // The number in the interval that ends in the most zero bits needs the fewest bytes.
    const high = this.#low + (this.#range >>> 0) - 1;
    let value = high;
    for (let unit = 2 ** 8; unit <= 2 ** 32; unit *= 256) {
      const rounded = Math.floor(high / unit) * unit;
      if (rounded < this.#low) break;
      value = rounded;
    }
    this.#low = value;
    for (let i = 0; i < 4; i++) this.#shiftLow();
    let length = this.#output.length;
    while (length > 0 && this.#output[length - 1] === 0) length--;
    return Uint8Array.from(this.#output.slice(0, length));
  }

  #read(range: number, bound: number): number {
    let code = this.#code;
    let next: number;
    let bit = 0;
    if (code >>> 0 < bound >>> 0) {
      next = bound;
      bit = 1;
    } else {
      next = (range - bound) | 0;
      code = (code - bound) | 0;
    }
    while (next >>> 0 < LEAST_RANGE) {
      next <<= 8;
      code = (code << 8) | this.#nextByte();
    }
    this.#range = next;
    this.#code = code;
    return bit;
  }

  #write(bit: number, range: number, bound: number): number {
    let next: number;
    if (bit === 1) next = bound;
    else {
      next = (range - bound) | 0;
      this.#low += bound >>> 0;
    }
    while (next >>> 0 < LEAST_RANGE) {
      next <<= 8;
      this.#shiftLow();
    }
    this.#range = next;
    return bit;
  }

  /** Moves the highest byte of the lower end to the output, and a carry to the bytes before it. */
  #shiftLow(): void {
    if (this.#low >= 2 ** 32) {
      this.#low -= 2 ** 32;
      let at = this.#output.length - 1;
      while (this.#output[at] === 255) this.#output[at--] = 0;
      this.#output[at]!++;
    }
    const highest = Math.floor(this.#low / 2 ** 24);
    this.#output.push(highest);
    this.#low = (this.#low - highest * 2 ** 24) * 256;
  }

  #nextByte(): number {
    const byte = this.#position < this.#input.length ? this.#input[this.#position]! : 0;
    this.#position++;
    return byte;
  }
}
