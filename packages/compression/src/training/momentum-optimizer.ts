import { copyMoments, type Optimizer, type OptimizerState, type TrainedParameter } from './optimizer.ts';

/** Constants of {@link MomentumOptimizer}. */
export interface MomentumConstants {
  readonly momentum: number;
  readonly nesterov: boolean;
}

/**
 * Stochastic gradient descent with momentum on plain arrays: `velocity = momentum * velocity + gradient`,
 * `value = value * (1 - rate * decay) - rate * velocity` (nesterov: `gradient + momentum * velocity` in place of the velocity).
 */
export class MomentumOptimizer implements Optimizer {
  readonly #parameters: readonly TrainedParameter[];
  readonly #constants: MomentumConstants;
  #velocities: Float32Array[];
  #step = 0;

  constructor(parameters: readonly TrainedParameter[], constants: MomentumConstants) {
    this.#parameters = parameters;
    this.#constants = constants;
    this.#velocities = parameters.map(({ values }) => new Float32Array(values.length));
  }

  update(
    gradients: readonly (Float32Array | null)[],
    learningRate: number,
    masks: readonly (Uint8Array | null)[],
  ): void {
    this.#step++;
    const { momentum, nesterov } = this.#constants;
    for (let p = 0; p < this.#parameters.length; p++) {
      const gradient = gradients[p]!;
      if (gradient === null) continue;
      const { values, weightDecay } = this.#parameters[p]!;
      const velocity = this.#velocities[p]!;
      const mask = masks[p]!;
      const keep = 1 - learningRate * weightDecay;
      for (let i = 0; i < values.length; i++) {
        if (mask !== null && mask[i] === 0) continue;
        const v = momentum * velocity[i]! + gradient[i]!;
        velocity[i] = v;
        values[i] = values[i]! * keep - learningRate * (nesterov ? gradient[i]! + momentum * v : v);
      }
    }
  }

  forget(parameter: number, mask: Uint8Array): void {
    for (let i = 0; i < mask.length; i++) if (mask[i] === 0) this.#velocities[parameter]![i] = 0;
  }

  saveState(): OptimizerState {
    return { step: this.#step, moments: this.#velocities.map((velocity) => [velocity.slice()]) };
  }

  restoreState(state: OptimizerState): void {
    this.#velocities = copyMoments(state, this.#parameters, 1).map(([velocity]) => velocity!);
    this.#step = state.step;
  }
}
