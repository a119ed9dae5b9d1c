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

/** Options of {@link planArena}. */
export interface ArenaOptions {
  /** Every offset is a multiple of it: a power of two in bytes. Default 64, one cache line and one AVX-512 register. */
  readonly alignment?: number;
}

/** Where every buffer lies in one block of memory. */
export interface ArenaPlan {
  /** Byte offset by buffer name, a multiple of the alignment. */
  readonly offsets: ReadonlyMap<string, number>;
  /** Bytes the block must have, a multiple of the alignment. */
  readonly byteLength: number;
  /** No plan can be smaller: the largest sum of (aligned) sizes that are in use at the same step. */
  readonly lowerBoundBytes: number;
}

/** Up to this many buffers every placing order is tried (8! = 40 320 before pruning). */
const EXACT_LIMIT = 8;

interface Block {
  readonly index: number;
  readonly size: number;
  readonly firstUse: number;
  readonly lastUse: number;
}

/**
 * Places buffers with known lifetimes in one arena, so that buffers which are in use at the same time never overlap and
 * others share bytes. Up to 8 buffers the plan is the smallest there is; beyond that it is greedy by size with best fit
 * (Pisarchyk and Lee 2020, "Efficient Memory Management for Deep Neural Net Inference", arXiv:2001.03288), O(n^2 log n).
 * Deterministic.
 *
 * @example
 * const plan = planArena([
 *   { name: 'input', byteLength: 3136, firstUse: 0, lastUse: 1 },
 *   { name: 'hidden', byteLength: 1024, firstUse: 1, lastUse: 2 },
 *   { name: 'output', byteLength: 40, firstUse: 2, lastUse: 2 },
 * ]);
 * plan.byteLength; // 4160: `output` reuses the bytes of `input`
 * @throws InvalidArgumentError for an alignment, size, lifetime or name that cannot be.
 */
export function planArena(buffers: readonly BufferLifetime[], options: ArenaOptions = {}): ArenaPlan {
  const alignment = options.alignment ?? 64;
  if (!Number.isSafeInteger(alignment) || alignment < 1 || !Number.isInteger(Math.log2(alignment))) {
    throw new InvalidArgumentError('An alignment is impossible', {
      expected: 'a power of two',
      actual: alignment,
    });
  }
  validateBuffers(buffers);
  // Sizes are rounded up once; from here on every sum is aligned by itself.
  const blocks = buffers.map(
    ({ byteLength, firstUse, lastUse }, index): Block => ({
      index,
      size: Math.ceil(byteLength / alignment) * alignment,
      firstUse,
      lastUse,
    }),
  );
  const lowerBoundBytes = peakBytes(blocks);
  const occupied = blocks.filter((block) => block.size > 0).sort((a, b) => b.size - a.size);
  const greedy = placeBySize(occupied, blocks.length);
  const best =
    greedy.byteLength > lowerBoundBytes && occupied.length <= EXACT_LIMIT
      ? searchOrders(occupied, greedy, lowerBoundBytes)
      : greedy;
  return {
    offsets: new Map(buffers.map((buffer, index) => [buffer.name, best.offsets[index]!])),
    byteLength: best.byteLength,
    lowerBoundBytes,
  };
}

function validateBuffers(buffers: readonly BufferLifetime[]): void {
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

/** The peak can only be reached at a step where some buffer starts. */
function peakBytes(blocks: readonly Block[]): number {
  let peak = 0;
  for (const { firstUse: step } of blocks) {
    let bytes = 0;
    for (const block of blocks) {
      if (block.firstUse <= step && step <= block.lastUse) bytes += block.size;
    }
    peak = Math.max(peak, bytes);
  }
  return peak;
}

interface Placement {
  /** By the block's index; 0 for empty blocks. */
  readonly offsets: readonly number[];
  readonly byteLength: number;
}

function liveTogether(a: Block, b: Block): boolean {
  return a.firstUse <= b.lastUse && b.firstUse <= a.lastUse;
}

/** The blocks that were placed and are live with `block`, from the bottom up. */
function neighbours(block: Block, placed: readonly Block[], offsets: readonly number[]): Block[] {
  return placed
    .filter((other) => liveTogether(block, other))
    .sort((a, b) => offsets[a.index]! - offsets[b.index]!);
}

/** Largest first, each into the tightest gap that holds it, else on top. */
function placeBySize(blocks: readonly Block[], count: number): Placement {
  const offsets = new Array<number>(count).fill(0);
  const placed: Block[] = [];
  let byteLength = 0;
  for (const block of blocks) {
    let top = 0;
    let tightest = Number.POSITIVE_INFINITY;
    let offset = -1;
    for (const other of neighbours(block, placed, offsets)) {
      const start = offsets[other.index]!;
      const gap = start - top;
      if (gap >= block.size && gap < tightest) {
        tightest = gap;
        offset = top;
      }
      top = Math.max(top, start + other.size);
    }
    if (offset < 0) offset = top;
    offsets[block.index] = offset;
    placed.push(block);
    byteLength = Math.max(byteLength, offset + block.size);
  }
  return { offsets, byteLength };
}

/**
 * Tries every order, each block at its lowest free offset. One of these orders is optimal: take any optimal plan and place its
 * blocks by rising offset; by induction no block ends up higher than it was.
 */
function searchOrders(blocks: readonly Block[], start: Placement, lowerBound: number): Placement {
  let best = start;
  const offsets = new Array<number>(start.offsets.length).fill(0);
  const placed: Block[] = [];
  const visit = (remaining: readonly Block[], height: number): void => {
    if (height >= best.byteLength || best.byteLength === lowerBound) return;
    if (remaining.length === 0) {
      best = { offsets: [...offsets], byteLength: height };
      return;
    }
    for (const block of remaining) {
      const offset = lowestFreeOffset(block, placed, offsets);
      offsets[block.index] = offset;
      placed.push(block);
      visit(
        remaining.filter((other) => other !== block),
        Math.max(height, offset + block.size),
      );
      placed.pop();
    }
  };
  visit(blocks, 0);
  return best;
}

function lowestFreeOffset(block: Block, placed: readonly Block[], offsets: readonly number[]): number {
  let top = 0;
  for (const other of neighbours(block, placed, offsets)) {
    const start = offsets[other.index]!;
    if (start - top >= block.size) return top;
    top = Math.max(top, start + other.size);
  }
  return top;
}
