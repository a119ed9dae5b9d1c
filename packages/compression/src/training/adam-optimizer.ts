import { NonFiniteValueError } from '@qedge/core';

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/** One array of parameters under training. */
export interface TrainedParameter {
  /** Updated in place. */
  readonly values: Float32Array;
  /** Decoupled weight decay, per unit of learning rate. */
  readonly weightDecay: number;
}

/**
 * Adam (Kingma and Ba 2015, arXiv:1412.6980, algorithm 1) with decoupled weight decay (Loshchilov and Hutter 2019,
 * arXiv:1711.05101) on plain arrays, in float64 between float32 ends. One pass in JavaScript costs less than the fourteen tensor
 * operations per parameter of the tfjs optimiser, and it can leave removed weights alone: where the mask is 0, neither value nor
 * moments change.
 */
export class AdamOptimizer {
  readonly #parameters: readonly TrainedParameter[];
  readonly #firstMoments: Float32Array[];
  readonly #secondMoments: Float32Array[];
  #step = 0;

  constructor(parameters: readonly TrainedParameter[]) {
    this.#parameters = parameters;
    this.#firstMoments = parameters.map(({ values }) => new Float32Array(values.length));
    this.#secondMoments = parameters.map(({ values }) => new Float32Array(values.length));
  }

  /** Moves every parameter once. `gradients` and `masks` are in the order of the parameters; a null mask trains all. */
  update(
    gradients: readonly Float32Array[],
    learningRate: number,
    masks: readonly (Uint8Array | null)[],
  ): void {
    this.#step++;
    // The bias corrections of both moments, folded into the step size and epsilon.
    const correction2 = Math.sqrt(1 - BETA2 ** this.#step);
    const rate = (learningRate * correction2) / (1 - BETA1 ** this.#step);
    for (let p = 0; p < this.#parameters.length; p++) {
      const { values, weightDecay } = this.#parameters[p];
      const moments = { first: this.#firstMoments[p], second: this.#secondMoments[p] };
      const settings = { rate, epsilon: EPSILON * correction2, keep: 1 - learningRate * weightDecay };
      updateArray(values, gradients[p], moments, settings, masks[p]);
    }
  }
}

function updateArray(
  values: Float32Array,
  gradient: Float32Array,
  moments: { first: Float32Array; second: Float32Array },
  settings: { rate: number; epsilon: number; keep: number },
  mask: Uint8Array | null,
): void {
  const { first, second } = moments;
  const { rate, epsilon, keep } = settings;
  for (let i = 0; i < values.length; i++) {
    if (mask !== null && mask[i] === 0) continue;
    const g = gradient[i];
    const m = first[i] + (1 - BETA1) * (g - first[i]);
    const v = second[i] + (1 - BETA2) * (g * g - second[i]);
    first[i] = m;
    second[i] = v;
    values[i] = values[i] * keep - (rate * m) / (Math.sqrt(v) + epsilon);
  }
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
