import { InvalidArgumentError } from '@qedge/core';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { walkModel } from '../model/walk-model.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { type QuantizationAwareLayer, quantizationAwareKind } from './quantization-aware-layers.ts';

/**
 * Lets the layers of a prepared model follow the ranges of their inputs without training: post-training quantisation, or a start for training.
 * Each batch counts as one training call. Normalisations and dropout behave as in prediction.
 *
 * @param batches inputs of the model, each with the batch as first axis; borrowed.
 * @throws InvalidArgumentError for a model without quantisation-aware layers, NonFiniteValueError for inputs with NaN or infinity.
 */
export function calibrateQuantizationAware(
  tf: Tensorflow,
  prepared: LayersModel,
  batches: Iterable<Tensor | Tensor[]>,
): void {
  const layers = listQuantizationAwareLayers(prepared);
  for (const layer of layers) layer.isCalibrating = true;
  try {
    for (const batch of batches) tf.tidy(() => void prepared.apply(batch, { training: false }));
  } finally {
    for (const layer of layers) layer.isCalibrating = false;
  }
}

/** @throws InvalidArgumentError when there are none. */
function listQuantizationAwareLayers(model: LayersModel): QuantizationAwareLayer[] {
  const layers = walkModel(model).layers.filter(
    ({ layer }) => quantizationAwareKind(layer.getClassName()) !== null,
  );
  if (layers.length > 0) return layers.map(({ layer }) => layer as unknown as QuantizationAwareLayer);
  throw new InvalidArgumentError('The model has no quantisation-aware layers', {
    expected: 'a model from prepareForQuantizationAwareTraining',
    actual: model.layers.map((layer) => layer.getClassName()),
  });
}
