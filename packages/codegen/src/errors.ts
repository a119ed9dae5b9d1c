import { QedgeError } from '@qedge/core';

/** A kernel asks for more registers than its target has. Choose fewer rows or columns per tile. */
export class RegisterBudgetError extends QedgeError {
  readonly code = 'REGISTER_BUDGET';
}
