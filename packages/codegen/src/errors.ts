import { QedgeError } from '@qedge/core';

/** A kernel asks for more registers than its target has. Choose fewer rows or columns per tile. */
export class RegisterBudgetError extends QedgeError {
  readonly code = 'REGISTER_BUDGET';
}

/** A thread of a team failed or ended, so that the team can do no more work. What the run has written is undefined. */
export class ThreadLostError extends QedgeError {
  readonly code = 'THREAD_LOST';
}
