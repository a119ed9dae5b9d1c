import {
  type OnnxRuntime,
  type OnnxRuntimeName,
  type OnnxTensor,
  openOnnxSession,
  requireOnnxRuntime,
} from '../kernel-benchmark/peers/onnx-session.ts';
import type { InstalledPackages } from '../kernel-benchmark/peers/packages.ts';
import type { PreparedWork } from '../kernel-benchmark/peers/peer.ts';
import type { BenchmarkModel } from './benchmark-model.ts';

const TYPES: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [Float32Array, 'float32'],
  [Int32Array, 'int32'],
  [Int8Array, 'int8'],
  [Uint8Array, 'uint8'],
]);

/** A model in a session of ONNX Runtime with all its graph optimisations. The result is that of its first output. */
export async function prepareOnnxPeer(
  packages: InstalledPackages,
  name: OnnxRuntimeName,
  file: Uint8Array,
  model: BenchmarkModel,
  threads: number,
): Promise<PreparedWork | null> {
  const ort = requireOnnxRuntime(packages, name);
  const session = await openOnnxSession(ort, name, file, threads);
  if (session === null) return null;
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
