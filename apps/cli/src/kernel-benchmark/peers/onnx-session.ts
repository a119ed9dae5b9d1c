import type { InstalledPackages } from './packages.ts';

/** The packages of ONNX Runtime: native, or in WebAssembly. */
export type OnnxRuntimeName = 'onnxruntime-node' | 'onnxruntime-web';

/** The part of ONNX Runtime's JavaScript interface that is used here. */
export interface OnnxRuntime {
  readonly InferenceSession: {
    create(file: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<OnnxSession>;
  };
  readonly Tensor: new (type: string, data: ArrayBufferView, shape: readonly number[]) => OnnxTensor;
  readonly env: { readonly wasm: { numThreads: number }; logLevel: string };
}

/** A model that ONNX Runtime has loaded. */
export interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(
    feeds: Readonly<Record<string, OnnxTensor>>,
    fetches?: Readonly<Record<string, OnnxTensor>>,
  ): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

/** Numbers that go in or out. */
export interface OnnxTensor {
  readonly data: ArrayLike<number>;
}

/** ONNX Runtime from an installed package, quiet, and with the one thread that its web version has per process. @throws whatever stops it. */
export function requireOnnxRuntime(packages: InstalledPackages, name: OnnxRuntimeName): OnnxRuntime {
  const ort = packages.require(name) as OnnxRuntime;
  ort.env.logLevel = 'error';
  if (name === 'onnxruntime-web') ort.env.wasm.numThreads = 1;
  return ort;
}

/** A session with all graph optimisations. @returns null where the library cannot use that many threads. */
export async function openOnnxSession(
  ort: OnnxRuntime,
  name: OnnxRuntimeName,
  file: Uint8Array,
  threads: number,
): Promise<OnnxSession | null> {
  if (name === 'onnxruntime-web' && threads !== 1) return null;
  return ort.InferenceSession.create(file, {
    executionProviders: [name === 'onnxruntime-node' ? 'cpu' : 'wasm'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
}
