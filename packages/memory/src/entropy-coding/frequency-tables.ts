import { adaptSlot, freshSlot } from './adaptive-bit.ts';
import { RangeCoder } from './range-coder.ts';
import { FREQUENCY_TOTAL } from './rans-coder.ts';

/**
 * Frequencies are told in eight steps per octave: level 0 is never, level `q` is `8 + (q - 1) mod 8` times `2^((q - 1) div 8)` eighths of the
 * least frequency. Both sides make frequencies of them alike.
 */
const STEPS_BITS = 3;
const STEPS = 1 << STEPS_BITS;
const HIGHEST_LEVEL = 1 + 12 * STEPS;

/** Levels of the counts of one context's symbols. */
export function levelsOf(counts: Uint32Array): Uint8Array {
  let total = 0;
  for (const count of counts) total += count;
  return Uint8Array.from(counts, (count) => {
    if (count === 0) return 0;
    const weight = Math.max(STEPS, Math.floor((count * STEPS * FREQUENCY_TOTAL) / total));
    const octave = 31 - Math.clz32(weight) - STEPS_BITS;
    const half = octave === 0 ? 0 : 1 << (octave - 1);
    return Math.min(HIGHEST_LEVEL, octave * STEPS + ((weight + half) >> octave) - STEPS + 1);
  });
}

/** Frequencies that sum up to {@link FREQUENCY_TOTAL}; where all levels are 0 the first symbol has all. */
export function frequenciesOf(levels: Uint8Array): Uint16Array {
  let total = 0;
  for (const level of levels) total += weightOf(level);
  const frequencies = new Uint16Array(levels.length);
  let rest = FREQUENCY_TOTAL;
  let largest = 0;
  for (const [symbol, level] of levels.entries()) {
    if (level === 0) continue;
    const frequency = Math.max(1, Math.floor((weightOf(level) * FREQUENCY_TOTAL) / total));
    frequencies[symbol] = frequency;
    rest -= frequency;
    if (frequency > frequencies[largest]!) largest = symbol;
  }
  // The largest of n frequencies is at least 4096 / n, and n is below 64: what is too much is less.
  frequencies[largest]! += rest;
  return frequencies;
}

function weightOf(level: number): number {
  return level === 0 ? 0 : (STEPS + ((level - 1) & (STEPS - 1))) << ((level - 1) >> STEPS_BITS);
}

/** Writes the levels of contexts of which `stride` apart ones are alike. @param levels one array for each context, all of one length. */
export function encodeLevels(levels: readonly Uint8Array[], stride: number): Uint8Array {
  const coder = RangeCoder.writer();
  codeLevels(coder, levels, stride);
  return coder.finish();
}

/** Reads what {@link encodeLevels} wrote. */
export function decodeLevels(
  bytes: Uint8Array,
  contexts: number,
  symbolCount: number,
  stride: number,
): Uint8Array[] {
  const levels = Array.from({ length: contexts }, () => new Uint8Array(symbolCount));
  codeLevels(RangeCoder.reader(bytes), levels, stride);
  return levels;
}

function codeLevels(coder: RangeCoder, levels: readonly Uint8Array[], stride: number): void {
  const model = new LevelModel(coder);
  for (const [context, ofSymbols] of levels.entries()) {
    const alike = context >= stride ? levels[context - stride]! : null;
    for (const [symbol, level] of ofSymbols.entries()) {
      const before = symbol === 0 ? 0 : ofSymbols[symbol - 1]!;
      const expected = alike === null ? before : expectedLevel(alike, symbol, before);
      const known = alike === null ? 2 : alike[symbol] === 0 ? 0 : 1;
      ofSymbols[symbol] = model.code(level, expected, (before === 0 ? 0 : 1) + 2 * known);
    }
  }
}

/** The level of the context that is alike, moved half as far as the symbol before. */
function expectedLevel(alike: Uint8Array, symbol: number, before: number): number {
  const same = alike[symbol]!;
  if (same === 0) return before;
  if (symbol === 0 || before === 0 || alike[symbol - 1] === 0) return same;
  return Math.max(1, Math.min(HIGHEST_LEVEL, same + ((before - alike[symbol - 1]!) >> 1)));
}

/** Codes a level by whether it is 0, else by its distance from what is expected. */
class LevelModel {
  readonly #coder: RangeCoder;
  readonly #absent = new Int32Array(6).fill(freshSlot(0x8000));
  readonly #signs = new Int32Array(1).fill(freshSlot(0x8000));
  /** Unary bit lengths of distances, then the highest bits below. */
  readonly #lengths = new Int32Array(16).fill(freshSlot(0x8000));
  readonly #bits = new Int32Array(64).fill(freshSlot(0x8000));

  constructor(coder: RangeCoder) {
    this.#coder = coder;
  }

  code(level: number, expected: number, context: number): number {
    if (this.#codeBit(this.#absent, context, level === 0 ? 1 : 0) === 1) return 0;
    const distance = level - expected;
    const size = this.#codeSize(distance < 0 ? -distance : distance);
    if (size === 0) return expected;
    const coded = this.#codeBit(this.#signs, 0, distance < 0 ? 1 : 0) === 1 ? -size : size;
    // Distances that no writer gives stay levels.
    return Math.max(1, Math.min(HIGHEST_LEVEL, expected + coded));
  }

  #codeSize(size: number): number {
    const length = 32 - Math.clz32(size);
    let coded = 0;
    while (coded < 7 && this.#codeBit(this.#lengths, coded, length > coded ? 1 : 0) === 1) coded++;
    if (coded < 2) return coded;
    let value = 1;
    for (let shift = coded - 2; shift >= 0; shift--) {
      const node = coded * 8 + Math.min(value, 7);
      value = (value << 1) | this.#codeBit(this.#bits, node, (size >> shift) & 1);
    }
    return value;
  }

  #codeBit(slots: Int32Array, at: number, bit: number): number {
    const coded = this.#coder.code(bit, Math.max(64, Math.min(65_472, slots[at]! >>> 16)));
    adaptSlot(slots, at, coded, 255);
    return coded;
  }
}
