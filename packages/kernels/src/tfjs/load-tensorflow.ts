import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import util from 'node:util';
import { CapabilityUnavailableError, type Fallback } from '@qedge/core';
import {
  failureReason,
  type LookupOptions,
  type PackageLoader,
  packageLoader,
} from '../probe/optional-package.ts';
import type { TensorflowNamespace } from './tensorflow-namespace.ts';
import type { Tensorflow } from './tfjs-device.ts';

/** The ways to run TensorFlow.js in Node, fastest first. */
export type TensorflowLibrary = 'tfjs-node-gpu' | 'tfjs-node' | 'wasm' | 'cpu';

/** Every library, fastest first: the order in which {@link loadTensorflow} tries them. */
export const TENSORFLOW_LIBRARIES: readonly TensorflowLibrary[] = [
  'tfjs-node-gpu',
  'tfjs-node',
  'wasm',
  'cpu',
];

/** Options of {@link loadTensorflow}. */
export interface LoadTensorflowOptions extends LookupOptions {
  /** What to try, in this order; default {@link TENSORFLOW_LIBRARIES}. */
  readonly prefer?: readonly TensorflowLibrary[];
}

/** TensorFlow.js with a started backend. */
export interface LoadedTensorflow<Namespace extends TensorflowNamespace = TensorflowNamespace> {
  readonly tf: Namespace;
  /** The name of the current backend: `tensorflow`, `wasm` or `cpu`. */
  readonly backend: string;
  readonly library: TensorflowLibrary;
  /** One for each library that was tried before, with the reason why it could not be used. */
  readonly fallbacks: readonly Fallback[];
}

/**
 * Loads the best TensorFlow.js that works here: the native GPU package, the native CPU package, WebAssembly with SIMD,
 * plain JavaScript. A native package that is missing or broken becomes an entry of `fallbacks`, not an error.
 *
 * On Node 23 and newer it first defines `util.isNullOrUndefined` and `util.isArray`, which Node removed or deprecated
 * and the native packages (4.22) still call.
 *
 * @typeParam Namespace the type of the namespace: `typeof import('@tensorflow/tfjs')`, or `Tensorflow` of `@qedge/kernels/tfjs`.
 * @throws CapabilityUnavailableError when none of the preferred libraries works, InvalidArgumentError when `from` is not an
 *   absolute path.
 */
export async function loadTensorflow<Namespace extends TensorflowNamespace = TensorflowNamespace>(
  options: LoadTensorflowOptions = {},
): Promise<LoadedTensorflow<Namespace>> {
  const packages = packageLoader(options);
  const misses: { library: TensorflowLibrary; why: string }[] = [];
  for (const library of options.prefer ?? TENSORFLOW_LIBRARIES) {
    try {
      const { tf, backend, shortfall } = await START[library](packages);
      const fallbacks: Fallback[] = misses.map((miss) => ({
        from: miss.library,
        to: library,
        why: miss.why,
      }));
      if (shortfall) fallbacks.push(shortfall);
      return { tf: tf as TensorflowNamespace as Namespace, backend, library, fallbacks };
    } catch (error) {
      misses.push({ library, why: failureReason(error) });
    }
  }
  throw new CapabilityUnavailableError('No TensorFlow.js library works here', {
    actual: misses.map(({ library, why }) => `${library}: ${why}`).join('; ') || 'none was asked for',
    remedy: 'npm install @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0',
  });
}

interface StartedTensorflow {
  readonly tf: Tensorflow;
  readonly backend: string;
  /** What the library itself could not do. */
  readonly shortfall?: Fallback;
}

const START: Readonly<Record<TensorflowLibrary, (packages: PackageLoader) => Promise<StartedTensorflow>>> = {
  'tfjs-node-gpu': (packages) => startNative('@tensorflow/tfjs-node-gpu', packages),
  'tfjs-node': (packages) => startNative('@tensorflow/tfjs-node', packages),
  wasm: startWasm,
  cpu: startCpu,
};

async function startNative(name: string, { require }: PackageLoader): Promise<StartedTensorflow> {
  defineRemovedUtilFunctions();
  let tf: Tensorflow;
  try {
    tf = require(name) as Tensorflow;
  } catch (error) {
    unregisterKernels(name, require);
    throw error;
  }
  await startBackend(tf, 'tensorflow');
  const native = tf.backend() as unknown as { isGPUPackage?: boolean; isUsingGpuDevice?: boolean };
  if (!native.isGPUPackage || native.isUsingGpuDevice) return { tf, backend: 'tensorflow' };
  const why = 'it loaded, but found no GPU that its CUDA 11 libraries can use';
  return {
    tf,
    backend: 'tensorflow',
    shortfall: { from: `${name} on a GPU`, to: `${name} on its CPU`, why },
  };
}

/**
 * A native package registers its kernels before it looks for its binary. Where that failed they are taken back: else the
 * next native package, which shares the registry, prints a warning for each of them.
 */
function unregisterKernels(name: string, require: NodeJS.Require): void {
  try {
    const tf = createRequire(require.resolve(name))('@tensorflow/tfjs') as Tensorflow;
    // With a backend of this name in place, the kernels belong to a package that works.
    if (tf.findBackendFactory('tensorflow') !== null) return;
    for (const { kernelName } of tf.getKernelsForBackend('tensorflow')) {
      tf.unregisterKernel(kernelName, 'tensorflow');
    }
  } catch {
    // The package, or its TensorFlow.js, is not there: nothing was registered.
  }
}

/** The native packages call two functions that Node 23 removed (`isNullOrUndefined`) or warns about (`isArray`). */
function defineRemovedUtilFunctions(): void {
  if (Number(process.versions.node.split('.')[0]) < 23) return;
  const legacy = util as unknown as { isNullOrUndefined?: unknown; isArray: unknown };
  legacy.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  legacy.isArray = Array.isArray;
}

async function startWasm({ require }: PackageLoader): Promise<StartedTensorflow> {
  const tf = require('@tensorflow/tfjs') as Tensorflow;
  const wasm = require('@tensorflow/tfjs-backend-wasm') as {
    setWasmPaths(prefix: string): void;
  };
  // The package's binaries lie beside its main file; it picks the SIMD one where the engine has SIMD.
  wasm.setWasmPaths(`${dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`);
  await startBackend(tf, 'wasm');
  return { tf, backend: 'wasm' };
}

async function startCpu({ require }: PackageLoader): Promise<StartedTensorflow> {
  const tf = require('@tensorflow/tfjs') as Tensorflow;
  await startBackend(tf, 'cpu');
  // On its first tensor the backend prints advice to install tfjs-node. The fallbacks say that better: stay quiet.
  const production = tf.env().getBool('PROD');
  tf.env().set('PROD', true);
  tf.scalar(0).dispose();
  tf.env().set('PROD', production);
  return { tf, backend: 'cpu' };
}

async function startBackend(tf: Tensorflow, backend: string): Promise<void> {
  if (!(await tf.setBackend(backend))) throw new Error(`the backend "${backend}" did not start`);
  await tf.ready();
}
