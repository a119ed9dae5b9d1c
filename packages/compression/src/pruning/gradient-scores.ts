import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import type { WeightValues } from './weight-scores.ts';

/**
 * Sums up `weight * gradient` over the steps of training or over batches of data, in double precision: what the loss changes by when a
 * weight is scaled. Both gradient-based scores come from this sum. Before
 * the first batch there are no scores.
 *
 * @example
 * const gradients = new GradientScores();
 * // before every optimiser step, or for each batch with the weights left as they are
 * gradients.add(weightsBeforeTheStep, gradientsOfTheBatch);
 * const masks = maskBySparsity(gradients.movement(), { sparsity: 0.9, scope: 'global' });
 */
export class GradientScores {
  readonly #sums = new Map<string, Float64Array>();
  #batches = 0;

  /** How often {@link add} was called. */
  get batches(): number {
    return this.#batches;
  }

  /**
   * Adds one batch.
   * @param weights as they were when the gradients were computed; borrowed.
   * @param gradients of the loss, by weight name; those of other weights are ignored. Borrowed.
   * @throws InvalidArgumentError when a weight has no gradient or the names change, ShapeMismatchError when lengths differ.
   *   Nothing was added then.
   */
  add(weights: WeightValues, gradients: WeightValues): void {
    const pairs = Array.from(weights, ([name, values]) => ({ name, values, gradient: gradients.get(name) }));
    for (const { name, values, gradient } of pairs) this.#check(name, values, gradient);
    if (this.#batches > 0 && pairs.length !== this.#sums.size) {
      throw new InvalidArgumentError('The weights that are scored have changed', {
        expected: [...this.#sums.keys()],
        actual: [...weights.keys()],
      });
    }
    for (const { name, values, gradient } of pairs) {
      const sum = this.#sums.get(name) ?? new Float64Array(values.length);
      for (let i = 0; i < sum.length; i++) sum[i] += values[i] * gradient![i];
      this.#sums.set(name, sum);
    }
    this.#batches++;
  }

  /**
   * `-sum(w * gradient)`: large for weights that training moves away from 0 (movement pruning, Sanh et al. 2020, arXiv:2005.07683,
   * equation 4, without the constant learning rate).
   */
  movement(): Map<string, Float32Array> {
    return this.#scores((sum) => -sum);
  }

  /** `|sum(w * gradient)|`: the sensitivity of the loss to the connection (SNIP, Lee et al. 2019, arXiv:1810.02340; not normalised). */
  sensitivity(): Map<string, Float32Array> {
    return this.#scores(Math.abs);
  }

  /** What has been summed up, for checkpoints: copies. */
  save(): { readonly batches: number; readonly sums: ReadonlyMap<string, Float64Array> } {
    return {
      batches: this.#batches,
      sums: new Map(Array.from(this.#sums, ([name, sums]) => [name, sums.slice()])),
    };
  }

  /** Takes over what {@link save} gave. */
  restore({ batches, sums }: ReturnType<GradientScores['save']>): void {
    this.#batches = batches;
    this.#sums.clear();
    for (const [name, values] of sums) this.#sums.set(name, values.slice());
  }

  #scores(score: (sum: number) => number): Map<string, Float32Array> {
    return new Map(Array.from(this.#sums, ([name, sums]) => [name, Float32Array.from(sums, score)]));
  }

  #check(name: string, values: Float32Array, gradient: Float32Array | undefined): void {
    if (!gradient || (this.#batches > 0 && !this.#sums.has(name))) {
      throw new InvalidArgumentError(`The weight "${name}" cannot be scored`, {
        expected: 'a gradient for each weight, and the same weights each time',
        actual: gradient ? 'a weight that was not there before' : 'no gradient',
      });
    }
    const length = this.#sums.get(name)?.length ?? values.length;
    if (values.length !== length || gradient.length !== length) {
      throw new ShapeMismatchError(`The gradient of "${name}" does not fit`, {
        expected: length,
        actual: [values.length, gradient.length],
      });
    }
  }
}
