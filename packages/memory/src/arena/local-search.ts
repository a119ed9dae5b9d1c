import { Random } from '@qedge/core';
import type { Blocks } from './blocks.ts';
import type { Placer } from './placement.ts';
import type { StrategyResult } from './strategies.ts';

const SEED = 1;
/** Failures in a row after which the order is shaken by more than one move. */
const PATIENCE = 64;

/**
 * Improves the order of a greedy placement: blocks that reach highest are placed earlier, now and then others too; an order that is not
 * worse replaces the one before. Deterministic.
 *
 * @param limit of `placer.steps`.
 */
export function improveOrder(
  blocks: Blocks,
  placer: Placer,
  start: StrategyResult,
  lowerBound: number,
  limit: number,
): StrategyResult {
  const random = new Random(SEED);
  let best = start;
  let failures = 0;
  while (best.byteLength > lowerBound && placer.steps < limit) {
    const order = best.order.slice();
    const moves = 1 + random.integer(1 + Math.min(8, Math.floor(failures / PATIENCE)));
    for (let move = 0; move < moves; move++) {
      moveEarlier(order, move === 0 ? pickTop(blocks, best, random) : random.integer(order.length), random);
    }
    const placement = placer.place(order, best.rule, best.byteLength + 1);
    if (placement && placement.byteLength < best.byteLength) failures = 0;
    else failures++;
    if (placement) best = { ...placement, order, rule: best.rule };
    // Orders that are hardly ever accepted cost little, because placing ends at the limit; they must still count.
    placer.steps += order.length >> 2;
  }
  return best;
}

/** The position in the order of one of the blocks that reach the top. */
function pickTop({ sizes }: Blocks, { order, offsets, byteLength }: StrategyResult, random: Random): number {
  let picked = 0;
  let seen = 0;
  for (let at = 0; at < order.length; at++) {
    const block = order[at]!;
    if (offsets[block]! + sizes[block]! < byteLength) continue;
    seen++;
    if (random.integer(seen) === 0) picked = at;
  }
  return picked;
}

function moveEarlier(order: Uint32Array, from: number, random: Random): void {
  if (from === 0) return;
  const to = random.integer(from);
  const block = order[from]!;
  order.copyWithin(to + 1, to, from);
  order[to] = block;
}
