/**
 * A whole number as LEB128: seven bits per byte, least significant first, the highest bit set on all bytes but the last.
 *
 * @param value 0..2^53-1.
 */
export function encodeVarint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return bytes;
}

/** Reads numbers one after the other. */
export class VarintReader {
  readonly #bytes: Uint8Array;
  #position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.#bytes = bytes;
    this.#position = position;
  }

  /** Of the next byte. */
  get position(): number {
    return this.#position;
  }

  /** The next number, or null where none ends before the bytes do, or where it is larger than 2^53-1. */
  next(): number | null {
    let value = 0;
    for (let unit = 1; this.#position < this.#bytes.length && unit < 2 ** 53; unit *= 128) {
      const byte = this.#bytes[this.#position++]!;
      value += (byte & 127) * unit;
      if (byte < 128) return Number.isSafeInteger(value) ? value : null;
    }
    return null;
  }
}

/** A signed number as an unsigned one: 0, -1, 1, -2, ... become 0, 1, 2, 3, ... */
export function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

/** Undoes {@link zigzag}. */
export function unzigzag(value: number): number {
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}
