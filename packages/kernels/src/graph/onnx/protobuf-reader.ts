import { FileFormatError } from '@qedge/core';

/** Messages inside messages; ONNX files nest about eight per level of sub-graphs. */
const MAX_DEPTH = 128;

/** Messages in one file: bounds the memory that a small hostile file can make a reader take. */
const MAX_MESSAGES = 2 ** 19;

const TEXT = new TextDecoder();

/** What all readers of one file share. */
interface Source {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  messages: number;
}

/** How a field is written. */
export const WIRE_TYPE = { varint: 0, fixed64: 1, lengthDelimited: 2, fixed32: 5 } as const;

/**
 * Reads one protocol buffers message, field by field, without copying. After {@link next} exactly one of the reading methods (or
 * {@link skip}) must be called. Every length is checked against the message around it.
 *
 * @see https://protobuf.dev/programming-guides/encoding/
 */
export class ProtobufReader {
  /** Number of the current field. */
  field = 0;
  /** One of {@link WIRE_TYPE}. */
  wireType = 0;

  readonly #source: Source;
  readonly #end: number;
  readonly #depth: number;
  #position: number;

  private constructor(source: Source, start: number, end: number, depth: number) {
    this.#source = source;
    this.#position = start;
    this.#end = end;
    this.#depth = depth;
  }

  /** A reader of the message that fills `bytes`. */
  static open(bytes: Uint8Array): ProtobufReader {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new ProtobufReader({ bytes, view, messages: 0 }, 0, bytes.byteLength, 0);
  }

  /** Byte offset in the file, for errors. */
  get position(): number {
    return this.#position;
  }

  /** Moves to the next field. False at the end of the message. */
  next(): boolean {
    if (this.#position >= this.#end) return false;
    const tag = this.#unsigned();
    this.field = Math.floor(tag / 8);
    this.wireType = tag % 8;
    if (this.field < 1 || this.field > 0x1fff_ffff) this.fail('A field number is out of range', this.field);
    return true;
  }

  /** An integer with 64 bits and sign; beyond 2^53 the nearest number. */
  integer(): number {
    this.#expect(WIRE_TYPE.varint);
    return this.#varint();
  }

  float32(): number {
    this.#expect(WIRE_TYPE.fixed32);
    return this.#source.view.getFloat32(this.#take(4), true);
  }

  float64(): number {
    this.#expect(WIRE_TYPE.fixed64);
    return this.#source.view.getFloat64(this.#take(8), true);
  }

  /** A view of the bytes of a field. */
  bytes(): Uint8Array {
    this.#expect(WIRE_TYPE.lengthDelimited);
    const length = this.#unsigned();
    const start = this.#take(length);
    return this.#source.bytes.subarray(start, start + length);
  }

  text(): string {
    return TEXT.decode(this.bytes());
  }

  /** A reader of the message in a field; it must be read before this one goes on or not at all. */
  message(): ProtobufReader {
    this.#expect(WIRE_TYPE.lengthDelimited);
    const length = this.#unsigned();
    const start = this.#take(length);
    if (this.#depth + 1 > MAX_DEPTH) this.fail('Messages are nested too deeply', `more than ${MAX_DEPTH}`);
    this.#source.messages += 1;
    if (this.#source.messages > MAX_MESSAGES)
      this.fail('There are too many messages', `more than ${MAX_MESSAGES}`);
    return new ProtobufReader(this.#source, start, start + length, this.#depth + 1);
  }

  /** Appends the integers of a repeated field, packed or not. */
  integers(into: number[]): void {
    if (this.wireType === WIRE_TYPE.varint) into.push(this.#varint());
    else for (const packed = this.message(); packed.#position < packed.#end; ) into.push(packed.#varint());
  }

  /** Appends the floats of a repeated field, packed or not. */
  floats(into: number[]): void {
    if (this.wireType === WIRE_TYPE.fixed32) {
      into.push(this.float32());
      return;
    }
    const bytes = this.bytes();
    if (bytes.byteLength % 4 !== 0) this.fail('Packed floats have a wrong length', bytes.byteLength);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.byteLength; at += 4) into.push(view.getFloat32(at, true));
  }

  /** Passes over the field. */
  skip(): void {
    if (this.wireType === WIRE_TYPE.varint) this.#varint();
    else if (this.wireType === WIRE_TYPE.fixed64) this.#take(8);
    else if (this.wireType === WIRE_TYPE.fixed32) this.#take(4);
    else if (this.wireType === WIRE_TYPE.lengthDelimited) this.#take(this.#unsigned());
    else this.fail('A field has an unknown wire type', this.wireType);
  }

  /** @throws FileFormatError with the byte offset, always. */
  fail(message: string, actual: unknown): never {
    throw new FileFormatError(message, {
      actual: `${String(actual)} at byte ${this.#position}`,
      remedy: 'Check that the file is a whole ONNX model.',
      facts: { offset: this.#position },
    });
  }

  #expect(wireType: number): void {
    if (this.wireType !== wireType)
      this.fail(`Field ${this.field} has a wrong wire type`, `type ${this.wireType}`);
  }

  /** Passes over `length` bytes and tells where they start. */
  #take(length: number): number {
    const start = this.#position;
    if (length > this.#end - start)
      this.fail('A field is longer than the message around it', `${length} bytes`);
    this.#position = start + length;
    return start;
  }

  #unsigned(): number {
    const value = this.#varint();
    if (value < 0 || value > Number.MAX_SAFE_INTEGER) this.fail('A length or tag is out of range', value);
    return value;
  }

  #varint(): number {
    const { bytes } = this.#source;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#position >= this.#end) this.fail('The file ends inside an integer', 'the end');
      const byte = bytes[this.#position++]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) return high * 0x1_0000_0000 + (low >>> 0);
    }
    return this.fail('An integer has more than ten bytes', 'eleven');
  }
}

/** The integers of a packed field, appended to `into`. @throws FileFormatError when the bytes end inside one. */
export function readPackedIntegers(bytes: Uint8Array, into: { push(value: number): unknown }): void {
  const reader = ProtobufReader.open(bytes);
  while (reader.position < bytes.byteLength) {
    reader.wireType = WIRE_TYPE.varint;
    into.push(reader.integer());
  }
}
