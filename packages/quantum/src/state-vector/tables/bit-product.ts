/** A complex function of some bits, begun as a product over bits of one factor for 0 and one for 1. */
export class BitProduct {
  /** `[2^bits]` after {@link build}. */
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
  /** True where it is 1 everywhere. */
  isOne = true;
  /** For each bit, and at last for none: `[for 0, for 1]`, each real and imaginary. */
  readonly #factors: Float64Array;
  readonly #none: number;
  #bits = 0;

  constructor(mostBits: number) {
    this.real = new Float64Array(2 ** mostBits);
    this.imaginary = new Float64Array(2 ** mostBits);
    this.#factors = new Float64Array(4 * (mostBits + 1));
    this.#none = 4 * mostBits;
  }

  /** Begins with 1, of so many bits. */
  begin(bits: number): void {
    this.isOne = true;
    this.#bits = bits;
    const factors = this.#factors.fill(0);
    for (let at = 0; at < factors.length; at += 2) factors[at] = 1;
  }

  /** Multiplies with `c + i s`. */
  multiply(c: number, s: number): void {
    this.#multiplyFactor(this.#none, c, s);
  }

  /** Multiplies with `a + i b` where the bit of a mask is 0, with `c + i d` where it is 1. */
  multiplyBit(mask: number, a: number, b: number, c: number, d: number): void {
    const at = 4 * (31 - Math.clz32(mask));
    this.#multiplyFactor(at, a, b);
    this.#multiplyFactor(at + 2, c, d);
  }

  #multiplyFactor(at: number, c: number, s: number): void {
    this.isOne = false;
    const factors = this.#factors;
    const x = factors[at]!;
    const y = factors[at + 1]!;
    factors[at] = x * c - y * s;
    factors[at + 1] = x * s + y * c;
  }

  build(): void {
    const { real, imaginary } = this;
    const factors = this.#factors;
    real[0] = factors[this.#none]!;
    imaginary[0] = factors[this.#none + 1]!;
    for (let bit = 0; bit < this.#bits; bit++) {
      const half = 1 << bit;
      const a = factors[4 * bit]!;
      const b = factors[4 * bit + 1]!;
      const c = factors[4 * bit + 2]!;
      const d = factors[4 * bit + 3]!;
      for (let i = 0; i < half; i++) {
        const x = real[i]!;
        const y = imaginary[i]!;
        real[half + i] = x * c - y * d;
        imaginary[half + i] = x * d + y * c;
      }
      if (a === 1 && b === 0) continue;
      for (let i = 0; i < half; i++) {
        const x = real[i]!;
        const y = imaginary[i]!;
        real[i] = x * a - y * b;
        imaginary[i] = x * b + y * a;
      }
    }
  }
}
