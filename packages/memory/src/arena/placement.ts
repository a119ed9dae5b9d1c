import type { Blocks } from './blocks.ts';

/** Where blocks lie, by index, and how high they reach. */
export interface Placement {
  readonly offsets: Float64Array;
  readonly byteLength: number;
}

/**
 * Where a block goes that fits between several others: into the first gap from the bottom, into the smallest one, or into the smallest
 * one where the room between the highest neighbour and the top of the arena so far is a gap too. If none holds it: above its neighbours.
 */
export type FitRule = 'lowest' | 'tightest' | 'tightest-or-top';

/** Lists of neighbours are kept up to this many per block on average; denser problems scan what is placed. */
const LISTED_NEIGHBOURS = 64;

/**
 * Puts blocks one after the other where they fit between the blocks that are live with them. Counts its work in `steps`: blocks
 * that were looked at.
 */
export class Placer {
  readonly #blocks: Blocks;
  /** Of block i: `list[starts[i]]` up to `list[starts[i + 1]]`. Null when there are too many. */
  readonly #neighbours: { readonly starts: Uint32Array; readonly list: Uint32Array } | null;
  readonly #offsets: Float64Array;
  readonly #isPlaced: Uint8Array;
  /** Blocks that were placed, by rising offset; kept only without lists of neighbours. */
  readonly #placed: Uint32Array;
  readonly #near: Uint32Array;
  #placedCount = 0;
  steps = 0;

  constructor(blocks: Blocks) {
    this.#blocks = blocks;
    this.#neighbours = listNeighbours(blocks);
    this.#offsets = new Float64Array(blocks.count);
    this.#isPlaced = new Uint8Array(blocks.count);
    this.#placed = new Uint32Array(blocks.count);
    this.#near = new Uint32Array(blocks.count);
  }

  /**
   * Places all blocks in an order.
   *
   * @param limit placing ends as soon as this many bytes are reached, because the result is of no use then.
   * @returns the placement, owned by the caller, or null when the limit was reached.
   */
  place(order: ArrayLike<number>, rule: FitRule, limit: number): Placement | null {
    const { sizes } = this.#blocks;
    this.#isPlaced.fill(0);
    this.#placedCount = 0;
    let byteLength = 0;
    for (let at = 0; at < order.length; at++) {
      const block = order[at]!;
      const offset = this.#findOffset(block, rule, byteLength);
      const end = offset + sizes[block]!;
      if (end >= limit) return null;
      this.#put(block, offset);
      if (end > byteLength) byteLength = end;
    }
    return { offsets: this.#offsets.slice(), byteLength };
  }

  #findOffset(block: number, rule: FitRule, height: number): number {
    const { sizes } = this.#blocks;
    const size = sizes[block]!;
    const count = this.#neighbours ? this.#gatherListed(block) : this.#gatherScanned(block);
    let top = 0;
    let tightest = Number.POSITIVE_INFINITY;
    let found = -1;
    for (let at = 0; at < count; at++) {
      const other = this.#near[at]!;
      const start = this.#offsets[other]!;
      const gap = start - top;
      if (gap >= size && gap < tightest) {
        if (rule === 'lowest') return top;
        tightest = gap;
        found = top;
      }
      const end = start + sizes[other]!;
      if (end > top) top = end;
    }
    const gapAtTop = height - top;
    const takesTop = rule === 'tightest-or-top' && gapAtTop >= size && gapAtTop < tightest;
    return found < 0 || takesTop ? top : found;
  }

  /** The placed neighbours, by rising offset, into `near`; there are few, so that sorting by insertion is quickest. */
  #gatherListed(block: number): number {
    const { starts, list } = this.#neighbours!;
    const near = this.#near;
    const offsets = this.#offsets;
    let count = 0;
    for (let at = starts[block]!; at < starts[block + 1]!; at++) {
      const other = list[at]!;
      this.steps++;
      if (this.#isPlaced[other] === 0) continue;
      const offset = offsets[other]!;
      let slot = count++;
      for (; slot > 0 && offsets[near[slot - 1]!]! > offset; slot--) near[slot] = near[slot - 1]!;
      near[slot] = other;
    }
    return count;
  }

  #gatherScanned(block: number): number {
    const { firstUses, lastUses } = this.#blocks;
    const placed = this.#placed;
    const near = this.#near;
    const placedCount = this.#placedCount;
    const firstUse = firstUses[block]!;
    const lastUse = lastUses[block]!;
    let count = 0;
    for (let at = 0; at < placedCount; at++) {
      const other = placed[at]!;
      if (firstUses[other]! <= lastUse && firstUse <= lastUses[other]!) near[count++] = other;
    }
    this.steps += placedCount;
    return count;
  }

  #put(block: number, offset: number): void {
    this.#offsets[block] = offset;
    this.#isPlaced[block] = 1;
    if (this.#neighbours) return;
    let [low, high] = [0, this.#placedCount];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#offsets[this.#placed[middle]!]! <= offset) low = middle + 1;
      else high = middle;
    }
    this.#placed.copyWithin(low + 1, low, this.#placedCount);
    this.#placed[low] = block;
    this.#placedCount++;
  }
}

/** Sweeps the steps once. Null when there are more neighbours than lists are worth. */
function listNeighbours(blocks: Blocks): { starts: Uint32Array; list: Uint32Array } | null {
  const { count, firstUses, lastUses } = blocks;
  const byStart = Uint32Array.from({ length: count }, (_, i) => i).sort(
    (a, b) => firstUses[a]! - firstUses[b]!,
  );
  const pairs: number[] = [];
  const degrees = new Uint32Array(count + 1);
  let live: number[] = [];
  for (const block of byStart) {
    live = live.filter((other) => lastUses[other]! >= firstUses[block]!);
    for (const other of live) {
      pairs.push(block, other);
      degrees[block]!++;
      degrees[other]!++;
    }
    if (pairs.length > LISTED_NEIGHBOURS * count) return null;
    live.push(block);
  }
  const starts = new Uint32Array(count + 1);
  for (let block = 0; block < count; block++) starts[block + 1] = starts[block]! + degrees[block]!;
  const list = new Uint32Array(pairs.length);
  const next = starts.slice();
  for (let at = 0; at < pairs.length; at += 2) {
    const [a, b] = [pairs[at]!, pairs[at + 1]!];
    list[next[a]!++] = b;
    list[next[b]!++] = a;
  }
  return { starts, list };
}
