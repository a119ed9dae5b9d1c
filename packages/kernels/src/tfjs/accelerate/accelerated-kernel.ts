import type { TensorInfo } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs-device.ts';
import type { KernelRunner } from './kernel-runner.ts';

/** What a kernel of tfjs is called with. Inputs that were not given are missing. */
export interface KernelInputs {
  readonly inputs: Readonly<Record<string, TensorInfo | undefined>>;
  readonly attrs: Readonly<Record<string, unknown>>;
}

/** Serves calls of one kernel of tfjs. */
export interface AcceleratedKernel {
  /** As tfjs registers it, e.g. `Conv2D`. */
  readonly name: string;
  /** The result, or null where the stock kernel is to compute it (then nothing has been allocated). */
  serve(call: KernelInputs): TensorInfo | null;
  /** Calls that show that the kernel is right; compared with the cpu backend. */
  readonly trials: readonly KernelTrialCall[];
}

/** A small call. Float32 inputs are filled with random numbers in [-1, 1), unless values are given. */
export interface KernelTrialCall {
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly values?: Readonly<Record<string, readonly number[]>>;
  readonly dtypes?: Readonly<Record<string, 'int32' | 'bool'>>;
  readonly attrs?: Readonly<Record<string, unknown>>;
}

/** Makes kernels for a runner. */
export type KernelMaker = (runner: KernelRunner, tf: Tensorflow) => readonly AcceleratedKernel[];

/** True where every tensor given holds float32 numbers, at least one each. */
export function areFloats(...tensors: readonly (TensorInfo | undefined)[]): boolean {
  for (const tensor of tensors) {
    if (tensor === undefined) continue;
    if (tensor.dtype !== 'float32') return false;
    for (let axis = 0; axis < tensor.shape.length; axis++) if (tensor.shape[axis] === 0) return false;
  }
  return true;
}
