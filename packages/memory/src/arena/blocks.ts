import { InvalidArgumentError } from '@qedge/core';

/** A buffer that an arena must hold for a while. */
export interface BufferLifetime {
  /** Unique within one plan. */
  readonly name: string;
  /** Bytes, an integer >= 0. */
  readonly byteLength: number;
  /** The first step that writes the buffer, an integer. */
  readonly firstUse: number;
  /** The last step that reads it, inclusive, an integer >= `firstUse`. */
  readonly lastUse: number;
}

/** The buffers of a problem that take room, by index. */
export interface Blocks {
  readonly count: number;
  readonly byteLengths: Float64Array;
  /** Bytes that are taken: multiples of the alignment. */
  readonly sizes: Float64Array;
  readonly firstUses: Float64Array;
  readonly lastUses: Float64Array;
}

/** @throws InvalidArgumentError for a size, lifetime or name that cannot be. */
export function validateBuffers(buffers: readonly BufferLifetime[]): void {
  const names = new Set<string>();
  for (const { name, byteLength, firstUse, lastUse } of buffers) {
    if (names.has(name)) throw new InvalidArgumentError('Two buffers share a name', { actual: name });
    names.add(name);
    if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
      throw new InvalidArgumentError(`Buffer "${name}" has an impossible size`, {
        expected: 'an integer >= 0',
        actual: byteLength,
      });
    }
    if (!Number.isSafeInteger(firstUse) || !Number.isSafeInteger(lastUse) || lastUse < firstUse) {
      throw new InvalidArgumentError(`Buffer "${name}" has an impossible lifetime`, {
        expected: 'integers with firstUse <= lastUse',
        actual: [firstUse, lastUse],
      });
    }
  }
}

/**
 * Sizes are rounded up once; from here on every sum of them is aligned by itself.
 *
 * @throws InvalidArgumentError for sizes whose sum is no exact number: offsets would not be either.
 */
export function makeBlocks(buffers: readonly BufferLifetime[], alignment: number): Blocks {
  const sizes = Float64Array.from(buffers, ({ byteLength }) => Math.ceil(byteLength / alignment) * alignment);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total > Number.MAX_SAFE_INTEGER) {
    throw new InvalidArgumentError('The buffers of an arena are too large', {
      expected: 'at most 2^53 - 1 bytes in all',
      actual: total,
    });
  }
  return {
    count: buffers.length,
    byteLengths: Float64Array.from(buffers, ({ byteLength }) => byteLength),
    sizes,
    firstUses: Float64Array.from(buffers, ({ firstUse }) => firstUse),
    lastUses: Float64Array.from(buffers, ({ lastUse }) => lastUse),
  };
}

/** Whether two blocks are in use at the same step. */
export function liveTogether({ firstUses, lastUses }: Blocks, a: number, b: number): boolean {
  return firstUses[a]! <= lastUses[b]! && firstUses[b]! <= lastUses[a]!;
}

/**
 * The bytes that are live at the first step of every block, by block, and the largest of them: it is the peak, which can only be
 * reached where some block starts. O(n log n).
 */
export function sumLiveBytes({ count, sizes, firstUses, lastUses }: Blocks): {
  readonly atFirstUse: Float64Array;
  readonly peak: number;
} {
  const starts = Uint32Array.from({ length: count }, (_, i) => i).sort(
    (a, b) => firstUses[a]! - firstUses[b]!,
  );
  const ends = Uint32Array.from(starts).sort((a, b) => lastUses[a]! - lastUses[b]!);
  const atFirstUse = new Float64Array(count);
  let live = 0;
  let peak = 0;
  let ended = 0;
  for (let from = 0; from < count; ) {
    const step = firstUses[starts[from]!]!;
    while (ended < count && lastUses[ends[ended]!]! < step) live -= sizes[ends[ended++]!]!;
    let to = from;
    while (to < count && firstUses[starts[to]!] === step) live += sizes[starts[to++]!]!;
    for (; from < to; from++) atFirstUse[starts[from]!] = live;
    peak = Math.max(peak, live);
  }
  return { atFirstUse, peak };
}
