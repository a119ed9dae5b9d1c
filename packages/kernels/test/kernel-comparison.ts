import { Random } from '@qedge/core';
import type { DataType, TensorInfo } from '@tensorflow/tfjs';
import type { Tensorflow } from '../src/tfjs.ts';

type Values = Float32Array | Int32Array;

/** A call of a kernel of TensorFlow.js on random numbers. */
export interface KernelCall {
  readonly kernel: string;
  readonly inputs: Readonly<
    Record<string, readonly number[] | { readonly shape: readonly number[]; readonly values: Int32Array }>
  >;
  readonly attrs?: Readonly<Record<string, unknown>>;
  /** Added to every number; default 0. */
  readonly offset?: number;
}

interface Backend {
  disposeData(dataId: object): boolean;
  readSync(dataId: object): Float32Array;
}
interface WasmBackend extends Backend {
  makeOutput(shape: readonly number[], dtype: DataType, offset: undefined, values: Values): TensorInfo;
}
interface CpuBackend extends Backend {
  makeTensorInfo(shape: readonly number[], dtype: DataType, values: Values): TensorInfo;
}

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

function isShape(input: KernelCall['inputs'][string]): input is readonly number[] {
  return Array.isArray(input);
}

/**
 * Runs a kernel of the wasm backend and the one of the cpu backend on the same numbers in [-1, 1).
 *
 * @returns the largest difference, divided by 1 + the largest magnitude of an expected element.
 */
export function largestDifference(tf: Tensorflow, call: KernelCall, seed: number): number {
  const random = new Random(seed);
  const wasm = tf.engine().findBackend('wasm') as unknown as WasmBackend;
  const cpu = tf.engine().findBackend('cpu') as unknown as CpuBackend;
  const [own, others]: [Record<string, TensorInfo>, Record<string, TensorInfo>] = [{}, {}];
  for (const [name, input] of Object.entries(call.inputs)) {
    const [shape, dtype, values]: [readonly number[], DataType, Values] = !isShape(input)
      ? [input.shape, 'int32', input.values]
      : [
          input,
          'float32',
          Float32Array.from({ length: sizeOf(input) }, () => random.uniform() * 2 - 1 + (call.offset ?? 0)),
        ];
    own[name] = wasm.makeOutput(shape, dtype, undefined, values.slice());
    others[name] = cpu.makeTensorInfo(shape, dtype, values.slice());
  }
  const run = (name: string, backend: Backend, inputs: Record<string, TensorInfo>) => {
    const kernel = tf.getKernel(call.kernel, name);
    const attrs = (call.attrs ?? {}) as never;
    return kernel!.kernelFunc({ inputs, attrs, backend }) as TensorInfo;
  };
  const [result, expected] = [run('wasm', wasm, own), run('cpu', cpu, others)];
  const [actual, wanted] = [wasm.readSync(result.dataId), cpu.readSync(expected.dataId)];
  const sameShape = result.shape.join() === expected.shape.join() && result.dtype === expected.dtype;
  for (const tensor of [...Object.values(own), result]) wasm.disposeData(tensor.dataId);
  for (const tensor of [...Object.values(others), expected]) cpu.disposeData(tensor.dataId);
  if (!sameShape) return Number.POSITIVE_INFINITY;
  let [difference, magnitude] = [0, 0];
  for (let i = 0; i < actual.length; i++) {
    const apart = Math.abs(actual[i]! - wanted[i]!);
    if (!(apart <= difference)) difference = apart;
    magnitude = Math.max(magnitude, Math.abs(wanted[i]!));
  }
  return difference / (1 + magnitude);
}
