import type { InteractionCircuit } from './interaction.ts';
import { MergeRule, Merger } from './merge-pass.ts';

/** Passes that change something may follow one another so often. */
const MOST_PASSES = 6;

/** What {@link mergeInteractions} does. */
export interface MergeOptions {
  /** Wires are places of a machine: swaps are kept, as blocks of cost 3. Else they become names. */
  readonly physical: boolean;
  /** One pass over what stands side by side, a good estimate of the cost in a fraction of the time; default false. */
  readonly quick?: boolean;
}

/**
 * Merges cores and blocks on the same pair of wires, moving them across steps with which they commute, until nothing is gained:
 * cores with equal axes first, then whatever gains, then neighbours; and in another order, neighbours first. The cheaper of both.
 *
 * @returns an equal circuit of at most the same cost; the given one is not changed.
 */
export function mergeInteractions(circuit: InteractionCircuit, options: MergeOptions): InteractionCircuit {
  const byAxes = new Merger(circuit, options.physical);
  if (options.quick) {
    byAxes.run(MergeRule.neighbours);
    return byAxes.finish();
  }
  runStages(byAxes);
  const byNeighbours = new Merger(circuit, options.physical);
  runUntilStable(byNeighbours, MergeRule.adjacentOnly);
  runStages(byNeighbours);
  const best = byNeighbours.table.totalCost() < byAxes.table.totalCost() ? byNeighbours : byAxes;
  return best.finish();
}

function runStages(merger: Merger): void {
  runUntilStable(merger, MergeRule.equalAxes);
  runUntilStable(merger, MergeRule.gains);
  runUntilStable(merger, MergeRule.neighbours);
}

function runUntilStable(merger: Merger, rule: MergeRule): void {
  for (let pass = 0; pass < MOST_PASSES && merger.run(rule) > 0; pass++);
}
