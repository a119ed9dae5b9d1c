import { InvalidArgumentError } from '@qedge/core';
import type { Label } from './registers.ts';

/** The longest instruction of x86-64, rounded up. */
const LONGEST_INSTRUCTION = 16;

/** The recommended long no-operations of 1 to 9 bytes (Intel 64 manual, volume 2, NOP). */
const NO_OPERATIONS: readonly (readonly number[])[] = [
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

/** Bytes of code that grow, with references to labels that are resolved at the end. */
export class CodeBuffer {
  #bytes: Uint8Array<ArrayBuffer>;
  #position = 0;
  readonly #references: { readonly at: number; readonly label: Label; readonly end: number }[] = [];

  /** @param capacity bytes that there is room for at first. */
  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** Offset of the next byte. */
  get position(): number {
    return this.#position;
  }

  /** Makes room for one instruction; every instruction starts with it. */
  reserve(): void {
    if (this.#position + LONGEST_INSTRUCTION <= this.#bytes.length) return;
    this.#grow();
  }

  #grow(): void {
    const grown = new Uint8Array(2 * this.#bytes.length);
    grown.set(this.#bytes);
    this.#bytes = grown;
  }

  /** References to labels so far. */
  get referenceCount(): number {
    return this.#references.length;
  }

  /** Takes away the bytes from `start` to here. */
  takeFrom(start: number): Uint8Array {
    const bytes = this.#bytes.slice(start, this.#position);
    this.#position = start;
    return bytes;
  }

  /** Replaces four bytes. */
  patchInt32(at: number, value: number): void {
    const bytes = this.#bytes;
    bytes[at] = value;
    bytes[at + 1] = value >> 8;
    bytes[at + 2] = value >> 16;
    bytes[at + 3] = value >> 24;
  }

  /** Appends bytes that refer to no label. */
  append(bytes: Uint8Array): void {
    const end = this.#position + bytes.length;
    while (end + LONGEST_INSTRUCTION > this.#bytes.length) this.#grow();
    this.#bytes.set(bytes, this.#position);
    this.#position = end;
  }

  byte(value: number): void {
    this.#bytes[this.#position++] = value;
  }

  int32(value: number): void {
    this.patchInt32(this.#position, value);
    this.#position += 4;
  }

  /** @throws InvalidArgumentError when the label has a place already. */
  bind(label: Label): void {
    if (label.position >= 0) throw new InvalidArgumentError('A label is bound twice');
    label.position = this.#position;
  }

  /**
   * Four bytes that become the distance to `label`, counted from the end of the instruction, which is `trailing` bytes after them.
   */
  distance(label: Label, trailing: number): void {
    this.#references.push({ at: this.#position, label, end: this.#position + 4 + trailing });
    this.int32(0);
  }

  /** Fills up to a multiple of `alignment`, a power of two, with instructions that do nothing. */
  align(alignment: number): void {
    let left = -this.#position & (alignment - 1);
    while (left > 0) {
      this.reserve();
      const length = Math.min(left, NO_OPERATIONS.length);
      for (const byte of NO_OPERATIONS[length - 1]!) this.byte(byte);
      left -= length;
    }
  }

  /**
   * Resolves every reference and returns a copy of the bytes.
   *
   * @throws InvalidArgumentError for a label that is used but has no place.
   */
  finish(): Uint8Array<ArrayBuffer> {
    const end = this.#position;
    for (const reference of this.#references) {
      const { label } = reference;
      if (label.position < 0) throw new InvalidArgumentError('A label is used but bound nowhere');
      this.patchInt32(reference.at, label.position - reference.end);
    }
    return this.#bytes.slice(0, end);
  }
}
