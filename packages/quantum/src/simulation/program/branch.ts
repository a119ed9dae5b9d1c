import type { ClassicalValue } from '../../circuit/classical-expression.ts';
import type { ClassicalMemory } from '../../circuit/classical-memory.ts';
import { copyFrame, type StateFrame, type StoredState } from '../amplitudes/stored-state.ts';

/** Where a loop is. */
export interface LoopPosition {
  readonly rounds: number;
  /** The value of a round of a loop over values, null when there is none left; null for loops on a condition. */
  readonly valueAt: ((round: number) => ClassicalValue | null) | null;
}

/** A run up to some step, standing for one or more shots whose measurements had the same outcomes so far. */
export interface Branch {
  step: number;
  shots: number;
  state: StoredState;
  frame: StateFrame;
  readonly memory: ClassicalMemory;
  /** For each qubit, densely numbered, the value that it is known to have: since it was measured or reset no gate has touched it. */
  readonly values: (0 | 1 | null)[];
  readonly loops: (LoopPosition | null)[];
  /** Outcomes of measurements and resets so far. */
  readonly outcomes: (0 | 1)[];
}

/** A branch to be run later: whole, or where memory is short as the outcomes that lead to it. */
export type PendingBranch = Branch | { readonly outcomes: readonly (0 | 1)[]; readonly shots: number };

/** The same run in another state's memory, whose content is the caller's to fill. */
export function copyBranch(branch: Branch, state: StoredState): Branch {
  return {
    step: branch.step,
    shots: branch.shots,
    state,
    frame: copyFrame(branch.frame),
    memory: branch.memory.clone(),
    values: branch.values.slice(),
    loops: branch.loops.slice(),
    outcomes: branch.outcomes.slice(),
  };
}
