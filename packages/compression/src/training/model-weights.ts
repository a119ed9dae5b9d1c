import { InvalidArgumentError, NonFiniteValueError, ShapeMismatchError } from '@qedge/core';
import type { LayersModel, Tensor, Variable } from '@tensorflow/tfjs';
import { type NamedWeight, nameWeights } from '../model/read-topology.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';

/** Weights of a model by name (`dense_1/kernel`), row-major. */
export type WeightArrays = ReadonlyMap<string, Float32Array>;

/** Copies all weights of a model, the moving statistics included: a state to rewind to with {@link writeWeights}. */
export function readWeights(model: LayersModel): Map<string, Float32Array> {
  return new Map(nameWeights(model).map(({ name, variable }) => [name, readArray(variable.read())]));
}

/**
 * Copies weights into a model; weights that are not given stay as they are.
 * @throws InvalidArgumentError for a name that the model does not have, ShapeMismatchError for a wrong length, NonFiniteValueError for NaN or
 *   infinity; the model is then unchanged.
 */
export function writeWeights(tf: Tensorflow, model: LayersModel, weights: WeightArrays): void {
  const named = new Map(nameWeights(model).map((weight) => [weight.name, weight]));
  for (const [name, values] of weights) {
    const weight = named.get(name);
    if (!weight) {
      throw new InvalidArgumentError('The model does not have such a weight', {
        expected: [...named.keys()].join(', '),
        actual: name,
      });
    }
    const { size } = weight.variable.read();
    if (size !== values.length) {
      throw new ShapeMismatchError(`The values do not fit "${name}"`, {
        expected: size,
        actual: values.length,
      });
    }
    if (!values.every(Number.isFinite)) {
      throw new NonFiniteValueError(`The values for "${name}" cannot be used`, {
        expected: 'finite numbers',
        actual: 'NaN or infinity',
      });
    }
  }
  for (const [name, values] of weights) writeArray(tf, named.get(name)!, values.slice());
}

/** A copy of a tensor's numbers. */
function readArray(tensor: Tensor): Float32Array {
  return Float32Array.from(tensor.dataSync());
}

/** @param values may be kept by the backend. @returns what identifies the values on the backend. */
function writeArray(tf: Tensorflow, { variable }: NamedWeight, values: Float32Array): object {
  const tensor = tf.tensor(values, variable.shape as number[]);
  variable.write(tensor);
  const { dataId } = tensor;
  tensor.dispose();
  return dataId;
}

/** A trainable weight with its array. */
export interface TrainedWeight {
  readonly name: string;
  readonly role: string;
  readonly variable: Variable;
  /** What the optimiser works on. */
  readonly values: Float32Array;
}

/** True for weights that multiply activations; they decay and count for sparsity. Biases, scales and shifts are none. */
export function isKernelRole(role: string): boolean {
  return role.endsWith('kernel') || role === 'embeddings';
}

/**
 * The weights of a model while it is trained: arrays of the trainable ones beside the variables of tfjs. The arrays are written to the
 * variables after each update; what anyone else writes to a variable is found by its data changing and taken over.
 */
export class ModelWeights {
  readonly trained: readonly TrainedWeight[];
  readonly #tf: Tensorflow;
  readonly #trainedNames: readonly NamedWeight[];
  /** Not trained by gradients: moving statistics, frozen layers. */
  readonly #others: readonly NamedWeight[];
  /** What was on the backend when an array and its variable were last equal. */
  readonly #known: (object | null)[];
  /** Tensors of the wasm backend copy what they are made from; others may keep it, or read it later. */
  readonly #mustCopy: boolean;

  /** @throws InvalidArgumentError for a model without trainable weights. */
  constructor(tf: Tensorflow, model: LayersModel) {
    const named = nameWeights(model);
    this.#tf = tf;
    this.#mustCopy = tf.getBackend() !== 'wasm';
    this.#trainedNames = named.filter(({ trainable }) => trainable);
    this.#others = named.filter(({ trainable }) => !trainable);
    if (this.#trainedNames.length === 0) {
      throw new InvalidArgumentError('Nothing of the model can be trained', {
        expected: 'trainable weights',
        actual: `${named.length} weights, all frozen`,
      });
    }
    this.trained = this.#trainedNames.map(({ name, role, variable }) => ({
      name,
      role,
      variable: variable.read() as Variable,
      values: readArray(variable.read()),
    }));
    this.#known = this.trained.map(({ variable }) => variable.dataId);
  }

  /** Reads again what was written to variables from outside. @returns the positions of those weights. */
  synchronize(): number[] {
    const changed: number[] = [];
    this.trained.forEach(({ variable, values }, at) => {
      if (variable.dataId === this.#known[at]) return;
      values.set(variable.dataSync());
      this.#known[at] = variable.dataId;
      changed.push(at);
    });
    return changed;
  }

  /** Writes the arrays of some weights, default all, to their variables. */
  upload(positions: Iterable<number> = this.trained.keys()): void {
    for (const at of positions) {
      const { values } = this.trained[at]!;
      this.#known[at] = writeArray(
        this.#tf,
        this.#trainedNames[at]!,
        this.#mustCopy ? values.slice() : values,
      );
    }
  }

  /** @throws NonFiniteValueError naming a weight or moving statistic, when training has diverged. */
  requireFinite(): void {
    const others = this.#others.map(({ name, variable }) => ({ name, values: variable.read().dataSync() }));
    for (const { name, values } of [...this.trained, ...others]) {
      if (values.every(Number.isFinite)) continue;
      throw new NonFiniteValueError('Training has diverged', {
        expected: 'finite weights',
        actual: `NaN or infinity in "${name}"`,
        remedy: 'Lower the learning rate, or scale the features.',
      });
    }
  }

  /** Copies of all weights of the model by name. */
  save(): Map<string, Float32Array> {
    this.synchronize();
    return new Map([
      ...this.trained.map(({ name, values }) => [name, values.slice()] as const),
      ...this.#others.map(({ name, variable }) => [name, readArray(variable.read())] as const),
    ]);
  }

  /** Takes over what {@link save} gave. @throws InvalidArgumentError when names or lengths differ. */
  restore(weights: WeightArrays): void {
    const all = [...this.#trainedNames, ...this.#others];
    const fits = ({ name, variable }: NamedWeight) => weights.get(name)?.length === variable.read().size;
    if (weights.size !== all.length || !all.every(fits)) {
      throw new InvalidArgumentError('The weights are those of another model', {
        expected: all.map(({ name, variable }) => `${name} (${variable.read().size})`).join(', '),
        actual: [...weights].map(([name, { length }]) => `${name} (${length})`).join(', '),
      });
    }
    for (const { name, values } of this.trained) values.set(weights.get(name)!);
    this.upload();
    for (const weight of this.#others) writeArray(this.#tf, weight, weights.get(weight.name)!.slice());
  }
}
