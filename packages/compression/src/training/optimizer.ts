import { InvalidArgumentError, NonFiniteValueError } from '@qedge/core';

/** One array of parameters under training. */
export interface TrainedParameter {
  /** Updated in place. */
  readonly values: Float32Array;
  /** Decoupled weight decay, per unit of learning rate. */
  readonly weightDecay: number;
}

/** What an optimiser remembers, as plain data of its own. */
export interface OptimizerState {
  /** Updates so far. */
  readonly step: number;
  /** Per parameter, its arrays of the parameter's length. */
  readonly moments: readonly (readonly Float32Array[])[];
}

/** Moves parameters against their gradients, on plain arrays. */
export interface Optimizer {
  /**
   * Moves every parameter once. All lists are in the order of the parameters; a null gradient leaves a parameter as it is, a null mask
   * trains all of it. Where a mask is 0, neither the value nor what the optimiser remembers of it changes.
   */
  update(
    gradients: readonly (Float32Array | null)[],
    learningRate: number,
    masks: readonly (Uint8Array | null)[],
  ): void;
  /** Sets what is remembered of parameter number `parameter` to 0 where the mask is 0. */
  forget(parameter: number, mask: Uint8Array): void;
  /** A copy. */
  saveState(): OptimizerState;
  /** Takes over a copy of what {@link saveState} gave. @throws InvalidArgumentError when it does not fit the parameters. */
  restoreState(state: OptimizerState): void;
}

/**
 * Moments that a state brings, checked against the parameters they are for.
 * @throws InvalidArgumentError
 */
export function copyMoments(
  state: OptimizerState,
  parameters: readonly TrainedParameter[],
  arrays: number,
): Float32Array[][] {
  const fits =
    Number.isSafeInteger(state.step) &&
    state.step >= 0 &&
    state.moments.length === parameters.length &&
    state.moments.every(
      (moments, at) =>
        moments.length === arrays && moments.every(({ length }) => length === parameters[at]!.values.length),
    );
  if (!fits) {
    throw new InvalidArgumentError('The state of an optimiser does not fit', {
      expected: `${arrays} arrays for each of ${parameters.length} parameters`,
      actual: state.moments.map((moments) => moments.map(({ length }) => length).join('+')),
    });
  }
  return state.moments.map((moments) => moments.map((values) => values.slice()));
}

/** @throws NonFiniteValueError when training has diverged. */
export function assertFiniteLoss(loss: number): void {
  if (!Number.isFinite(loss)) {
    throw new NonFiniteValueError('Training has diverged', {
      expected: 'a finite loss',
      actual: loss,
      remedy: 'Lower the learning rate.',
    });
  }
}
