import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import { isKernelRole, type ModelWeights } from './model-weights.ts';
import type { Optimizer } from './optimizer.ts';
import type { WeightMasks } from './training-options.ts';

/** Keeps masked weights, and what the optimiser remembers of them, exactly 0. */
export class TrainingMasks {
  readonly #weights: ModelWeights;
  readonly #optimizer: Optimizer;
  #byName: WeightMasks = new Map();
  /** In the order of the trained weights. */
  #inOrder: readonly (Uint8Array | null)[];

  constructor(weights: ModelWeights, optimizer: Optimizer) {
    this.#weights = weights;
    this.#optimizer = optimizer;
    this.#inOrder = weights.trained.map(() => null);
  }

  get byName(): WeightMasks {
    return this.#byName;
  }

  get inOrder(): readonly (Uint8Array | null)[] {
    return this.#inOrder;
  }

  /**
   * Replaces all masks by copies and applies them.
   * @returns false when they are the same as before.
   * @throws InvalidArgumentError, ShapeMismatchError; nothing has then changed.
   */
  set(masks: WeightMasks): boolean {
    checkMasks(masks, this.#weights);
    const isSame = areEqual(masks, this.#byName);
    this.#byName = new Map([...masks].map(([name, mask]) => [name, mask.slice()]));
    this.#inOrder = this.#weights.trained.map(({ name }) => this.#byName.get(name) ?? null);
    this.apply(this.#weights.trained.keys());
    return !isSame;
  }

  /** Sets masked weights among some to 0, also on the backend. */
  apply(positions: Iterable<number>): void {
    const changed: number[] = [];
    for (const at of positions) {
      const mask = this.#inOrder[at];
      if (!mask) continue;
      this.#optimizer.forget(at, mask);
      if (clear(this.#weights.trained[at]!.values, mask)) changed.push(at);
    }
    this.#weights.upload(changed);
  }

  /** Fraction of all trained kernel weights that are masked; 0 without kernels. */
  get sparsity(): number {
    let [removed, count] = [0, 0];
    this.#weights.trained.forEach(({ role, values }, at) => {
      if (!isKernelRole(role)) return;
      count += values.length;
      for (const kept of this.#inOrder[at] ?? []) if (kept === 0) removed++;
    });
    return count === 0 ? 0 : removed / count;
  }
}

function areEqual(a: WeightMasks, b: WeightMasks): boolean {
  if (a.size !== b.size) return false;
  return [...a].every(([name, mask]) => b.get(name)?.every((kept, at) => kept === mask[at]) ?? false);
}

/** Sets values to 0 where the mask is 0. @returns true when any was not. */
function clear(values: Float32Array, mask: Uint8Array): boolean {
  let isChanged = false;
  for (let i = 0; i < values.length; i++) {
    // Minus zero is cleared too.
    if (mask[i] !== 0 || Object.is(values[i], 0)) continue;
    values[i] = 0;
    isChanged = true;
  }
  return isChanged;
}

function checkMasks(masks: WeightMasks, { trained }: ModelWeights): void {
  for (const [name, mask] of masks) {
    const weight = trained.find((candidate) => candidate.name === name);
    if (!weight) {
      throw new InvalidArgumentError('A mask is for no trained weight of the model', {
        expected: trained.map((candidate) => candidate.name).join(', '),
        actual: name,
      });
    }
    if (mask.length !== weight.values.length) {
      throw new ShapeMismatchError(`The mask does not fit "${name}"`, {
        expected: weight.values.length,
        actual: mask.length,
      });
    }
  }
}
