import { InvalidArgumentError, type ProgressListener, throwIfCancelled } from '@qedge/core';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { descendCodes } from './descend-codes.ts';
import { codingDifferences, OutputErrorProduct } from './output-error.ts';
import { PowerTable, RectifiedSigmoid } from './rectified-sigmoid.ts';
import { outputOf, type RoundingProblem } from './rounding-problem.ts';
import { WorkTurns } from './work-turns.ts';

/** Settings of {@link roundAdaptively}. */
export interface AdaptiveRoundingOptions {
  /** Steps of Adam. Default 1,000. */
  readonly iterations?: number;
  /** Of Adam. Default 0.03. */
  readonly learningRate?: number;
  /** How much an undecided weight costs, relative to the mean error that nearest rounding makes per weight. Default 3. */
  readonly regularization?: number;
  readonly signal?: AbortSignal;
  /** Told some twenty times a second how many of the steps are done. */
  readonly onProgress?: ProgressListener;
}

/** What became of the codes. */
export interface AdaptiveRounding {
  /** `[groups, rows, outputs]`, less the zero point. */
  readonly codes: Int16Array;
  /** The squared error in the outputs, relative to the one with the nearest codes; never more than 1. */
  readonly relativeError: number;
}

const WARM_UP = 0.2;
const FIRST_EXPONENT = 20;
const LAST_EXPONENT = 2;
const [DECAY_1, DECAY_2, EPSILON] = [0.9, 0.999, 1e-8];

/**
 * Chooses codes so that the outputs of a layer change least, rather than its weights: each weight is rounded up or down by a variable
 * `h = clip(1.2 sigmoid(alpha) - 0.1, 0, 1)` that minimises the squared error of the outputs plus `lambda sum(1 - |2h - 1|^beta)`, with beta
 * from 20 to 2 after a warm-up of a fifth of the steps (AdaRound: Nagel et al. 2020, arXiv:2004.10568). The error is the exact quadratic function of
 * all samples, not one of drawn ones, and each output is normed by the error that nearest rounding makes in it. Then single codes descend until
 * none can be bettered, from there and from the nearest codes, and each output takes the best.
 *
 * Weights of exactly 0 keep the code of 0. Lets other work run from time to time, so that it can be cancelled; no tensor is left behind.
 *
 * @throws InvalidArgumentError for impossible settings, CancelledError.
 */
export async function roundAdaptively(
  tf: Tensorflow,
  problem: RoundingProblem,
  options: AdaptiveRoundingOptions = {},
): Promise<AdaptiveRounding> {
  const { iterations = 1000, learningRate = 0.03, regularization = 3, signal, onProgress } = options;
  requirePositive({ iterations, learningRate, regularization });
  throwIfCancelled(signal, 'Rounding');
  const turns = new WorkTurns('Rounding', signal);
  const product = new OutputErrorProduct(tf, problem);
  try {
    const nearestErrors = product.perOutput(problem.nearest);
    const search = new AdaptiveSearch(problem, product, { learningRate, regularization });
    for (let step = 0; step < iterations; step++) {
      search.step(step / iterations);
      if (!turns.isOver) continue;
      onProgress?.({ phase: 'rounding', done: step + 1, total: iterations });
      await turns.next();
    }
    const candidates = [search.codes(), problem.nearest.slice()];
    for (const codes of candidates) await descendCodes(problem, codes, turns);
    const { codes, errors } = bestPerOutput(problem, product, [...candidates, problem.nearest]);
    return { codes, relativeError: total(nearestErrors) > 0 ? total(errors) / total(nearestErrors) : 1 };
  } finally {
    product.dispose();
  }
}

/** The codes that serve each output best, and its error with them. */
function bestPerOutput(
  { error }: RoundingProblem,
  product: OutputErrorProduct,
  candidates: readonly Int16Array[],
) {
  const codes = candidates[0].slice();
  const errors = product.perOutput(codes);
  for (const candidate of candidates.slice(1)) {
    const others = product.perOutput(candidate);
    const isBetter = others.map((other, output) => (other < errors[output] ? 1 : 0));
    for (let at = 0; at < codes.length; at++) {
      if (isBetter[outputOf(error, at)] === 1) codes[at] = candidate[at];
    }
    for (const [output, other] of others.entries()) errors[output] = Math.min(errors[output], other);
  }
  return { codes, errors };
}

function total(errors: Float64Array): number {
  return errors.reduce((sum, error) => sum + error, 0);
}

function requirePositive(settings: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(settings)) {
    if (value > 0 && Number.isFinite(value)) continue;
    throw new InvalidArgumentError(`Adaptive rounding has an impossible setting "${name}"`, {
      expected: 'a positive number',
      actual: value,
    });
  }
}

/** The relaxed problem and Adam on it. */
class AdaptiveSearch {
  readonly #problem: RoundingProblem;
  readonly #product: OutputErrorProduct;
  readonly #learningRate: number;
  readonly #regularization: number;
  readonly #sigmoid = new RectifiedSigmoid();
  readonly #power = new PowerTable();
  readonly #floors: Int16Array;
  /** Of the relaxed weights: `(floor + h) * step - value`. */
  readonly #differences: Float32Array;
  readonly #gradientFactors: Float32Array;
  readonly #alpha: Float32Array;
  readonly #mean: Float32Array;
  readonly #square: Float32Array;
  /** Weights that are not decided yet: the first so many of the list. */
  readonly #open: Int32Array;
  #openCount = 0;
  #decays: [number, number] = [1, 1];

  constructor(
    problem: RoundingProblem,
    product: OutputErrorProduct,
    settings: { readonly learningRate: number; readonly regularization: number },
  ) {
    const { values, steps, nearest, lowest, highest } = problem;
    this.#problem = problem;
    this.#product = product;
    this.#learningRate = settings.learningRate;
    this.#regularization = settings.regularization;
    this.#floors = nearest.slice();
    this.#differences = codingDifferences(problem, nearest);
    this.#gradientFactors = gradientFactors(problem, product, this.#differences);
    this.#alpha = new Float32Array(values.length);
    this.#mean = new Float32Array(values.length);
    this.#square = new Float32Array(values.length);
    this.#open = new Int32Array(values.length);
    for (let at = 0; at < values.length; at++) {
      const exact = values[at] / steps[at];
      const floor = Math.floor(exact);
      if (floor < lowest[at] || floor >= highest[at] || floor === exact) continue;
      this.#floors[at] = floor;
      this.#alpha[at] = this.#sigmoid.inverse(exact - floor);
      this.#differences[at] = 0;
      this.#open[this.#openCount++] = at;
    }
  }

  /** One step of Adam, after a fraction of them all. */
  step(progress: number): void {
    const product = this.#product.multiply(this.#differences);
    const cooling = Math.max(0, (progress - WARM_UP) / (1 - WARM_UP));
    const exponent =
      LAST_EXPONENT + ((FIRST_EXPONENT - LAST_EXPONENT) * (1 + Math.cos(Math.PI * cooling))) / 2;
    const weight = progress < WARM_UP ? 0 : 2 * this.#regularization * exponent;
    this.#power.exponent = exponent - 1;
    this.#decays = [this.#decays[0] * DECAY_1, this.#decays[1] * DECAY_2];
    const rate = this.#learningRate / (1 - this.#decays[0]);
    const correction = 1 / (1 - this.#decays[1]);
    const count = this.#openCount;
    this.#openCount = 0;
    for (let place = 0; place < count; place++)
      this.#move(this.#open[place], product, weight, rate, correction);
  }

  /** What the relaxed weights are nearer to. */
  codes(): Int16Array {
    const codes = this.#floors.slice();
    const { steps, values } = this.#problem;
    for (const [at, floor] of this.#floors.entries()) {
      const relaxed = (this.#differences[at] + values[at]) / steps[at];
      codes[at] = floor + (relaxed - floor >= 0.5 ? 1 : 0);
    }
    return codes;
  }

  #move(at: number, product: Float32Array, weight: number, rate: number, correction: number): void {
    const { drift } = this.#problem.error;
    const { values, steps } = this.#problem;
    const alpha = this.#alpha[at];
    const h = this.#sigmoid.at(alpha);
    const centred = 2 * h - 1;
    let gradient = this.#gradientFactors[at] * (product[at] + drift[at]);
    if (weight > 0) gradient -= weight * Math.sign(centred) * this.#power.at(centred);
    gradient *= this.#sigmoid.slope(h);
    const mean = this.#mean[at] + (1 - DECAY_1) * (gradient - this.#mean[at]);
    const square = this.#square[at] + (1 - DECAY_2) * (gradient * gradient - this.#square[at]);
    this.#mean[at] = mean;
    this.#square[at] = square;
    const next = alpha - (rate * mean) / (Math.sqrt(square * correction) + EPSILON);
    this.#alpha[at] = next;
    const moved = this.#sigmoid.at(next);
    this.#differences[at] = (this.#floors[at] + moved) * steps[at] - values[at];
    // Where the clip has been reached there is no gradient any more: the weight is decided.
    if (moved > 0 && moved < 1) this.#open[this.#openCount++] = at;
  }
}

/** What turns `second d + drift` into the gradient by h of the error, normed so that nearest rounding makes an error of 1 per weight. */
function gradientFactors(
  { error, steps }: RoundingProblem,
  product: OutputErrorProduct,
  nearest: Float32Array,
): Float32Array {
  const { groups, rows, outputs } = error;
  const multiplied = product.multiply(nearest);
  const norms = new Float64Array(groups * outputs);
  for (let at = 0; at < nearest.length; at++) norms[outputOf(error, at)] += nearest[at] * multiplied[at];
  return steps.map((step, at) => {
    const norm = norms[outputOf(error, at)];
    return norm > 0 ? (2 * step * rows) / norm : 0;
  });
}
