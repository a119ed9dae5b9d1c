import { systemClock, type TaskContext, type TaskValue } from '@qedge/core';
import { finishAtOnce } from '../in-turns.ts';
import { type LayoutTrial, LayoutTrials, type RoutingCandidate, type TrialProblem } from './layout-trial.ts';

/** What {@link runLayoutTrials} is sent. */
export interface LayoutTrialsInput {
  readonly problem: TrialProblem;
  readonly trials: readonly LayoutTrial[];
  readonly keep: number;
  /** Milliseconds until trials end without finding more; may be infinite. */
  readonly remainingMs: number;
}

/**
 * A task that runs layout trials, for threads: `workerThreadTrials` of `@qedge/quantum/node` sends it.
 *
 * @param input a {@link LayoutTrialsInput}.
 * @returns for each trial its candidates.
 */
export function runLayoutTrials(input: TaskValue, { signal }: TaskContext): TaskValue {
  const { problem, trials, keep, remainingMs } = input as unknown as LayoutTrialsInput;
  const deadlineMs = systemClock.nowMs() + remainingMs;
  const shouldSettle = () => signal.aborted || systemClock.nowMs() > deadlineMs;
  const runner = new LayoutTrials(problem);
  const found: RoutingCandidate[][] = trials.map((trial) =>
    finishAtOnce(runner.run(trial, keep), shouldSettle),
  );
  return found as unknown as TaskValue;
}
