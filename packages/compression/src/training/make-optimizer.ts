import { InvalidArgumentError } from '@qedge/core';
import { AdamOptimizer } from './adam-optimizer.ts';
import { MomentumOptimizer } from './momentum-optimizer.ts';
import type { Optimizer, TrainedParameter } from './optimizer.ts';

/** Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019). */
export interface AdamSettings {
  readonly kind: 'adam';
  /** Decay of the mean of gradients, [0, 1); default 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of squares, [0, 1); default 0.999. */
  readonly beta2?: number;
  /** Positive; default 1e-8. */
  readonly epsilon?: number;
}

/** Stochastic gradient descent, with heavy-ball momentum when it is not 0, and decoupled weight decay. */
export interface MomentumSettings {
  readonly kind: 'sgd';
  /** [0, 1); default 0. */
  readonly momentum?: number;
  /** Looks ahead (Sutskever et al. 2013, as frameworks compute it: `gradient + momentum * velocity`); default false. */
  readonly nesterov?: boolean;
}

/** Which optimiser, as plain, JSON-able data. */
export type OptimizerSettings = AdamSettings | MomentumSettings;

/** @throws InvalidArgumentError for settings out of range. */
export function makeOptimizer(
  settings: OptimizerSettings,
  parameters: readonly TrainedParameter[],
): Optimizer {
  if (settings.kind === 'adam') {
    const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = settings;
    requireRange('beta1', beta1, isFraction(beta1), '[0, 1)');
    requireRange('beta2', beta2, isFraction(beta2), '[0, 1)');
    requireRange('epsilon', epsilon, epsilon > 0 && Number.isFinite(epsilon), '> 0');
    return new AdamOptimizer(parameters, { beta1, beta2, epsilon });
  }
  if (settings.kind === 'sgd') {
    const { momentum = 0, nesterov = false } = settings;
    requireRange('momentum', momentum, isFraction(momentum), '[0, 1)');
    return new MomentumOptimizer(parameters, { momentum, nesterov });
  }
  throw new InvalidArgumentError('Unknown optimiser', {
    expected: 'adam, sgd',
    actual: String((settings as { kind?: unknown }).kind),
  });
}

function isFraction(value: number): boolean {
  return value >= 0 && value < 1;
}

function requireRange(name: string, actual: number, isInside: boolean, expected: string): void {
  if (!isInside) {
    throw new InvalidArgumentError(`The ${name} of the optimiser is out of range`, { expected, actual });
  }
}
