import type { LayersModel, Scalar, Tensor } from '@tensorflow/tfjs';
import { readTensor } from '../tfjs/tensor-view.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { Distillation, TeacherTargets } from './distillation.ts';
import type { TrainedWeight } from './model-weights.ts';
import { oneOrAll, type TrainingBatch } from './training-batch.ts';
import { type LossFunction, lossFunction, type TrainingLoss } from './training-loss.ts';

/** What a batch says about the weights. */
export interface BatchGradients {
  /** Mean over the batch, regularisation included. */
  readonly loss: number;
  /** In the order of the weights; null where the loss does not depend on one. Valid until the next batch is computed. */
  readonly gradients: readonly (Float32Array | null)[];
  readonly count: number;
}

/** Computes loss and gradients of a model by tfjs and reads them. */
export class GradientStep {
  readonly #tf: Tensorflow;
  readonly #model: LayersModel;
  readonly #weights: readonly TrainedWeight[];
  readonly #lossOf: LossFunction;
  readonly #distillation: Distillation | null;
  /** Taken anew for every batch, gradients would be most of the garbage of a training. */
  readonly #buffers: readonly Float32Array[];

  constructor(
    tf: Tensorflow,
    model: LayersModel,
    weights: readonly TrainedWeight[],
    loss: TrainingLoss,
    distillation: Distillation | null,
  ) {
    this.#tf = tf;
    this.#model = model;
    this.#weights = weights;
    this.#lossOf = lossFunction(tf, loss);
    this.#distillation = distillation;
    this.#buffers = weights.map(({ values }) => new Float32Array(values.length));
  }

  /** @param batch disposed of. */
  async compute(batch: TrainingBatch): Promise<BatchGradients> {
    const tf = this.#tf;
    let results: { value: Tensor; grads: (Tensor | null)[] } | null = null;
    try {
      results = this.#differentiate(batch);
      const { value, grads } = results;
      // Asynchronous reads, because some backends have no others.
      const [[loss], ...gradients] = await Promise.all([
        value.data<'float32'>(),
        ...grads.map((gradient, at) => gradient && readTensor(tf, gradient, this.#buffers[at]!)),
      ]);
      return { loss: loss!, gradients, count: batch.count };
    } finally {
      tf.dispose([...batch.inputs, ...batch.labels]);
      if (results) tf.dispose([results.value, ...results.grads.filter((gradient) => gradient !== null)]);
    }
  }

  #differentiate(batch: TrainingBatch): { value: Tensor; grads: (Tensor | null)[] } {
    const tf = this.#tf;
    const variables = this.#weights.map(({ variable }) => variable);
    const { value, grads } = tf.tidy(() => {
      const targets = this.#distillation?.ask(batch) ?? null;
      return tf.variableGrads(() => this.#loss(batch, targets), variables);
    });
    return { value, grads: variables.map(({ name }) => grads[name] ?? null) };
  }

  #loss(batch: TrainingBatch, targets: TeacherTargets | null): Scalar {
    const tf = this.#tf;
    const outputs = this.#model.apply(oneOrAll(batch.inputs), { training: true }) as Tensor | Tensor[];
    let loss = this.#lossOf(oneOrAll(batch.labels), outputs);
    if (targets) loss = this.#distillation!.mix(loss, outputs as Tensor, targets);
    for (const penalty of this.#model.calculateLosses()) loss = tf.add(loss, penalty);
    return loss.asScalar();
  }
}
