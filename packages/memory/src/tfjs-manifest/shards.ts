import { FileFormatError } from '@qedge/core';
import type { ByteSource } from '../byte-source.ts';

/** Finds the bytes of a shard, by its path relative to the manifest. The receiver disposes them. */
export type OpenShard = (path: string) => ByteSource;

/** The bytes of a group of weights, in shards that are opened when the first byte of one is needed. */
export class Shards implements Disposable {
  readonly #paths: readonly string[];
  readonly #open: OpenShard;
  readonly #file: string;
  readonly #opened: { readonly source: ByteSource; readonly start: number; readonly end: number }[] = [];

  constructor(paths: readonly string[], open: OpenShard, file: string) {
    this.#paths = paths;
    this.#open = open;
    this.#file = file;
  }

  /** Bytes of the shards that are open. */
  get openedByteLength(): number {
    return this.#opened.at(-1)?.end ?? 0;
  }

  /** Whether there are no others. */
  get allOpened(): boolean {
    return this.#opened.length === this.#paths.length;
  }

  /** Opens shards until byte `end` of the group is in one of them. @throws FileFormatError when no shard has it. */
  reach(end: number): void {
    while (this.openedByteLength < end && !this.allOpened) {
      const source = this.#open(this.#paths[this.#opened.length]!);
      const start = this.openedByteLength;
      this.#opened.push({ source, start, end: start + source.byteLength });
    }
    if (this.openedByteLength >= end) return;
    throw new FileFormatError(`${this.#file}: the shards ${this.#paths.join(', ')} are too short`, {
      expected: `at least ${end} bytes`,
      actual: `${this.openedByteLength} bytes`,
    });
  }

  /**
   * Lends bytes of the group; those in two shards are put together in a copy.
   *
   * @param use is told whether it may keep the bytes.
   * @throws FileFormatError when the shards are too short or a file changed.
   */
  borrow<Result>(
    start: number,
    byteLength: number,
    use: (bytes: Uint8Array, mayKeep: boolean) => Result,
  ): Result {
    this.reach(start + byteLength);
    if (byteLength === 0) return use(new Uint8Array(0), true);
    const end = start + byteLength;
    const parts = this.#opened.filter((shard) => shard.start < end && shard.end > start);
    const [first] = parts;
    if (first && parts.length === 1) {
      const { source } = first;
      return source.borrow(start - first.start, byteLength, (bytes) =>
        use(bytes, source.lifetime !== 'call'),
      );
    }
    const whole = new Uint8Array(byteLength);
    for (const part of parts) {
      const from = Math.max(start, part.start);
      const to = Math.min(end, part.end);
      part.source.borrow(from - part.start, to - from, (bytes) => whole.set(bytes, from - start));
    }
    return use(whole, true);
  }

  dispose(): void {
    for (const { source } of this.#opened) source.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
