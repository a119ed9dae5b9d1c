import { Random } from '@qedge/core';
import type { Work } from '../in-turns.ts';
import type { MapRegion } from '../layout/map-regions.ts';
import { type StartingShape, startingLayout } from '../layout/starting-layouts.ts';
import type { CouplingMap } from '../target/coupling-graph.ts';
import { type RoutingDag, reverseRoutingDag } from './routing-dag.ts';
import type { RoutingHeuristic } from './routing-heuristic.ts';
import { SwapRouter } from './swap-router.ts';

/** What all trials of a circuit have in common. Plain data. */
export interface TrialProblem {
  readonly map: CouplingMap;
  readonly wireCount: number;
  /** The partners of each wire. */
  readonly partners: readonly (readonly number[])[];
  /** Views of the circuit that trials choose from: with and without commuting nodes. */
  readonly dags: readonly RoutingDag[];
  readonly regions: readonly MapRegion[];
}

/** One layout to try. Plain data. */
export interface LayoutTrial {
  readonly seed: number;
  /** How to begin; a layout itself is kept as it is where `iterations` is 0. */
  readonly start: StartingShape | Int32Array;
  /** Into `dags`. */
  readonly dag: number;
  readonly heuristic: RoutingHeuristic;
  /** Rounds of routing forwards and backwards that improve the layout, before it is routed forwards once more. */
  readonly iterations: number;
  /** Routings that cost more are not of interest. */
  readonly costLimit: number;
}

/** A circuit with swaps. Plain data. */
export interface RoutingCandidate {
  /** Two-qubit gates, nearly. */
  readonly cost: number;
  /** `[qubitCount]` the place of each wire at the start. */
  readonly layout: Int32Array;
  /** As `SwapRouter.record`. */
  readonly record: Int32Array;
}

/** How much dearer than the best a routing may be and still be finished: the estimate is off by about this much. */
export function costLimitFor(bestCost: number): number {
  return bestCost + 3 * Math.sqrt(bestCost);
}

/** Runs trials of one problem, with routers that keep their memory. */
export class LayoutTrials {
  readonly #problem: TrialProblem;
  readonly #forward: (SwapRouter | undefined)[] = [];
  readonly #backward: (SwapRouter | undefined)[] = [];

  constructor(problem: TrialProblem) {
    this.#problem = problem;
  }

  /** @returns the cheapest routings that were found, at most `keep`, cheapest first; none where all were over the limit. */
  *run(trial: LayoutTrial, keep: number): Work<RoutingCandidate[]> {
    const { map, dags, regions } = this.#problem;
    this.#forward[trial.dag] ??= new SwapRouter(map, dags[trial.dag]!);
    this.#backward[trial.dag] ??= new SwapRouter(map, reverseRoutingDag(dags[trial.dag]!));
    const [forward, backward] = [this.#forward[trial.dag]!, this.#backward[trial.dag]!];
    const { heuristic, iterations } = trial;
    const random = new Random(trial.seed);
    const found: RoutingCandidate[] = [];
    let layout =
      typeof trial.start === 'string'
        ? startingLayout(map, this.#problem, regions, trial.start, random)
        : trial.start;
    const limit = () =>
      Math.min(trial.costLimit, found.length === 0 ? UNLIMITED : costLimitFor(found[0]!.cost));
    for (let iteration = 0; ; iteration++) {
      // The first layout is a start and no more: what it costs does not tell what becomes of it.
      const costLimit = iteration === 0 && iterations > 0 ? UNLIMITED : limit();
      if (!(yield* forward.route(layout, { heuristic, random, costLimit }))) return found;
      if (forward.cost <= limit()) insertCandidate(found, keep, candidateOf(forward, layout, false));
      if (iteration === iterations) return found;
      if (!(yield* backward.route(forward.places, { heuristic, random, costLimit: UNLIMITED }))) return found;
      layout = backward.places.slice();
      // Read in the other direction, it is a routing of the circuit from where it ended.
      if (backward.cost <= limit()) insertCandidate(found, keep, candidateOf(backward, layout, true));
    }
  }
}

const UNLIMITED = Number.POSITIVE_INFINITY;

function candidateOf(router: SwapRouter, layout: Int32Array, isBackward: boolean): RoutingCandidate {
  const record = router.record.slice(0, router.recordLength);
  return { cost: router.cost, layout: layout.slice(), record: isBackward ? record.reverse() : record };
}

/** Keeps candidates in order of cost, earlier ones first among equals, and no more than `keep` of them. */
export function insertCandidate(list: RoutingCandidate[], keep: number, candidate: RoutingCandidate): void {
  let at = list.length;
  while (at > 0 && list[at - 1]!.cost > candidate.cost) at--;
  if (at >= keep) return;
  list.splice(at, 0, candidate);
  if (list.length > keep) list.pop();
}
