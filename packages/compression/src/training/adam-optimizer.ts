import { copyMoments, type Optimizer, type OptimizerState, type TrainedParameter } from './optimizer.ts';

/** Constants of {@link AdamOptimizer}. */
export interface AdamConstants {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/**
 * Adam (Kingma and Ba 2015, arXiv:1412.6980, algorithm 1) with decoupled weight decay (Loshchilov and Hutter 2019,
 * arXiv:1711.05101) on plain arrays, in float64 between float32 ends. One pass in JavaScript costs less than the fourteen tensor
 * operations per parameter of the tfjs optimiser, and it can leave removed weights alone: where the mask is 0, neither value nor
 * moments change.
 */
export class AdamOptimizer implements Optimizer {
  readonly #parameters: readonly TrainedParameter[];
  readonly #constants: AdamConstants;
  #firstMoments: Float32Array[];
  #secondMoments: Float32Array[];
  #step = 0;

  constructor(parameters: readonly TrainedParameter[], constants: AdamConstants) {
    this.#parameters = parameters;
    this.#constants = constants;
    this.#firstMoments = parameters.map(({ values }) => new Float32Array(values.length));
    this.#secondMoments = parameters.map(({ values }) => new Float32Array(values.length));
  }

  update(
    gradients: readonly (Float32Array | null)[],
    learningRate: number,
    masks: readonly (Uint8Array | null)[],
  ): void {
    this.#step++;
    const { beta1, beta2, epsilon } = this.#constants;
    // The bias corrections of both moments, folded into the step size and epsilon.
    const correction2 = Math.sqrt(1 - beta2 ** this.#step);
    const rate = (learningRate * correction2) / (1 - beta1 ** this.#step);
    for (let p = 0; p < this.#parameters.length; p++) {
      const gradient = gradients[p]!;
      if (gradient === null) continue;
      const { values, weightDecay } = this.#parameters[p]!;
      const moments = { first: this.#firstMoments[p]!, second: this.#secondMoments[p]! };
      const keep = 1 - learningRate * weightDecay;
      const settings = { rate, keep, epsilon: epsilon * correction2, beta1, beta2 };
      updateArray(values, gradient, moments, settings, masks[p]!);
    }
  }

  forget(parameter: number, mask: Uint8Array): void {
    for (let i = 0; i < mask.length; i++) {
      if (mask[i] !== 0) continue;
      this.#firstMoments[parameter]![i] = 0;
      this.#secondMoments[parameter]![i] = 0;
    }
  }

  saveState(): OptimizerState {
    const moments = this.#firstMoments.map((first, at) => [first.slice(), this.#secondMoments[at]!.slice()]);
    return { step: this.#step, moments };
  }

  restoreState(state: OptimizerState): void {
    const moments = copyMoments(state, this.#parameters, 2);
    this.#firstMoments = moments.map(([first]) => first!);
    this.#secondMoments = moments.map(([, second]) => second!);
    this.#step = state.step;
  }
}

interface AdamStep extends AdamConstants {
  readonly rate: number;
  readonly keep: number;
}

function updateArray(
  values: Float32Array,
  gradient: Float32Array,
  moments: { readonly first: Float32Array; readonly second: Float32Array },
  settings: AdamStep,
  mask: Uint8Array | null,
): void {
  const { first, second } = moments;
  const { rate, epsilon, keep } = settings;
  const [new1, new2] = [1 - settings.beta1, 1 - settings.beta2];
  for (let i = 0; i < values.length; i++) {
    if (mask !== null && mask[i] === 0) continue;
    const g = gradient[i]!;
    const m = first[i]! + new1 * (g - first[i]!);
    const v = second[i]! + new2 * (g * g - second[i]!);
    first[i] = m;
    second[i] = v;
    values[i] = values[i]! * keep - (rate * m) / (Math.sqrt(v) + epsilon);
  }
}
