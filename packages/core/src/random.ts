import { InvalidArgumentError } from './errors.ts';

/**
 * A seeded stream of pseudo-random numbers: xoshiro128** 1.1 by Blackman and Vigna (public domain), seeded through
 * SplitMix64. Equal seeds give equal streams on every machine. Not for cryptography.
 *
 * @example
 * const random = new Random(42);
 * const order = random.shuffle(new Uint32Array([0, 1, 2, 3]));
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;
  #spareNormal: number | null = null;

  /**
   * @param seed any safe integer.
   * @throws InvalidArgumentError for anything else.
   */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed)) {
      throw new InvalidArgumentError('A seed must be reproducible', {
        expected: 'a safe integer',
        actual: seed,
      });
    }
    const next = splitMix64(BigInt(seed));
    const [low, high] = [next(), next()];
    this.#a = Number(low & 0xffffffffn);
    this.#b = Number(low >> 32n);
    this.#c = Number(high & 0xffffffffn);
    this.#d = Number(high >> 32n);
  }

  /**
   * A stream that starts from the four 32-bit words of an xoshiro128** state (for published test vectors).
   *
   * @throws InvalidArgumentError when all words are 0, from where the generator never moves, or a word is not a 32-bit integer.
   */
  static fromState(state: readonly [number, number, number, number]): Random {
    const isWord = (word: number) => Number.isInteger(word) && word >= 0 && word <= 0xffffffff;
    if (!state.every(isWord) || state.every((word) => word === 0)) {
      throw new InvalidArgumentError('Not a state of the generator', {
        expected: 'four integers in 0..2^32-1, not all 0',
        actual: state,
      });
    }
    const random = new Random(0);
    [random.#a, random.#b, random.#c, random.#d] = state;
    return random;
  }

  /** An integer, uniform in 0..2^32-1. */
  uint32(): number {
    const fiveB = Math.imul(this.#b, 5);
    const result = Math.imul((fiveB << 7) | (fiveB >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** Uniform in [0, 1) with 53 random bits. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    const low = this.uint32() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  /** An integer, uniform in 0..bound-1 without bias. `bound` is 1..2^32. */
  integer(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > 4294967296) {
      throw new InvalidArgumentError('A bound is out of range', {
        expected: 'an integer in 1..2^32',
        actual: bound,
      });
    }
    const limit = 4294967296 - (4294967296 % bound);
    let value = this.uint32();
    while (value >= limit) value = this.uint32();
    return value % bound;
  }

  /** Normal with mean 0 and variance 1 (Marsaglia's polar method). */
  normal(): number {
    if (this.#spareNormal !== null) {
      const spare = this.#spareNormal;
      this.#spareNormal = null;
      return spare;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const square = u * u + v * v;
      if (square === 0 || square >= 1) continue;
      const factor = Math.sqrt((-2 * Math.log(square)) / square);
      this.#spareNormal = v * factor;
      return u * factor;
    }
  }

  /** Shuffles in place (Fisher-Yates) and returns the same array. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = items[i];
      items[i] = items[j];
      items[j] = kept;
    }
    return items;
  }

  /** A new, independent stream, named so that adding one consumer does not disturb the others. Does not advance this stream. */
  fork(label: string): Random {
    let hash = 0xcbf29ce484222325n;
    const mix = (value: bigint) => {
      hash = ((hash ^ value) * 0x100000001b3n) & 0xffffffffffffffffn;
    };
    for (const word of [this.#a, this.#b, this.#c, this.#d]) mix(BigInt(word >>> 0));
    for (let i = 0; i < label.length; i++) mix(BigInt(label.charCodeAt(i)));
    return new Random(Number(hash & 0x1fffffffffffffn));
  }
}

/** SplitMix64 (Steele, Lea, Flood 2014), the seeding that the authors of xoshiro recommend. */
function splitMix64(seed: bigint): () => bigint {
  const mask = 0xffffffffffffffffn;
  let state = seed & mask;
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & mask;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
    return z ^ (z >> 31n);
  };
}
