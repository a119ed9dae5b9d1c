import { ShapeMismatchError } from '@qedge/core';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { buildModel } from '../model/build-model.ts';
import type { CompressedModel } from '../model/compressed-model.ts';
import { buildCompressedModel } from '../quantization-aware/build-compressed-model.ts';
import type { Outcomes } from '../report/compare-paired.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { ClassificationData } from '../training/classification-data.ts';

const SAMPLES_AT_ONCE = 250;

/**
 * Which samples a classifier has right: its largest output is their class.
 * @throws ShapeMismatchError when the samples do not fit the model.
 */
export function gradeModel(tf: Tensorflow, model: LayersModel, data: ClassificationData): Outcomes {
  const { features, labels, count } = data;
  const shape = model.inputs[0]!.shape.slice(1) as number[];
  const size = shape.reduce((product, each) => product * each, 1);
  if (features.length !== count * size || labels.length !== count) {
    throw new ShapeMismatchError('The samples do not fit the model', {
      expected: `${count} x ${size} numbers and ${count} labels`,
      actual: [features.length, labels.length],
    });
  }
  const outcomes = new Uint8Array(count);
  for (let start = 0; start < count; start += SAMPLES_AT_ONCE) {
    const rows = Math.min(SAMPLES_AT_ONCE, count - start);
    const part = features.subarray(start * size, (start + rows) * size);
    // Nothing is returned through tidy: it would look for tensors in every element of an array.
    tf.tidy(() => {
      const outputs = model.predictOnBatch(tf.tensor(part, [rows, ...shape])) as Tensor;
      const classes = tf.argMax(outputs, -1).dataSync();
      for (let row = 0; row < rows; row++)
        outcomes[start + row] = classes[row] === labels[start + row] ? 1 : 0;
    });
  }
  return outcomes;
}

/** As {@link gradeModel}, of a compressed model as integer hardware computes it. */
export function gradeCompressed(
  tf: Tensorflow,
  compressed: CompressedModel,
  data: ClassificationData,
): Outcomes {
  const { topology, codes } = compressed;
  const model = codes.size > 0 ? buildCompressedModel(tf, compressed) : buildModel(tf, topology);
  try {
    return gradeModel(tf, model, data);
  } finally {
    model.dispose();
  }
}

/** The fraction of the samples that are right. */
export function accuracyOf(outcomes: Outcomes): number {
  return outcomes.reduce((sum, outcome) => sum + outcome, 0) / outcomes.length;
}
