import { type Blocks, liveTogether } from './blocks.ts';
import type { Placement } from './placement.ts';

/** What a search found, and whether it saw everything. */
export interface SearchResult extends Placement {
  /** No smaller placement exists. */
  readonly proven: boolean;
}

/**
 * Branch and bound over placements in which every block lies as low as it can. Take any optimal plan and let blocks fall until none
 * can lie lower: the plan stays as small. Listed by rising offset, each block then lies at the lowest place that the ones before it
 * leave free, so that these lists are all there is to try. A branch ends when
 *
 * - a block would lie lower than the one before it, or leaves a hole below itself in which another one fits: another branch has both;
 * - the bytes that are live at some step, above the offset that is reached, are too many: holes below it stay holes.
 *
 * @param limit of steps: blocks that are looked at.
 */
export function searchExactly(
  blocks: Blocks,
  start: Placement,
  lowerBound: number,
  limit: number,
): SearchResult {
  const search = new ExactSearch(blocks, start, lowerBound, limit);
  search.descend(0, 0);
  return { ...search.best, proven: search.steps < limit || search.best.byteLength === lowerBound };
}

class ExactSearch {
  best: Placement;
  steps = 0;
  readonly #blocks: Blocks;
  readonly #lowerBound: number;
  readonly #limit: number;
  readonly #offsets: Float64Array;
  readonly #isPlaced: Uint8Array;
  /** By rising offset. */
  readonly #placed: number[] = [];
  readonly #neighbours: readonly (readonly number[])[];
  /** Blocks that are live at the first step of each block, itself included: the places where bytes are summed. */
  readonly #liveAt: readonly (readonly number[])[];

  constructor(blocks: Blocks, start: Placement, lowerBound: number, limit: number) {
    this.#blocks = blocks;
    this.best = start;
    this.#lowerBound = lowerBound;
    this.#limit = limit;
    this.#offsets = new Float64Array(blocks.count);
    this.#isPlaced = new Uint8Array(blocks.count);
    const all = Array.from({ length: blocks.count }, (_, i) => i);
    this.#neighbours = all.map((a) => all.filter((b) => b !== a && liveTogether(blocks, a, b)));
    const steps = [...new Set(blocks.firstUses)];
    this.#liveAt = keepLargestSets(
      steps.map((step) => all.filter((i) => blocks.firstUses[i]! <= step && step <= blocks.lastUses[i]!)),
    );
  }

  /** @param floor the offset of the last placed block. @param height that is reached. */
  descend(floor: number, height: number): void {
    const { count, sizes } = this.#blocks;
    if (this.#placed.length === count) {
      this.best = { offsets: this.#offsets.slice(), byteLength: height };
      return;
    }
    const free = this.#freeOffsets();
    const lowestEnd = this.#lowestEnd(free);
    for (const block of this.#candidates(free, floor)) {
      const offset = free[block]!;
      // The hole below would hold another block: it comes first.
      if (offset >= lowestEnd) return;
      const end = Math.max(height, offset + sizes[block]!);
      if (end >= this.best.byteLength) continue;
      this.#isPlaced[block] = 1;
      this.#offsets[block] = offset;
      this.#placed.push(block);
      if (this.#leastHeight(offset) < this.best.byteLength) this.descend(offset, end);
      this.#placed.pop();
      this.#isPlaced[block] = 0;
      if (this.best.byteLength === this.#lowerBound || this.steps >= this.#limit) return;
    }
  }

  /** Blocks that may come next, by rising offset; of equal blocks only the first. */
  #candidates(free: Float64Array, floor: number): number[] {
    const { count, sizes, firstUses, lastUses } = this.#blocks;
    const last = this.#placed.at(-1);
    const candidates: number[] = [];
    for (let block = 0; block < count; block++) {
      if (this.#isPlaced[block] !== 0 || free[block]! < floor) continue;
      // Blocks at one offset are listed by index.
      if (last !== undefined && free[block] === floor && block < last) continue;
      const twin = candidates.some(
        (other) =>
          sizes[other] === sizes[block] &&
          firstUses[other] === firstUses[block] &&
          lastUses[other] === lastUses[block],
      );
      if (!twin) candidates.push(block);
    }
    return candidates.sort((a, b) => free[a]! - free[b]! || sizes[b]! - sizes[a]!);
  }

  /** For each block that is left the lowest place that the placed ones leave free. */
  #freeOffsets(): Float64Array {
    const { count, sizes } = this.#blocks;
    const free = new Float64Array(count);
    for (let block = 0; block < count; block++) {
      if (this.#isPlaced[block] !== 0) continue;
      let top = 0;
      for (const other of this.#placed) {
        if (!this.#neighbours[block]!.includes(other)) continue;
        const start = this.#offsets[other]!;
        if (start - top >= sizes[block]!) break;
        top = Math.max(top, start + sizes[other]!);
      }
      free[block] = top;
      this.steps += this.#placed.length;
    }
    return free;
  }

  /** How far up the first of the blocks that are left would end. */
  #lowestEnd(free: Float64Array): number {
    let end = Number.POSITIVE_INFINITY;
    for (let block = 0; block < free.length; block++) {
      if (this.#isPlaced[block] === 0) end = Math.min(end, free[block]! + this.#blocks.sizes[block]!);
    }
    return end;
  }

  /** What every completion reaches: all that is left lies above `floor`, beside what is placed there. */
  #leastHeight(floor: number): number {
    const { sizes } = this.#blocks;
    let least = 0;
    for (const live of this.#liveAt) {
      let height = floor;
      for (const block of live) {
        if (this.#isPlaced[block] === 0) height += sizes[block]!;
        else
          height += Math.max(
            0,
            this.#offsets[block]! + sizes[block]! - Math.max(floor, this.#offsets[block]!),
          );
      }
      this.steps += live.length;
      least = Math.max(least, height);
    }
    return least;
  }
}

/** Without the sets that are part of another one: their sums are smaller. */
function keepLargestSets(sets: readonly (readonly number[])[]): readonly (readonly number[])[] {
  return sets.filter(
    (set, at) =>
      !sets.some(
        (other, index) =>
          index !== at &&
          set.every((item) => other.includes(item)) &&
          (other.length > set.length || index < at),
      ),
  );
}
