import { CapabilityUnavailableError, Random } from '@qedge/core';
import type { DataType, KernelConfig, TensorInfo } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs-device.ts';
import type { AcceleratedKernel, KernelTrialCall } from './accelerated-kernel.ts';
import { elementCount } from './kernel-runner.ts';
import type { WasmBackend } from './wasm-backend.ts';

/** The parts of the cpu backend that a comparison needs. */
export interface CpuBackend {
  makeTensorInfo(shape: readonly number[], dtype: DataType, values: ArrayBufferView): TensorInfo;
  readSync(dataId: object): ArrayLike<number>;
  disposeData(dataId: object): boolean;
}

/**
 * The backend that kernels are compared with. Starts it where that has not happened; the current backend stays.
 *
 * @throws CapabilityUnavailableError where it is not registered.
 */
export function requireCpuBackend(tf: Tensorflow): CpuBackend {
  const backend = tf.engine().findBackend('cpu') as unknown as CpuBackend | null;
  if (backend) {
    // On its first tensor the backend prints advice to install tfjs-node; not where it is only compared with.
    const production = tf.env().getBool('PROD');
    tf.env().set('PROD', true);
    backend.disposeData(backend.makeTensorInfo([], 'float32', new Float32Array(1)).dataId);
    tf.env().set('PROD', production);
    return backend;
  }
  throw new CapabilityUnavailableError('There is no backend to check accelerated kernels against', {
    expected: 'the cpu backend of TensorFlow.js',
    remedy: 'Import @tensorflow/tfjs, or @tensorflow/tfjs-backend-cpu.',
  });
}

const SEED = 0x7ac5;
/** Sums of a few hundred products of numbers below 1 differ by less, in float32 and in any order. */
const TOLERANCE = 2 ** -16;

/**
 * Compares a kernel with the one of the cpu backend on its trial calls.
 *
 * @returns what is wrong, or null.
 */
export function findKernelError(
  tf: Tensorflow,
  kernel: AcceleratedKernel,
  wasm: WasmBackend,
  cpu: CpuBackend,
): string | null {
  const reference = tf.getKernel(kernel.name, 'cpu');
  if (!reference) return 'the cpu backend has no such kernel to compare with';
  // Some kernels of the cpu backend make tensors on their way and leave them to the scope.
  tf.engine().startScope();
  try {
    for (const [index, trial] of kernel.trials.entries()) {
      const error = findTrialError(kernel, reference, trial, wasm, cpu);
      if (error !== null) return `trial ${index}: ${error}`;
    }
    return null;
  } finally {
    tf.engine().endScope();
  }
}

function findTrialError(
  kernel: AcceleratedKernel,
  reference: KernelConfig,
  trial: KernelTrialCall,
  wasm: WasmBackend,
  cpu: CpuBackend,
): string | null {
  const attrs = trial.attrs ?? {};
  const operands = drawOperands(trial);
  const own: Record<string, TensorInfo> = {};
  const others: Record<string, TensorInfo> = {};
  for (const { name, shape, dtype, values } of operands) {
    own[name] = wasm.makeOutput(shape, dtype, undefined, values);
    others[name] = cpu.makeTensorInfo(shape, dtype, values.slice());
  }
  const results: [TensorInfo | null, TensorInfo | null] = [null, null];
  try {
    results[0] = kernel.serve({ inputs: own, attrs });
    if (results[0] === null) return 'it was not served';
    const expected = reference.kernelFunc({ inputs: others, attrs: attrs as never, backend: cpu });
    results[1] = expected as TensorInfo;
    return compare(results[0], wasm, results[1], cpu);
  } finally {
    for (const tensor of [...Object.values(own), results[0]]) if (tensor) wasm.disposeData(tensor.dataId);
    for (const tensor of [...Object.values(others), results[1]]) if (tensor) cpu.disposeData(tensor.dataId);
  }
}

interface TrialTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: DataType;
  readonly values: Float32Array | Int32Array | Uint8Array;
}

function drawOperands({ inputs, values, dtypes }: KernelTrialCall): TrialTensor[] {
  const random = new Random(SEED);
  return Object.entries(inputs).map(([name, shape]) => {
    const given = values?.[name];
    const dtype = dtypes?.[name] ?? 'float32';
    const draw = (_: unknown, i: number) => given?.[i] ?? random.uniform() * 2 - 1;
    const source = { length: elementCount(shape) };
    const drawn = dtype === 'int32' ? Int32Array.from(source, draw) : Float32Array.from(source, draw);
    return { name, shape, dtype, values: dtype === 'bool' ? Uint8Array.from(drawn) : drawn };
  });
}

function compare(
  result: TensorInfo,
  wasm: WasmBackend,
  expected: TensorInfo,
  cpu: CpuBackend,
): string | null {
  if (result.shape.join() !== expected.shape.join() || result.dtype !== expected.dtype) {
    return `expected ${expected.dtype} [${expected.shape}], got ${result.dtype} [${result.shape}]`;
  }
  const values = wasm.readSync(result.dataId) as Float32Array;
  const wanted = cpu.readSync(expected.dataId);
  for (let i = 0; i < values.length; i++) {
    const difference = Math.abs(values[i]! - wanted[i]!);
    if (difference <= TOLERANCE * Math.max(1, Math.abs(wanted[i]!))) continue;
    return `element ${i}: expected ${wanted[i]}, got ${values[i]}`;
  }
  return null;
}
