import { InvalidArgumentError } from '@qedge/core';
import { type BufferLifetime, makeBlocks, sumLiveBytes, validateBuffers } from './arena/blocks.ts';
import { searchExactly } from './arena/exact-search.ts';
import { improveOrder } from './arena/local-search.ts';
import { type Placement, Placer } from './arena/placement.ts';
import { placeGreedily } from './arena/strategies.ts';

/** Options of {@link planArena}. */
export interface ArenaOptions {
  /** Every offset is a multiple of it: a power of two in bytes. Default 64, one cache line and one AVX-512 register. */
  readonly alignment?: number;
  /**
   * How much is searched for a smaller plan where greedy placement does not reach the lower bound: an integer >= 0, the number
   * of times that a buffer is looked at. Default 10 million, about a tenth of a second; 0: greedy placement only.
   */
  readonly searchSteps?: number;
}

/** Where every buffer lies in one block of memory. */
export interface ArenaPlan {
  /** Byte offset by buffer name, a multiple of the alignment. */
  readonly offsets: ReadonlyMap<string, number>;
  /** Bytes the block must have, a multiple of the alignment. */
  readonly byteLength: number;
  /**
   * No plan can be smaller: the largest sum of (aligned) sizes that are in use at the same step, or `byteLength` where an exhaustive
   * search has shown that this sum cannot be reached.
   */
  readonly lowerBoundBytes: number;
  /** No plan can be smaller than this one: `byteLength` is the lower bound. */
  readonly optimal: boolean;
}

const DEFAULT_SEARCH_STEPS = 1e7;
/** Larger problems are hardly ever searched to the end. */
const LARGEST_EXACT_COUNT = 48;

/**
 * Places buffers with known lifetimes in one arena, so that buffers which are in use at the same time never overlap and
 * others share bytes. First greedy placement in several orders, among them those of TensorFlow Lite and ONNX Runtime, so that no plan
 * is larger than theirs. Where the lower bound is not reached: for up to 48 buffers branch and bound, which proves that its plan is
 * optimal unless it ends at `searchSteps`, then local search with the rest of the steps. Deterministic.
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
  const { alignment = 64, searchSteps = DEFAULT_SEARCH_STEPS } = options;
  validateOptions(alignment, searchSteps);
  validateBuffers(buffers);
  const occupied = buffers.filter(({ byteLength }) => byteLength > 0);
  const { placement, lowerBound } = placeAll(occupied, alignment, searchSteps);
  const offsets = new Map(buffers.map(({ name }) => [name, 0]));
  for (const [index, { name }] of occupied.entries()) offsets.set(name, placement.offsets[index]!);
  const { byteLength } = placement;
  return { offsets, byteLength, lowerBoundBytes: lowerBound, optimal: byteLength === lowerBound };
}

function placeAll(
  occupied: readonly BufferLifetime[],
  alignment: number,
  searchSteps: number,
): { readonly placement: Placement; readonly lowerBound: number } {
  const blocks = makeBlocks(occupied, alignment);
  if (blocks.count === 0) return { placement: { offsets: new Float64Array(), byteLength: 0 }, lowerBound: 0 };
  const live = sumLiveBytes(blocks);
  const lowerBound = live.peak;
  const placer = new Placer(blocks);
  const greedy = placeGreedily(blocks, placer, live.atFirstUse, lowerBound);
  if (greedy.byteLength === lowerBound || searchSteps === 0) return { placement: greedy, lowerBound };
  let best: Placement = greedy;
  let rest = searchSteps;
  if (blocks.count <= LARGEST_EXACT_COUNT) {
    const exact = searchExactly(blocks, greedy, lowerBound, searchSteps / 2);
    if (exact.proven) return { placement: exact, lowerBound: exact.byteLength };
    best = exact;
    rest /= 2;
  }
  const improved = improveOrder(blocks, placer, greedy, lowerBound, placer.steps + rest);
  return { placement: improved.byteLength < best.byteLength ? improved : best, lowerBound };
}

function validateOptions(alignment: number, searchSteps: number): void {
  if (!Number.isSafeInteger(alignment) || alignment < 1 || !Number.isInteger(Math.log2(alignment))) {
    throw new InvalidArgumentError('An alignment is impossible', {
      expected: 'a power of two',
      actual: alignment,
    });
  }
  if (!Number.isSafeInteger(searchSteps) || searchSteps < 0) {
    throw new InvalidArgumentError('A number of search steps is out of range', {
      expected: 'an integer >= 0',
      actual: searchSteps,
    });
  }
}
