import type { Blocks } from './blocks.ts';
import type { FitRule, Placement, Placer } from './placement.ts';

/** A placement with what made it. */
export interface StrategyResult extends Placement {
  readonly order: Uint32Array;
  readonly rule: FitRule;
}

/** Compares two blocks by index: negative when `a` is placed first. */
type Comparison = (a: number, b: number) => number;

/**
 * The orders in which greedy placement is tried. Ties are broken by the next criterion and finally by the order of the buffers.
 *
 * - By size: Pisarchyk and Lee 2020, "Efficient Memory Management for Deep Neural Net Inference", arXiv:2001.03288; with
 *   the tightest gap and what lives throughout first it is TensorFlow Lite's `ArenaPlanner`, with the lowest gap TensorFlow Lite Micro's
 *   `GreedyMemoryPlanner`.
 * - By breadth: the same paper; the steps with the most live bytes first, in each the largest buffers first.
 * - In the order of execution: ONNX Runtime's `MemPatternPlanner`, which counts the room at the top as a gap.
 */
function orders({ byteLengths, firstUses, lastUses }: Blocks, liveBytes: Float64Array): Comparison[] {
  const duration = (block: number) => lastUses[block]! - firstUses[block]! + 1;
  const bySize: Comparison = (a, b) => byteLengths[b]! - byteLengths[a]!;
  const byStart: Comparison = (a, b) => firstUses[a]! - firstUses[b]!;
  const byDuration: Comparison = (a, b) => duration(b) - duration(a);
  const byArea: Comparison = (a, b) => duration(b) * byteLengths[b]! - duration(a) * byteLengths[a]!;
  const byBreadth: Comparison = (a, b) => liveBytes[b]! - liveBytes[a]!;
  const byEnd: Comparison = (a, b) => lastUses[b]! - lastUses[a]!;
  const begin = firstUses.reduce((a, b) => Math.min(a, b));
  const end = lastUses.reduce((a, b) => Math.max(a, b));
  const isThroughout = (block: number) => Number(firstUses[block] === begin && lastUses[block] === end);
  const throughoutFirst: Comparison = (a, b) => isThroughout(b) - isThroughout(a);
  const criteria: Comparison[][] = [
    [throughoutFirst, bySize, byStart],
    [bySize],
    [bySize, byStart],
    [bySize, byDuration],
    [byArea, bySize],
    [byBreadth, bySize],
    [byDuration, bySize],
    [byStart],
    [byStart, bySize],
    [byEnd, bySize],
  ];
  return criteria.map((list) => (a, b) => {
    for (const compare of list) {
      const difference = compare(a, b);
      if (difference !== 0) return difference;
    }
    return a - b;
  });
}

/** The best of all greedy strategies; the first one on a tie. Ends when `lowerBound` is reached. */
export function placeGreedily(
  blocks: Blocks,
  placer: Placer,
  liveBytes: Float64Array,
  lowerBound: number,
): StrategyResult {
  let best: StrategyResult | null = null;
  for (const compare of orders(blocks, liveBytes)) {
    const order = Uint32Array.from({ length: blocks.count }, (_, i) => i).sort(compare);
    for (const rule of ['tightest', 'lowest', 'tightest-or-top'] as const) {
      const placement = placer.place(order, rule, best?.byteLength ?? Number.POSITIVE_INFINITY);
      if (placement) best = { ...placement, order, rule };
      if (best!.byteLength === lowerBound) return best!;
    }
  }
  return best!;
}
