import { type Clock, throwIfCancelled } from '@qedge/core';
import { type LayoutTrial, LayoutTrials, type RoutingCandidate, type TrialProblem } from './layout-trial.ts';

/** What {@link TrialExecutor.run} is told besides the trials. */
export interface TrialRun {
  readonly problem: TrialProblem;
  readonly trials: readonly LayoutTrial[];
  /** How many candidates of each trial are of interest. */
  readonly keep: number;
  readonly clock: Clock;
  /** `clock.nowMs()` after which trials end without finding more. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal | undefined;
}

/** Runs layout trials: in this thread, or in several. The results must not depend on where or in which order they run. */
export interface TrialExecutor {
  /** @returns the candidates of each trial, in the order of the trials. @throws CancelledError once the signal is aborted. */
  run(run: TrialRun): Promise<RoutingCandidate[][]>;
}

/** Computing for longer than this in one piece keeps signals from arriving. */
const LONGEST_TURN_MS = 20;

/** Runs trials one after the other in this thread. */
export function inThreadTrials(): TrialExecutor {
  let known: { problem: TrialProblem; trials: LayoutTrials } | null = null;
  let turnStartMs = Number.NEGATIVE_INFINITY;
  return {
    async run({ problem, trials, keep, clock, deadlineMs, signal }) {
      if (known?.problem !== problem) known = { problem, trials: new LayoutTrials(problem) };
      const shouldStop = () => clock.nowMs() > deadlineMs;
      const found: RoutingCandidate[][] = [];
      for (const trial of trials) {
        if (signal && clock.nowMs() - turnStartMs > LONGEST_TURN_MS) {
          await clock.sleep(0);
          turnStartMs = clock.nowMs();
        }
        throwIfCancelled(signal, 'Routing');
        found.push(known.trials.run(trial, keep, shouldStop));
      }
      return found;
    },
  };
}
