import type { Work } from '../work.ts';
import { type OnnxRuntimeName, openOnnxSession, requireOnnxRuntime } from './onnx-session.ts';
import { describeInOnnx } from './onnx-work.ts';
import type { InstalledPackages } from './packages.ts';
import type { Peer } from './peer.ts';

/**
 * ONNX Runtime, native or in WebAssembly: a session per work, weights as constants, the output allocated beforehand where it
 * accepts that. ONNX Runtime Web has one number of threads per process.
 *
 * @throws whatever stops it from loading.
 */
export function loadOnnxRuntime(packages: InstalledPackages, name: OnnxRuntimeName): Peer {
  const ort = requireOnnxRuntime(packages, name);
  return {
    name,
    version: packages.version(name),
    async prepare(work: Work, threads: number) {
      const { file, input, outputType, outputShape, read } = describeInOnnx(work);
      const session = await openOnnxSession(ort, name, file, threads);
      if (session === null) return null;
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
