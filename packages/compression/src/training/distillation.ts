import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { TrainingBatch } from './training-batch.ts';
import { oneOrAll } from './training-batch.ts';
import { crossEntropyOfLogits } from './training-loss.ts';

/** Learning from the logits of a teacher (Hinton, Vinyals and Dean 2015, arXiv:1503.02531). */
export interface DistillationSettings {
  /**
   * A model that takes the same inputs and gives logits, borrowed, asked about every (augmented) batch; or its logits `[count, classes]` of the
   * samples as they are, for data in memory.
   */
  readonly teacher: LayersModel | Float32Array;
  /** Softens both sides; positive. */
  readonly temperature: number;
  /** Share of the teacher in the loss, 0..1: `(1 - weight) * loss + weight * temperature^2 * KL(teacher || student)`. */
  readonly weight: number;
}

/** What a teacher says of a batch. */
export interface TeacherTargets {
  /** `[count, classes]`, at the temperature. */
  readonly probabilities: Tensor;
  /** A scalar, the mean over the batch. */
  readonly negativeEntropy: Tensor;
}

/** Adds a teacher to the loss. */
export class Distillation {
  readonly #tf: Tensorflow;
  readonly #settings: DistillationSettings;
  readonly #classes: number;

  /**
   * @param samples of the data in memory; null for a stream.
   * @throws InvalidArgumentError, ShapeMismatchError for a teacher that does not fit.
   */
  constructor(tf: Tensorflow, model: LayersModel, settings: DistillationSettings, samples: number | null) {
    const { teacher, temperature, weight } = settings;
    const classes = model.outputs[0]!.shape.at(-1);
    if (!(temperature > 0 && temperature < Number.POSITIVE_INFINITY) || !(weight >= 0 && weight <= 1)) {
      throw new InvalidArgumentError('A distillation is impossible', {
        expected: 'temperature > 0, weight in 0..1',
        actual: [temperature, weight],
      });
    }
    if (model.outputs.length !== 1 || typeof classes !== 'number') {
      throw new InvalidArgumentError('Such a model cannot learn from a teacher', {
        expected: 'one output of logits',
        actual: model.outputs.map(({ shape }) => shape),
      });
    }
    if (teacher instanceof Float32Array) requireLogits(teacher, samples, classes);
    else requireTeacher(teacher, classes);
    this.#tf = tf;
    this.#settings = settings;
    this.#classes = classes;
  }

  /** Asks the teacher, outside of the gradient. The tensors belong to the surrounding tidy. */
  ask({ inputs, rows, count }: TrainingBatch): TeacherTargets {
    const tf = this.#tf;
    const { teacher, temperature } = this.#settings;
    const logits =
      teacher instanceof Float32Array
        ? this.#takeLogits(teacher, rows!, count)
        : (teacher.apply(oneOrAll(inputs), { training: false }) as Tensor);
    const logs = tf.logSoftmax(tf.div(logits, temperature));
    const probabilities = tf.exp(logs);
    return { probabilities, negativeEntropy: tf.div(tf.sum(tf.mul(probabilities, logs)), count) };
  }

  /** The loss with the teacher's part. */
  mix(loss: Tensor, logits: Tensor, { probabilities, negativeEntropy }: TeacherTargets): Tensor {
    const tf = this.#tf;
    const { temperature, weight } = this.#settings;
    const cross = crossEntropyOfLogits(tf, probabilities, tf.div(logits, temperature));
    // The cross-entropy less the entropy of the targets, a constant, is the divergence.
    const divergence = tf.add(cross, negativeEntropy);
    return tf.add(tf.mul(loss, 1 - weight), tf.mul(divergence, weight * temperature ** 2));
  }

  #takeLogits(logits: Float32Array, rows: Uint32Array, count: number): Tensor {
    const classes = this.#classes;
    const taken = new Float32Array(count * classes);
    rows.forEach((row, at) => {
      taken.set(logits.subarray(row * classes, (row + 1) * classes), at * classes);
    });
    return this.#tf.tensor(taken, [count, classes]);
  }
}

function requireLogits(logits: Float32Array, samples: number | null, classes: number): void {
  if (samples !== null && logits.length === samples * classes && logits.every(Number.isFinite)) return;
  throw new ShapeMismatchError('The logits of the teacher do not fit', {
    expected:
      samples === null
        ? 'a teacher model, for a stream of batches'
        : `${samples} x ${classes} finite numbers`,
    actual: `${logits.length} numbers`,
  });
}

function requireTeacher(teacher: LayersModel, classes: number): void {
  const shape = teacher.outputs.length === 1 ? teacher.outputs[0]!.shape : [];
  if (shape.at(-1) === classes) return;
  throw new ShapeMismatchError('The teacher does not fit', {
    expected: `one output of ${classes} logits`,
    actual: teacher.outputs.map((output) => output.shape),
  });
}
