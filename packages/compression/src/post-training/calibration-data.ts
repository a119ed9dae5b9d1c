import { InvalidArgumentError, NonFiniteValueError, type Shape, ShapeMismatchError } from '@qedge/core';
import type { Tensor } from '@tensorflow/tfjs';
import type { ModelTopology } from '../model/model-topology.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';

/** Typical inputs of a model, without labels. What a model is trained on fits too. */
export interface CalibrationData {
  /** Per input of the model, in its order, `[count, ...input shape]`, row-major; a model with one input may do without the list. */
  readonly features: Float32Array | readonly Float32Array[];
  readonly count: number;
}

/** Calibration data of a model, checked. */
export interface CalibrationInput {
  readonly features: Float32Array;
  /** Without the batch. */
  readonly shape: Shape;
}

/**
 * @throws InvalidArgumentError for no samples, another number of inputs or inputs of open size, ShapeMismatchError for a length that does not fit,
 *   NonFiniteValueError for NaN or infinity.
 */
export function checkCalibrationData(
  topology: ModelTopology,
  { features, count }: CalibrationData,
): readonly CalibrationInput[] {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new InvalidArgumentError('Calibration needs samples', { expected: 'at least one', actual: count });
  }
  const list = features instanceof Float32Array ? [features] : features;
  if (list.length !== topology.inputs.length) {
    throw new InvalidArgumentError('Calibration data does not fit the model', {
      expected: `features for ${topology.inputs.length} inputs`,
      actual: list.length,
    });
  }
  return topology.inputs.map(({ layer, call, output }, at) => {
    const definition = topology.layers.find(({ name }) => name === layer);
    const open = definition?.calls[call]?.outputShapes[output] ?? [];
    const size = open.reduce<number>((product, each) => product * (each ?? Number.NaN), 1);
    if (Number.isNaN(size)) {
      throw new InvalidArgumentError(`The input "${layer}" has an open size`, {
        expected: 'a model whose inputs have fixed shapes',
        actual: open,
      });
    }
    requireFit(list[at], count * size, layer);
    return { features: list[at], shape: open as readonly number[] };
  });
}

function requireFit(features: Float32Array, length: number, input: string): void {
  if (features.length !== length) {
    throw new ShapeMismatchError(`Calibration data does not fit the input "${input}"`, {
      expected: length,
      actual: features.length,
    });
  }
  const broken = features.findIndex((value) => !Number.isFinite(value));
  if (broken < 0) return;
  throw new NonFiniteValueError('Calibration data cannot be used', {
    expected: 'finite numbers',
    actual: `${features[broken]} at index ${broken}`,
  });
}

/** One input in batches, which the caller disposes of. */
export function batchTensors(
  tf: Tensorflow,
  { features, shape }: CalibrationInput,
  batchSize: number,
): Tensor[] {
  const size = shape.reduce((product, each) => product * each, 1);
  const batches: Tensor[] = [];
  for (let at = 0; at < features.length; at += batchSize * size) {
    const values = features.subarray(at, at + batchSize * size);
    batches.push(tf.tensor(values, [values.length / size, ...shape]));
  }
  return batches;
}
