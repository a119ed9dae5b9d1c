import type { InstalledPackages } from '../kernel-benchmark/peers/packages.ts';
import type { PreparedWork } from '../kernel-benchmark/peers/peer.ts';
import type { BenchmarkModel } from './benchmark-model.ts';

/** The part of ONNX Runtime's JavaScript interface that is used here. */
interface OnnxRuntime {
  readonly InferenceSession: {
    create(file: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<OnnxSession>;
  };
  readonly Tensor: new (type: string, data: ArrayBufferView, shape: readonly number[]) => OnnxTensor;
  readonly env: { readonly wasm: { numThreads: number }; logLevel: string };
}

interface OnnxSession {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(feeds: Readonly<Record<string, OnnxTensor>>): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

interface OnnxTensor {
  readonly data: ArrayLike<number>;
}

const TYPES: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [Float32Array, 'float32'],
  [Int32Array, 'int32'],
  [Int8Array, 'int8'],
  [Uint8Array, 'uint8'],
]);

/** A model in a session of ONNX Runtime with all its graph optimisations. The result is that of its first output. */
export async function prepareOnnxPeer(
  packages: InstalledPackages,
  name: 'onnxruntime-node' | 'onnxruntime-web',
  file: Uint8Array,
  model: BenchmarkModel,
  threads: number,
): Promise<PreparedWork | null> {
  // ONNX Runtime Web has one number of threads per process.
  if (name === 'onnxruntime-web' && threads !== 1) return null;
  const ort = packages.require(name) as OnnxRuntime;
  ort.env.logLevel = 'error';
  if (name === 'onnxruntime-web') ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(file, {
    executionProviders: [name === 'onnxruntime-node' ? 'cpu' : 'wasm'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
  const feeds = Object.fromEntries(session.inputNames.map((input) => [input, feedOf(ort, model, input)]));
  let outputs: Readonly<Record<string, OnnxTensor>> = {};
  return {
    run: async () => {
      outputs = await session.run(feeds);
    },
    result: () => outputs[session.outputNames[0]!]!.data,
    dispose: () => session.release(),
  };
}

function feedOf(
  ort: OnnxRuntime,
  { inputs, shapes, wideInputs, constants }: BenchmarkModel,
  name: string,
): OnnxTensor {
  const constant = constants[name];
  if (constant !== undefined) return new ort.Tensor('int64', BigInt64Array.of(BigInt(constant)), []);
  const values = inputs[name]!;
  const shape = shapes[name]!;
  if (wideInputs.includes(name)) return new ort.Tensor('int64', BigInt64Array.from(values, BigInt), shape);
  return new ort.Tensor(TYPES.get(values.constructor)!, values, shape);
}
