import { adaptSlot, freshSlot } from './adaptive-bit.ts';
import { LARGEST_STRETCH, SQUASH, STRETCH } from './logistic-tables.ts';
import { RangeCoder } from './range-coder.ts';

/** Bytes before the coded one that each context sees: 0 to 4, and 6. */
const ORDERS = [0, 1, 2, 3, 4, 6] as const;
/** One more input is the byte that followed the last time when the bytes before were the same. */
const INPUTS = ORDERS.length + 1;
const TABLE_BITS = 16;
/** Equal bytes that make a match worth following. */
const SHORTEST_MATCH = 5;
const MATCH_LENGTHS = 16;
const LIMIT = 255;

/** What mixing the contexts of a text has taught: weights of the inputs by the length of the match, and how often matches were right. */
export interface TextMixture {
  readonly weights: readonly number[];
  readonly matchSlots: readonly number[];
}

/** Text that writer and reader know. */
export interface KnownText {
  readonly bytes: Uint8Array;
  /** {@link mixtureOf} the bytes, where it is at hand: most of the time that learning takes is the mixture's. */
  readonly mixture?: TextMixture;
}

/** Learns what a text teaches about mixing. */
export function mixtureOf(bytes: Uint8Array): TextMixture {
  return new TextModel({ bytes }, 0).mixture;
}

/**
 * Codes text byte by byte, after a text that writer and reader both know and that teaches the model what to expect.
 *
 * @param preset the known text.
 */
export function encodeText(text: Uint8Array, preset: KnownText): Uint8Array {
  const coder = RangeCoder.writer();
  const model = new TextModel(preset, text.length);
  for (const byte of text) model.code(coder, byte);
  return coder.finish();
}

/**
 * Reads what {@link encodeText} wrote with the same preset. Whatever the bytes are, the result has `byteLength` bytes.
 *
 * @returns a new array.
 */
export function decodeText(coded: Uint8Array, byteLength: number, preset: KnownText): Uint8Array {
  const coder = RangeCoder.reader(coded);
  const model = new TextModel(preset, byteLength);
  const text = new Uint8Array(byteLength);
  for (let i = 0; i < byteLength; i++) text[i] = model.code(coder, 0);
  return text;
}

/** Predicts bits of a byte from the bytes before it: a mixture of contexts of several lengths and of the longest match (as in lpaq). */
class TextModel {
  /** The preset and what was coded after it. */
  readonly #history: Uint8Array;
  #length = 0;
  readonly #slots = new Int32Array(ORDERS.length << TABLE_BITS);
  /** Where each context's slots begin for the byte that is coded. */
  readonly #hashes = new Int32Array(ORDERS.length);
  readonly #matchSlots = new Int32Array(2 * MATCH_LENGTHS).fill(freshSlot(0x8000));
  readonly #weights = new Int32Array(INPUTS * MATCH_LENGTHS).fill(WEIGHT_ONE / 3);
  readonly #inputs = new Int32Array(INPUTS);
  readonly #used = new Int32Array(INPUTS);
  /** Position after the last occurrence of the latest bytes, by their hash. */
  readonly #lastSeen = new Int32Array(1 << TABLE_BITS);
  #match = 0;
  #matchLength = 0;

  constructor({ bytes, mixture }: KnownText, byteLength: number) {
    this.#history = new Uint8Array(bytes.length + byteLength);
    if (mixture === undefined) for (const byte of bytes) this.code(null, byte);
    else {
      for (const byte of bytes) this.#learnContexts(byte);
      this.#weights.set(mixture.weights);
      this.#matchSlots.set(mixture.matchSlots);
    }
  }

  get mixture(): TextMixture {
    return { weights: [...this.#weights], matchSlots: [...this.#matchSlots] };
  }

  /** Learns a byte in its contexts, but not how they are mixed. */
  #learnContexts(byte: number): void {
    const slots = this.#slots;
    for (let order = 0; order < INPUTS - 1; order++) {
      const first = order << TABLE_BITS;
      const ofContext = this.#hashes[order]!;
      for (let shift = 7; shift >= 0; shift--) {
        const at = first | placeOf(ofContext, (byte | 256) >> (shift + 1));
        if (slots[at] === 0) slots[at] = freshSlot(0x8000);
        adaptSlot(slots, at, (byte >> shift) & 1, LIMIT);
      }
    }
    this.#append(byte);
  }

  /** Codes one byte, or learns it where there is no coder. @returns it. */
  code(coder: RangeCoder | null, byte: number): number {
    let node = 1;
    for (let shift = 7; shift >= 0; shift--) {
      node = (node << 1) | this.#codeBit(coder, (byte >> shift) & 1, node);
    }
    const coded = node & 255;
    this.#append(coded);
    return coded;
  }

  #codeBit(coder: RangeCoder | null, bit: number, node: number): number {
    const inputs = this.#inputs;
    const used = this.#used;
    const slots = this.#slots;
    const weights = this.#weights;
    const hashes = this.#hashes;
    const expected = this.#expectedBit(node);
    const length = expected < 0 ? 0 : Math.min(MATCH_LENGTHS - 1, this.#matchLength);
    const matchAt = 2 * length + Math.max(0, expected);
    const first = INPUTS * length;
    let sum = 0;
    for (let order = 0; order < INPUTS - 1; order++) {
      const at = (order << TABLE_BITS) | placeOf(hashes[order]!, node);
      const slot = slots[at]!;
      const input = slot === 0 ? 0 : STRETCH[slot >>> 20]!;
      used[order] = at;
      inputs[order] = input;
      sum = (sum + Math.imul(input, weights[first + order]!)) | 0;
    }
    const match = expected < 0 ? 0 : STRETCH[this.#matchSlots[matchAt]! >>> 20]!;
    inputs[INPUTS - 1] = match;
    sum = (sum + Math.imul(match, weights[first + INPUTS - 1]!)) | 0;
    const x = Math.max(-LARGEST_STRETCH, Math.min(LARGEST_STRETCH, sum >> WEIGHT_SHIFT));
    const probability = Math.max(16, Math.min(65_520, SQUASH[x + 2048]!));
    const coded = coder === null ? bit : coder.code(bit, probability);
    this.#learn(first, coded, probability);
    if (expected >= 0) adaptSlot(this.#matchSlots, matchAt, coded, LIMIT);
    return coded;
  }

  #learn(first: number, bit: number, probability: number): void {
    const inputs = this.#inputs;
    const used = this.#used;
    const slots = this.#slots;
    const weights = this.#weights;
    const error = Math.imul((bit << 16) - probability, LEARNING_RATE) >> 4;
    for (let i = 0; i < INPUTS; i++) {
      const at = first + i;
      weights[at] = weights[at]! + ((Math.imul(inputs[i]!, error) + 0x8000) >> 16);
    }
    for (let order = 0; order < INPUTS - 1; order++) {
      const at = used[order]!;
      if (slots[at] === 0) slots[at] = freshSlot(0x8000);
      adaptSlot(slots, at, bit, LIMIT);
    }
  }

  /** The bit that follows where the match points, or -1 without a match or once it has failed within this byte. */
  #expectedBit(node: number): number {
    if (this.#matchLength === 0) return -1;
    const expected = this.#history[this.#match]! | 256;
    const known = 31 - Math.clz32(node);
    return expected >> (8 - known) === node ? (expected >> (7 - known)) & 1 : -1;
  }

  #append(byte: number): void {
    const history = this.#history;
    const length = this.#length;
    if (this.#matchLength > 0 && history[this.#match] === byte) {
      this.#matchLength++;
      this.#match++;
    } else this.#matchLength = 0;
    history[length] = byte;
    this.#length = length + 1;
    for (let order = 0; order < ORDERS.length; order++) {
      let hash = Math.imul(order + 1, 0x2545f491);
      for (let back = 0; back < ORDERS[order]!; back++) {
        hash = Math.imul(hash ^ (history[length - back] ?? 0), 0x01000193) + 0x3c6ef35f;
      }
      this.#hashes[order] = hash;
    }
    this.#findMatch();
  }

  #findMatch(): void {
    const history = this.#history;
    const length = this.#length;
    if (length < SHORTEST_MATCH) return;
    let hash = 0;
    for (let back = 1; back <= SHORTEST_MATCH; back++)
      hash = Math.imul(hash ^ history[length - back]!, 0x01000193);
    const at = Math.imul(hash, 0x9e3779b1 | 0) >>> (32 - TABLE_BITS);
    if (this.#matchLength === 0) {
      this.#match = this.#lastSeen[at]!;
      let matching = 0;
      while (
        matching < 32 &&
        matching < this.#match &&
        history[this.#match - 1 - matching] === history[length - 1 - matching]
      ) {
        matching++;
      }
      this.#matchLength = matching >= SHORTEST_MATCH ? matching : 0;
    }
    this.#lastSeen[at] = length;
  }
}

/** Weights of the mixture have this many fractional bits. */
const WEIGHT_SHIFT = 14;
const WEIGHT_ONE = 1 << WEIGHT_SHIFT;
const LEARNING_RATE = 12;

/** Where, in its order's table, a context has what it knows about a bit. @param node the bits of the byte before it, with a leading 1. */
function placeOf(context: number, node: number): number {
  return Math.imul(context + Math.imul(node, 0x2f0b4c47), 0x9e3779b1 | 0) >>> (32 - TABLE_BITS);
}
