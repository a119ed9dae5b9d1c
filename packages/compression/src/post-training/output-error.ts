import type { Tensor, Tensor3D } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { outputOf, type RoundingProblem } from './rounding-problem.ts';

/** Evaluates the quadratic error of a {@link RoundingProblem} through tfjs. Dispose of it. */
export class OutputErrorProduct {
  readonly #tf: Tensorflow;
  readonly #problem: RoundingProblem;
  readonly #second: Tensor3D;

  constructor(tf: Tensorflow, problem: RoundingProblem) {
    this.#tf = tf;
    this.#problem = problem;
    const { groups, rows, second } = problem.error;
    this.#second = tf.tensor3d(second, [groups, rows, rows]);
  }

  /** `second d`, of the shape of `d`: half the gradient without the drift. */
  multiply(differences: Float32Array): Float32Array {
    const { groups, rows, outputs } = this.#problem.error;
    const right = this.#tf.tensor3d(differences, [groups, rows, outputs]);
    const product: Tensor = this.#tf.matMul(this.#second, right);
    const data = product.dataSync() as Float32Array;
    this.#tf.dispose([right, product]);
    return data;
  }

  /** The error of each output with some codes, as `[groups, outputs]`. */
  perOutput(codes: Int16Array): Float64Array {
    const differences = codingDifferences(this.#problem, codes);
    const { drift, inherited } = this.#problem.error;
    const product = this.multiply(differences);
    const errors = Float64Array.from(inherited);
    for (let at = 0; at < product.length; at++) {
      errors[outputOf(this.#problem.error, at)] += differences[at] * (product[at] + 2 * drift[at]);
    }
    return errors;
  }

  dispose(): void {
    this.#second.dispose();
  }
}

/** `codes * steps - values`. */
export function codingDifferences(
  { values, steps }: RoundingProblem,
  codes: ArrayLike<number>,
): Float32Array {
  return values.map((value, at) => codes[at] * steps[at] - value);
}
