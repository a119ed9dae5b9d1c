import type { Work } from '../work.ts';
import { describeInOnnx } from './onnx-work.ts';
import type { InstalledPackages } from './packages.ts';
import type { Peer } from './peer.ts';

/** The part of ONNX Runtime's JavaScript interface that is used here. */
interface OnnxRuntime {
  readonly InferenceSession: {
    create(file: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<OnnxSession>;
  };
  readonly Tensor: new (type: string, data: ArrayBufferView, shape: readonly number[]) => OnnxTensor;
  readonly env: { readonly wasm: { numThreads: number }; logLevel: string };
}

interface OnnxSession {
  run(
    feeds: Readonly<Record<string, OnnxTensor>>,
    fetches?: Readonly<Record<string, OnnxTensor>>,
  ): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

interface OnnxTensor {
  readonly data: ArrayLike<number>;
}

/**
 * ONNX Runtime, native or in WebAssembly: a session per work, weights as constants, the output allocated beforehand where it
 * accepts that. ONNX Runtime Web has one number of threads per process.
 *
 * @throws whatever stops it from loading.
 */
export function loadOnnxRuntime(
  packages: InstalledPackages,
  name: 'onnxruntime-node' | 'onnxruntime-web',
): Peer {
  const ort = packages.require(name) as OnnxRuntime;
  ort.env.logLevel = 'error';
  if (name === 'onnxruntime-web') ort.env.wasm.numThreads = 1;
  return {
    name,
    version: packages.version(name),
    async prepare(work: Work, threads: number) {
      if (name === 'onnxruntime-web' && threads !== 1) return null;
      const { file, input, outputType, outputShape, read } = describeInOnnx(work);
      const session = await ort.InferenceSession.create(file, {
        executionProviders: [name === 'onnxruntime-node' ? 'cpu' : 'wasm'],
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        executionMode: 'sequential',
      });
      const size = outputShape.reduce((count, axis) => count * axis, 1);
      const data = outputType === 'float32' ? new Float32Array(size) : new Int32Array(size);
      const feeds = { x: new ort.Tensor(input.type, input.data, input.shape) };
      const y = new ort.Tensor(outputType, data, outputShape);
      // ONNX Runtime Web leaves a tensor that it is given as it was.
      const fetches = name === 'onnxruntime-node' ? ([{ y }] as const) : ([] as const);
      let output = y;
      return {
        run: async () => {
          output = (await session.run(feeds, ...fetches)).y!;
        },
        result: () => read(output.data),
        dispose: () => session.release(),
      };
    },
  };
}
