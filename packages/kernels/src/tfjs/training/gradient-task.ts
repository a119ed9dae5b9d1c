import { InvalidArgumentError, type TaskFunction } from '@qedge/core';
import type { Tensorflow } from '../tfjs-device.ts';
import type { BatchLoss } from './checkpointed-model.ts';

type LayersModel = InstanceType<Tensorflow['LayersModel']>;
type Tensor = import('@tensorflow/tfjs').Tensor;
type Variable = import('@tensorflow/tfjs').Variable;

/** A model on one device, and what it is trained for. */
export interface GradientReplica {
  readonly tf: Tensorflow;
  readonly model: LayersModel;
  /** The mean over the batch. */
  readonly loss: BatchLoss;
}

/** What a replica computes the gradient of. */
export type GradientRequest = {
  /** All trainable weights, one after the other; shared, not copied, where it lies in a `SharedArrayBuffer`. */
  readonly weights: Float32Array;
  /** `[samples, ...input shape]`. */
  readonly features: Float32Array;
  /** `[samples, ...output shape]`. */
  readonly labels: Float32Array;
  readonly samples: number;
};

/** The sum over the samples, not the mean: sums of shards of unequal sizes can be added. */
export type GradientAnswer = {
  readonly lossSum: number;
  /** As `GradientRequest.weights`. */
  readonly gradientSums: Float32Array;
};

/** The function of a gradient task. */
export type GradientFunction = TaskFunction<GradientRequest, GradientAnswer>;

/**
 * Makes the task that computes gradients on a replica of a model: export it from a module of its own, so that every thread (or
 * machine) can make its replica when it is first asked.
 *
 * @param open builds or loads the model, the same one everywhere; called once per thread, and again after it failed.
 * @example
 * export const gradients = gradientTask(async () => {
 *   await tf.setBackend('wasm');
 *   return { tf, model: buildModel(), loss: tf.losses.softmaxCrossEntropy };
 * });
 */
export function gradientTask(open: () => GradientReplica | Promise<GradientReplica>): GradientFunction {
  let replica: Promise<GradientReplica> | null = null;
  const forget = (error: unknown): never => {
    replica = null;
    throw error;
  };
  return async (request) => {
    replica ??= Promise.resolve(open());
    return computeGradientSums(await replica.catch(forget), request);
  };
}

/** The trainable weights of a model in the order that gradients have. */
export function trainableVariables(model: LayersModel): Variable[] {
  return model.trainableWeights.map((weight) => weight.read() as Variable);
}

function computeGradientSums(
  { tf, model, loss }: GradientReplica,
  { weights, features, labels, samples }: GradientRequest,
): GradientAnswer {
  const variables = trainableVariables(model);
  const total = variables.reduce((sum, { size }) => sum + size, 0);
  if (weights.length !== total) {
    throw new InvalidArgumentError('The replica is another model', {
      expected: `${weights.length} trainable weights`,
      actual: total,
    });
  }
  const gradientSums = new Float32Array(total);
  let lossSum = 0;
  tf.tidy(() => {
    let at = 0;
    for (const variable of variables) {
      variable.assign(tf.tensor(weights.slice(at, at + variable.size), variable.shape));
      at += variable.size;
    }
    const shaped = (values: Float32Array, shape: readonly (number | null)[]): Tensor =>
      tf.tensor(values, [samples, ...shape.slice(1)] as number[]);
    const x = shaped(features, model.inputs[0]!.shape);
    const y = shaped(labels, model.outputs[0]!.shape);
    const { value, grads } = tf.variableGrads(
      () => loss(y, model.apply(x, { training: true }) as Tensor).asScalar(),
      variables,
    );
    lossSum = value.dataSync()[0]! * samples;
    let to = 0;
    for (const variable of variables) {
      gradientSums.set(grads[variable.name]!.mul(samples).dataSync(), to);
      to += variable.size;
    }
  });
  return { lossSum, gradientSums };
}
