import { basename, extname } from 'node:path';
import { createDenseClassifier, nameWeights, setDenseWeights } from '@qedge/compression/tfjs';
import {
  InvalidArgumentError,
  type ModelGraph,
  NonFiniteValueError,
  type StoredTensor,
  UnsupportedError,
} from '@qedge/core';
import type { Tensorflow } from '@qedge/kernels/tfjs';
import { loadLayersModel, openModel } from '../model-input.ts';

/** A model of tfjs. */
export type Layers = InstanceType<Tensorflow['LayersModel']>;

/**
 * Reads the model to compress: a tfjs LayersModel (`model.json`) or a float32 `.qez` file of dense layers.
 *
 * @returns the model; the caller disposes it.
 * @throws FileNotFoundError, FileFormatError; UnsupportedError for a `.qez` of more than dense layers, InvalidArgumentError for one that is
 *   compressed already, NonFiniteValueError naming the weight.
 */
export async function readLayersModel(tf: Tensorflow, path: string): Promise<Layers> {
  const model = extname(path) === '.json' ? await loadLayersModel(tf, path) : await readContainer(tf, path);
  try {
    assertFinite(model, path);
    return model;
  } catch (error) {
    model.dispose();
    throw error;
  }
}

/** The name that files made of a model begin with. */
export function modelName(path: string): string {
  return basename(path, extname(path));
}

async function readContainer(tf: Tensorflow, path: string): Promise<Layers> {
  using opened = await openModel(path);
  const { layers, inputShape } = opened.graph;
  const tensors = layers.flatMap((layer) => weightsOf(layer, (name) => opened.weights.load(name)));
  const coded = tensors.find((tensor) => tensor.quantization);
  if (coded) {
    throw new InvalidArgumentError('The model is compressed already', {
      expected: 'float32 weights',
      actual: `codes in "${coded.name}"`,
    });
  }
  const units = layers.map((layer) => (layer.kind === 'dense' ? layer.units : 0));
  const model = createDenseClassifier(tf, {
    inputSize: inputShape[0]!,
    hiddenUnits: units.slice(0, -1),
    classes: units.at(-1)!,
    seed: 0,
  });
  setDenseWeights(
    tf,
    model,
    tensors.map((tensor) => tensor.data as Float32Array),
  );
  return model;
}

function weightsOf(
  layer: ModelGraph['layers'][number],
  load: (name: string) => StoredTensor,
): StoredTensor[] {
  if (layer.kind !== 'dense' || layer.bias === null) {
    throw new UnsupportedError(`Layer "${layer.name}" cannot be compressed`, {
      expected: 'dense layers with a bias',
      actual: layer.kind,
    });
  }
  return [load(layer.kernel), load(layer.bias)];
}

/** @throws NonFiniteValueError naming file, weight and index, before any work. */
function assertFinite(model: Layers, path: string): void {
  for (const { name, variable } of nameWeights(model)) {
    const data = variable.read().dataSync();
    const wrong = data.findIndex((value) => !Number.isFinite(value));
    if (wrong < 0) continue;
    throw new NonFiniteValueError(`${path}: weight ${wrong} of "${name}" is not a number`, {
      expected: 'finite weights',
      actual: String(data[wrong]),
      remedy: 'Train the model again; a learning rate that is too high often ends so',
    });
  }
}
