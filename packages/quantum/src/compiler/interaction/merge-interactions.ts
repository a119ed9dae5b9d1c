import type { InteractionCircuit } from './interaction.ts';
import { Merger } from './merge-pass.ts';
import { MergeRule } from './merge-rule.ts';

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
  try {
    merger.load(circuit, options.physical);
    return options.quick ? mergeQuickly() : mergeThoroughly(circuit, options.physical);
  } finally {
    merger.release();
  }
}

/** One for all: it works on one circuit at a time, in memory that it keeps. */
const merger = new Merger();

function mergeQuickly(): InteractionCircuit {
  merger.run(MergeRule.neighbours);
  return merger.read();
}

function mergeThoroughly(circuit: InteractionCircuit, physical: boolean): InteractionCircuit {
  const hasNeighbours = runUntilStable(MergeRule.adjacentOnly);
  runStages();
  const byNeighbours = merger.read();
  // Without neighbours both orders are the same.
  if (!hasNeighbours) return byNeighbours;
  const cost = merger.table.totalCost();
  merger.load(circuit, physical);
  runStages();
  return cost < merger.table.totalCost() ? byNeighbours : merger.read();
}

function runStages(): void {
  runUntilStable(MergeRule.equalAxes);
  runUntilStable(MergeRule.gains);
  runUntilStable(MergeRule.neighbours);
}

/** @returns whether anything was merged. */
function runUntilStable(rule: MergeRule): boolean {
  let pass = 0;
  while (pass < MOST_PASSES && merger.run(rule) > 0) pass++;
  return pass > 0;
}
