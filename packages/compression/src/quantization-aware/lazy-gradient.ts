import type { Tensor } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs/tensorflow.ts';

/** Tensors by name. */
export type TensorRecord = Readonly<Record<string, Tensor>>;

/** A function of tensors with a gradient of its own. */
export interface LazyGradientFunction {
  readonly inputs: TensorRecord;
  /** Computes the value; `save` keeps tensors for the gradients. */
  forward(save: (tensors: Tensor[]) => void): Tensor;
  /** Per input, how its gradient is computed. Only those that are needed are called, each at most once. */
  gradients(gradient: Tensor, saved: readonly Tensor[]): Readonly<Record<string, () => Tensor>>;
}

/** What `tf.customGrad` is built on, which the declarations of tfjs call private. */
interface FunctionRunner {
  runKernelFunc(call: {
    inputs: TensorRecord;
    forwardFunc(backend: unknown, save: (tensors: Tensor[]) => void): Tensor;
    backwardsFunc(gradient: Tensor, saved: Tensor[]): Readonly<Record<string, () => Tensor>>;
  }): Tensor;
}

/**
 * As `tf.customGrad`, but without computing gradients that nothing asks for: that of a first layer's input costs as much as the layer itself.
 */
export function withLazyGradient(
  tf: Tensorflow,
  { inputs, forward, gradients }: LazyGradientFunction,
): Tensor {
  const engine = tf.engine() as unknown as FunctionRunner;
  return engine.runKernelFunc({
    inputs,
    forwardFunc: (_, save) => forward(save),
    backwardsFunc: gradients,
  });
}
