import { type Clock, systemClock } from '@qedge/core';
import type { Tensorflow } from '../tfjs-device.ts';
import { type CheckpointPlan, type LayerFootprint, planCheckpoints } from './checkpoint-plan.ts';
import { type ChainedLayer, chainLayers, runLayers } from './layer-chain.ts';

type LayersModel = InstanceType<Tensorflow['LayersModel']>;
type Tensor = import('@tensorflow/tfjs').Tensor;
type Scalar = import('@tensorflow/tfjs').Scalar;
type Variable = import('@tensorflow/tfjs').Variable;
type Optimizer = import('@tensorflow/tfjs').Optimizer;

/** The mean loss of a batch, a scalar. */
export type BatchLoss = (labels: Tensor, predictions: Tensor) => Tensor;

/** What gradient checkpointing saved and cost on one batch, measured. */
export interface CheckpointReport {
  /** Layers per segment. */
  readonly segments: readonly (readonly string[])[];
  /** Most bytes of tensors at any moment of a gradient, weights included. */
  readonly peakBytes: { readonly plain: number; readonly checkpointed: number };
  /** One gradient of the batch, the faster of two after one to warm up. */
  readonly milliseconds: { readonly plain: number; readonly checkpointed: number };
}

/**
 * Trains a tfjs LayersModel in less memory: keeps the activations at a few cuts only and computes the others a second time when their
 * gradient is due (Chen et al. 2016, arXiv:1604.06174). Gradients have the same bits as without. Cuts are where one tensor
 * crosses, and chosen by the real sizes of the activations. Moving averages of batch normalisations move once per step, as they should.
 *
 * @param model with one input and one output; borrowed. Its layers may form any graph; each is used once.
 * @throws UnsupportedError naming the layer for random layers without a seed, shared layers, several inputs or outputs.
 * @example
 * const checkpointed = checkpointModel(tf, model);
 * const loss = checkpointed.step(images, labels, tf.losses.softmaxCrossEntropy, tf.train.adam());
 */
export function checkpointModel(tf: Tensorflow, model: LayersModel): CheckpointedModel {
  return new CheckpointedModel(tf, model);
}

/** A model whose gradients are computed in segments. Made by {@link checkpointModel}. */
export class CheckpointedModel {
  readonly #tf: Tensorflow;
  readonly #chain: readonly ChainedLayer[];
  /** By shape of the input: larger batches are cut in the same places, other image sizes may not be. */
  readonly #plans = new Map<string, CheckpointPlan>();

  /** Made by {@link checkpointModel}. */
  constructor(tf: Tensorflow, model: LayersModel) {
    this.#tf = tf;
    this.#chain = chainLayers(model);
  }

  /** Where the network is cut for inputs of this shape, batch included. */
  plan(inputShape: readonly number[]): CheckpointPlan {
    const key = inputShape.join('x');
    const known = this.#plans.get(key);
    if (known) return known;
    const plan = planCheckpoints(footprints(this.#chain, inputShape[0]!));
    this.#plans.set(key, plan);
    return plan;
  }

  /**
   * Loss and gradients of the trainable weights, by variable name. The caller disposes all of them.
   *
   * @param features `[batch, ...]`, labels as the loss wants them; both borrowed.
   */
  gradients(
    features: Tensor,
    labels: Tensor,
    loss: BatchLoss,
  ): { value: Scalar; grads: Record<string, Tensor> } {
    const { segments } = this.plan(features.shape);
    return this.#gradients(features, labels, loss, segments);
  }

  /** One training step. @returns the loss before it, a scalar that the caller disposes. */
  step(features: Tensor, labels: Tensor, loss: BatchLoss, optimizer: Optimizer): Scalar {
    const { value, grads } = this.gradients(features, labels, loss);
    optimizer.applyGradients(grads);
    for (const gradient of Object.values(grads)) gradient.dispose();
    return value;
  }

  /** Measures memory and time of one gradient with and without checkpoints. Changes no trainable weight. */
  async measure(
    features: Tensor,
    labels: Tensor,
    loss: BatchLoss,
    clock: Clock = systemClock,
  ): Promise<CheckpointReport> {
    const { segments } = this.plan(features.shape);
    const state = this.#layersState({ from: 0, to: this.#chain.length });
    const whole = [{ from: 0, to: this.#chain.length }];
    try {
      const plain = await this.#measureOne(features, labels, loss, whole, clock);
      const checkpointed = await this.#measureOne(features, labels, loss, segments, clock);
      return {
        segments: segments.map(({ from, to }) => this.#chain.slice(from, to).map(({ layer }) => layer.name)),
        peakBytes: { plain: plain.peakBytes, checkpointed: checkpointed.peakBytes },
        milliseconds: { plain: plain.ms, checkpointed: checkpointed.ms },
      };
    } finally {
      state.restore();
    }
  }

  async #measureOne(
    features: Tensor,
    labels: Tensor,
    loss: BatchLoss,
    segments: CheckpointPlan['segments'],
    clock: Clock,
  ): Promise<{ readonly peakBytes: number; readonly ms: number }> {
    const once = () => {
      const { value, grads } = this.#gradients(features, labels, loss, segments);
      // Waits for devices that work by themselves.
      value.dataSync();
      value.dispose();
      for (const gradient of Object.values(grads)) gradient.dispose();
    };
    const { peakBytes } = await this.#tf.profile(once);
    let ms = Number.POSITIVE_INFINITY;
    for (let repeat = 0; repeat < 2; repeat++) {
      const startMs = clock.nowMs();
      once();
      ms = Math.min(ms, clock.nowMs() - startMs);
    }
    return { peakBytes, ms };
  }

  #gradients(features: Tensor, labels: Tensor, loss: BatchLoss, segments: CheckpointPlan['segments']) {
    const variables = this.#variables({ from: 0, to: this.#chain.length });
    return this.#tf.variableGrads(() => {
      let value = features;
      for (const [at, segment] of segments.entries()) {
        const last = at === segments.length - 1;
        // The gradient of the last segment is due at once: nothing is gained by computing it again.
        value = last ? runLayers(this.#chain, segment, value, true) : this.#runCheckpointed(segment, value);
      }
      return loss(labels, value).asScalar();
    }, variables);
  }

  /** Runs a segment without keeping what is inside; its gradient runs it once more. */
  #runCheckpointed(segment: { readonly from: number; readonly to: number }, input: Tensor): Tensor {
    const tf = this.#tf;
    const engine = tf.engine();
    const variables = this.#variables(segment);
    const run = (x: Tensor) => runLayers(this.#chain, segment, x, true);
    const operation = tf.customGrad((...given: unknown[]) => {
      const [x] = given as [Tensor];
      const save = given.at(-1) as (tensors: Tensor[]) => void;
      save([x]);
      const gradFunc = (dy: Tensor, saved: Tensor[]) => {
        const state = this.#layersState(segment);
        // A gradient inside of a gradient: the inner one would drop the outer one's tape.
        const { activeTape } = engine.state;
        const { value, grads } = engine.gradients(() => run(saved[0]!), [saved[0]!, ...variables], dy, true);
        engine.state.activeTape = activeTape;
        value.dispose();
        state.restore();
        return grads.map((gradient, at) => gradient ?? tf.zerosLike([saved[0]!, ...variables][at]!));
      };
      return { value: run(x), gradFunc };
    });
    return operation(input, ...variables);
  }

  /** Trainable weights of a segment. */
  #variables({ from, to }: { readonly from: number; readonly to: number }): Variable[] {
    return this.#chain
      .slice(from, to)
      .flatMap(({ layer }) => layer.trainableWeights.map((weight) => weight.read() as Variable));
  }

  /** Keeps what a forward pass changes by itself: moving averages. */
  #layersState({ from, to }: { readonly from: number; readonly to: number }): { restore(): void } {
    const tf = this.#tf;
    const kept = this.#chain
      .slice(from, to)
      .flatMap(({ layer }) =>
        layer.nonTrainableWeights.map((weight) => ({ weight, value: tf.keep(weight.read().clone()) })),
      );
    return {
      restore() {
        for (const { weight, value } of kept) {
          weight.write(value);
          value.dispose();
        }
      },
    };
  }
}

/** From the shapes that the layers state. A gradient keeps about what each layer puts out. */
function footprints(chain: readonly ChainedLayer[], batch: number): readonly LayerFootprint[] {
  const lastUse = chain.map((_, at) => at);
  for (const [at, { inputs }] of chain.entries()) for (const source of inputs) lastUse[source] = at;
  return chain.map(({ layer }, at) => {
    const shape = layer.outputShape as (number | null)[];
    const bytes = 4 * shape.reduce<number>((product, size) => product * (size ?? batch), 1);
    const crossing = lastUse.filter((use, source) => source <= at && use > at).length;
    return {
      activationBytes: layer.getClassName() === 'InputLayer' ? 0 : bytes,
      cutBytes: crossing === 1 && lastUse[at]! > at && at > 0 ? bytes : null,
    };
  });
}
