import { UnsupportedError, type ValueDType } from '@qedge/core';
import { type ImportLayersModelOptions, importLayersModel } from '../graph/layers/import-layers-model.ts';
import type { Tensorflow } from '../tfjs/tfjs-device.ts';
import type { ModelSource } from './model-source.ts';

type LayersModel = InstanceType<Tensorflow['LayersModel']>;

const DTYPES: Readonly<Record<string, ValueDType>> = { float32: 'float32', int32: 'int32', bool: 'int32' };

/**
 * A source over a tfjs LayersModel, Sequential or Functional. Sizes other than the batch must be known.
 *
 * @param model borrowed for the source's life.
 * @throws UnsupportedError for an input of another kind than numbers.
 */
export function layersSource(
  model: LayersModel,
  options: Omit<ImportLayersModelOptions, 'batch'> = {},
): ModelSource {
  const inputs = model.inputs.map(({ shape, dtype, sourceLayer }) => {
    const known = DTYPES[dtype];
    if (known === undefined) {
      throw new UnsupportedError(`The input "${sourceLayer.name}" cannot be given`, {
        expected: Object.keys(DTYPES).join(', '),
        actual: dtype,
      });
    }
    return { name: sourceLayer.name, dtype: known, shape: [null, ...shape.slice(1)] };
  });
  return {
    name: model.name,
    inputs,
    file: null,
    specialize: (inputShapes) => {
      return importLayersModel(model, { ...options, batch: Object.values(inputShapes)[0]?.[0] ?? 1 });
    },
    dispose() {},
    [Symbol.dispose]() {},
  };
}
