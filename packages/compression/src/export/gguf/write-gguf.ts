import type { BlockType } from './block-types.ts';
import { GGUF_ALIGNMENT, GGUF_MAGIC, GGUF_STRING, GGUF_UINT32, GGUF_VERSION } from './layout.ts';

/** A tensor to be written. */
export interface GgufTensor {
  readonly name: string;
  /** The axis along which neighbours lie comes first, as the format has it. */
  readonly dimensions: readonly number[];
  readonly type: BlockType;
  readonly bytes: Uint8Array;
}

/** Bytes that grow. */
class ByteWriter {
  readonly #parts: Uint8Array[] = [];
  byteLength = 0;

  bytes(part: Uint8Array): void {
    this.#parts.push(part);
    this.byteLength += part.length;
  }

  uint32(value: number): void {
    const part = new Uint8Array(4);
    new DataView(part.buffer).setUint32(0, value, true);
    this.bytes(part);
  }

  uint64(value: number): void {
    const part = new Uint8Array(8);
    new DataView(part.buffer).setBigUint64(0, BigInt(value), true);
    this.bytes(part);
  }

  text(value: string): void {
    const part = new TextEncoder().encode(value);
    this.uint64(part.length);
    this.bytes(part);
  }

  align(): void {
    this.bytes(new Uint8Array(paddedLength(this.byteLength) - this.byteLength));
  }

  finish(): Uint8Array {
    const joined = new Uint8Array(this.byteLength);
    let at = 0;
    for (const part of this.#parts) {
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }
}

function paddedLength(byteLength: number): number {
  return Math.ceil(byteLength / GGUF_ALIGNMENT) * GGUF_ALIGNMENT;
}

/**
 * The bytes of a GGUF file, version 3 (`docs/gguf.md` of ggml).
 *
 * @param metadata texts and integers below 2^32.
 */
export function writeGguf(
  metadata: Readonly<Record<string, string | number>>,
  tensors: readonly GgufTensor[],
): Uint8Array {
  const writer = new ByteWriter();
  writer.uint32(GGUF_MAGIC);
  writer.uint32(GGUF_VERSION);
  writer.uint64(tensors.length);
  writer.uint64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) {
    writer.text(key);
    writer.uint32(typeof value === 'string' ? GGUF_STRING : GGUF_UINT32);
    if (typeof value === 'string') writer.text(value);
    else writer.uint32(value);
  }
  let offset = 0;
  for (const { name, dimensions, type, bytes } of tensors) {
    writer.text(name);
    writer.uint32(dimensions.length);
    for (const size of dimensions) writer.uint64(size);
    writer.uint32(type.code);
    writer.uint64(offset);
    offset += paddedLength(bytes.length);
  }
  writer.align();
  for (const { bytes } of tensors) {
    writer.bytes(bytes);
    writer.align();
  }
  return writer.finish();
}
