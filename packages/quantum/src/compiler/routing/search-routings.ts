import { finishAtOnce, isTimeUp, withShareOfTime } from '../in-turns.ts';
import type { StartingShape } from '../layout/starting-layouts.ts';
import type { PassContext } from '../pass.ts';
import {
  costLimitFor,
  insertCandidate,
  type LayoutTrial,
  LayoutTrials,
  type RoutingCandidate,
  type TrialProblem,
} from './layout-trial.ts';
import type { RoutingHeuristic } from './routing-heuristic.ts';
import { HEURISTICS, type RoutingSettings } from './routing-settings.ts';
import type { TrialExecutor } from './trial-executor.ts';

/** Trials of a round know nothing of one another, so that what they find does not depend on how many run at once. */
const TRIALS_PER_ROUND = 8;
/** How much of the time that is left may be spent: what is found must still be merged, written as gates and translated. */
const SEARCH_SHARE = 0.7;
/** At most this many candidates of one layout become finalists: they are alike. */
const CANDIDATES_PER_LAYOUT = 2;
/** Layouts start in these shapes by turns. The number of them has no factor in common with the other cycles. */
const SHAPES: readonly StartingShape[] = ['grown', 'disc', 'path', 'disc', 'disc'];

/**
 * Tries layouts in rounds until there is no gain any more.
 *
 * @param layout where to begin, instead of looking for layouts; kept where the settings have no iterations.
 * @returns the cheapest routings, cheapest first, at least one; then those of the lesser search.
 */
export async function searchRoutings(
  problem: TrialProblem,
  settings: RoutingSettings,
  context: PassContext,
  executor: TrialExecutor,
  layout: Int32Array | null = null,
): Promise<RoutingCandidate[]> {
  const { random, clock, signal, deadlineMs } = withShareOfTime(context, SEARCH_SHARE);
  const seeds = random.fork('layouts');
  const best: RoutingCandidate[] = [];
  const lesser: RoutingCandidate[] = [];
  // The cheapest routing of each view of the circuit.
  const bestOfViews = problem.dags.map(() => Number.POSITIVE_INFINITY);
  let unchanged = 0;
  for (let start = 0; start < settings.layouts && unchanged < settings.patience; start += TRIALS_PER_ROUND) {
    const costLimit = best.length === 0 ? Number.POSITIVE_INFINITY : costLimitFor(best[0]!.cost);
    const count = Math.min(TRIALS_PER_ROUND, settings.layouts - start);
    const views = promisingViews(bestOfViews);
    const trials = Array.from(
      { length: count },
      (_, i): LayoutTrial => ({
        ...planTrial(start + i, problem.dags.length, views),
        ...(layout && { start: layout }),
        seed: seeds.uint32(),
        iterations: settings.iterations,
        costLimit,
      }),
    );
    const keep = Math.min(CANDIDATES_PER_LAYOUT, settings.finalists);
    const found = await executor.run({ problem, trials, keep, clock, deadlineMs, signal });
    for (const [i, candidates] of found.entries()) {
      const { dag } = trials[i]!;
      bestOfViews[dag] = Math.min(bestOfViews[dag]!, candidates[0]?.cost ?? Number.POSITIVE_INFINITY);
      unchanged =
        (candidates[0]?.cost ?? Number.POSITIVE_INFINITY) < (best[0]?.cost ?? Number.POSITIVE_INFINITY)
          ? 0
          : unchanged + 1;
      const isLesser = settings.lesser !== undefined && start + i < settings.lesser.layouts;
      for (const candidate of candidates) {
        insertCandidate(best, settings.finalists, candidate);
        if (isLesser) insertCandidate(lesser, settings.lesser!.finalists, candidate);
      }
    }
    if (isTimeUp({ clock, deadlineMs })) break;
  }
  // The time was up before the first routing was complete: there must be one.
  const others = lesser.filter((candidate) => !best.includes(candidate));
  return best.length > 0 ? [...best, ...others] : [routeOnce(problem, seeds.uint32(), layout)];
}

function routeOnce(problem: TrialProblem, seed: number, layout: Int32Array | null): RoutingCandidate {
  const plan = planTrial(0, problem.dags.length, [0]);
  const trial = { ...plan, ...(layout && { start: layout }), seed, iterations: 0 };
  const unlimited = { ...trial, costLimit: Number.POSITIVE_INFINITY };
  return finishAtOnce(new LayoutTrials(problem).run(unlimited, 1))[0]!;
}

/** The views whose best routing is not much dearer than the best of all: all of them before anything was found. */
function promisingViews(bestOfViews: readonly number[]): number[] {
  const best = Math.min(...bestOfViews);
  const views = [...bestOfViews.keys()];
  return best === Number.POSITIVE_INFINITY
    ? views
    : views.filter((view) => bestOfViews[view]! <= best + Math.sqrt(best));
}

/** What the trial of a number does: trials differ in everything that makes a difference. @param views to choose from. */
function planTrial(
  index: number,
  dagCount: number,
  views: readonly number[],
): { start: StartingShape; dag: number; heuristic: RoutingHeuristic } {
  const dag = views[index % views.length]!;
  const turn = Math.floor(index / views.length);
  const heuristic = HEURISTICS[turn % HEURISTICS.length]!;
  const isRanked = dagCount > 1 && dag === 0 && turn % 2 === 0;
  const frontFading = isRanked ? (turn % 4 === 0 ? 0.7 : 0.85) : 1;
  return { start: SHAPES[index % SHAPES.length]!, dag, heuristic: { ...heuristic, frontFading } };
}
