import type { Blocks } from './blocks.ts';
import type { FitRule, Placement, Placer } from './placement.ts';

/** A placement with what made it. */
export interface StrategyResult extends Placement {
  readonly order: Uint32Array;
  readonly rule: FitRule;
}

/** Compares two blocks by index: negative when `a` is placed first. */
type Comparison = (a: number, b: number) => number;

const ALL_RULES: readonly FitRule[] = ['tightest', 'lowest', 'tightest-or-top'];

/** An order to place blocks in, and the rules to place them by. */
interface Strategy {
  readonly criteria: readonly Comparison[];
  readonly rules: readonly FitRule[];
  /** What another runtime does: never left out. */
  readonly isPublished: boolean;
}

/** Strategies of our own are left out from this many steps on, which dense problems of thousands of buffers reach. */
const GREEDY_STEPS = 5e7;

/**
 * The strategies that greedy placement tries. Ties are broken by the next criterion and finally by the order of the buffers.
 *
 * - By size: Pisarchyk and Lee 2020, "Efficient Memory Management for Deep Neural Net Inference", arXiv:2001.03288; with
 *   the tightest gap and what lives throughout first it is TensorFlow Lite's `ArenaPlanner`, with the lowest gap TensorFlow Lite Micro's
 *   `GreedyMemoryPlanner`.
 * - By breadth: the same paper; the steps with the most live bytes first, in each the largest buffers first.
 * - In the order of execution: ONNX Runtime's `MemPatternPlanner`, which counts the room at the top as a gap.
 */
function strategies({ byteLengths, firstUses, lastUses }: Blocks, liveBytes: Float64Array): Strategy[] {
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
  const published = (rule: FitRule, ...criteria: Comparison[]): Strategy => {
    return { criteria, rules: [rule], isPublished: true };
  };
  const own = (...criteria: Comparison[]): Strategy => {
    return { criteria, rules: ALL_RULES, isPublished: false };
  };
  return [
    published('tightest', throughoutFirst, bySize, byStart),
    published('lowest', bySize),
    published('tightest-or-top', byStart),
    own(byBreadth, bySize),
    own(byArea, bySize),
    own(byDuration, bySize),
    own(bySize, byDuration),
    own(bySize, byStart),
    own(byStart, bySize),
    own(byEnd, bySize),
    own(byStart),
    own(bySize),
  ];
}

function compareBy(criteria: readonly Comparison[]): Comparison {
  return (a, b) => {
    for (const compare of criteria) {
      const difference = compare(a, b);
      if (difference !== 0) return difference;
    }
    return a - b;
  };
}

/** The best of all greedy strategies; the first one on a tie. Ends when `lowerBound` is reached. */
export function placeGreedily(
  blocks: Blocks,
  placer: Placer,
  liveBytes: Float64Array,
  lowerBound: number,
): StrategyResult {
  let best: StrategyResult | null = null;
  for (const { criteria, rules, isPublished } of strategies(blocks, liveBytes)) {
    if (!isPublished && placer.steps > GREEDY_STEPS) break;
    const order = Uint32Array.from({ length: blocks.count }, (_, i) => i).sort(compareBy(criteria));
    for (const rule of rules) {
      const placement = placer.place(order, rule, best?.byteLength ?? Number.POSITIVE_INFINITY);
      if (placement) best = { ...placement, order, rule };
      if (best!.byteLength === lowerBound) return best!;
    }
  }
  return best!;
}
