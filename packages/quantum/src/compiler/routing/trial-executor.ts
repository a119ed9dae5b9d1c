import { type Clock, throwIfCancelled } from '@qedge/core';
import { finishInTurns, isTimeUp, Turn } from '../in-turns.ts';
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

/** Runs trials one after the other in this thread. */
export function inThreadTrials(): TrialExecutor {
  let known: { problem: TrialProblem; trials: LayoutTrials } | null = null;
  let turn: Turn | null = null;
  return {
    async run({ problem, trials, keep, clock, deadlineMs, signal }) {
      if (known?.problem !== problem) known = { problem, trials: new LayoutTrials(problem) };
      if (turn?.clock !== clock) turn = new Turn(clock);
      const { trials: runner } = known;
      const context = { clock, deadlineMs, signal };
      const found: RoutingCandidate[][] = [];
      for (const trial of trials) {
        if (signal) await turn.endIfLong();
        throwIfCancelled(signal, 'Routing');
        if (isTimeUp(context)) found.push([]);
        else found.push(await finishInTurns(runner.run(trial, keep), context, 'Routing', turn));
      }
      return found;
    },
  };
}
