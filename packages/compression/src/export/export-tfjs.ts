import type { io, LayersModel, Tensor } from '@tensorflow/tfjs';
import { buildModel } from '../model/build-model.ts';
import type { CompressedModel } from '../model/compressed-model.ts';
import { isHalfPrecision, roundToHalf, toHalfBits } from '../quantization/half-precision.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import { affineWeight, type EncodedWeight, exactAffineWeight } from './affine-weights.ts';
import { compareResults } from './compare-outputs.ts';
import { compareNumbers, measureChange } from './compare-weights.ts';
import type { ChangedWeight, ExportComparison, ModelExport, OutputComparison } from './export-report.ts';
import { checkCodes } from './operator-model.ts';
import { sampleInputs } from './sample-inputs.ts';

/** Options of {@link exportTfjs}. */
export interface TfjsExportOptions {
  /**
   * How kernels are stored. The format knows one scale and one offset per kernel: codes with one scale are kept exactly, others become `uint8` codes
   * of their own (default), `uint16` ones, or half floats, and the report says how far off they are. `float32` keeps every number.
   */
  readonly kernels?: 'uint8' | 'uint16' | 'float16' | 'float32';
  /** Name of the file beside `model.json`; default `weights.bin`. */
  readonly shard?: string;
}

/**
 * Writes a LayersModel of TensorFlow.js with really narrow weights: a `model.json` and one shard, which `tf.loadLayersModel` reads. Loading makes
 * float32 of them: the file is smaller, the model is not faster. How inputs of layers are coded is not in the file. Zeros stay exactly 0.
 * Biases and normalisations stay float32, or half floats where these hold them exactly.
 *
 * @param tf TensorFlow.js with a backend; all tensors made here are disposed.
 * @throws ShapeMismatchError or InvalidArgumentError for codes that do not fit, VerificationError when the loaded model has other weights or
 *   computes something else.
 * @example
 * const exported = await exportTfjs(tf, compressed);
 * await saveExport('model.json', exported);
 */
export async function exportTfjs(
  tf: Tensorflow,
  compressed: CompressedModel,
  { kernels = 'uint8', shard = 'weights.bin' }: TfjsExportOptions = {},
): Promise<ModelExport> {
  checkCodes(compressed);
  const model = buildModel(tf, compressed.topology);
  try {
    const artifacts = await artifactsOf(tf, model);
    const encoded = encodeWeights(model, compressed, kernels);
    const data = joinBytes(encoded.map(({ bytes }) => bytes));
    const weights = encoded.map(({ entry }) => entry);
    const json = {
      ...{ format: 'layers-model', generatedBy: 'Quantum Edge', convertedBy: null },
      modelTopology: artifacts.modelTopology,
      weightsManifest: [{ paths: [shard], weights }],
    };
    const bytes = new TextEncoder().encode(JSON.stringify(json));
    const compared = await compareLoaded(tf, model, encoded, bytes, data);
    const report = { format: 'tfjs', byteLength: bytes.length + data.length, compared } as const;
    return { bytes, companions: new Map([[shard, data]]), report };
  } finally {
    model.dispose();
  }
}

async function artifactsOf(tf: Tensorflow, model: LayersModel): Promise<io.ModelArtifacts> {
  let saved: io.ModelArtifacts | null = null;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
    }),
  );
  return saved!;
}

/** Every weight in the order of the model's, under the names that TensorFlow.js gives them. */
function encodeWeights(
  model: LayersModel,
  { codes, topology }: CompressedModel,
  kernels: NonNullable<TfjsExportOptions['kernels']>,
): readonly EncodedWeight[] {
  const layers = new Map(topology.layers.map((layer) => [layer.name, layer]));
  return model.layers.flatMap((layer) => {
    const own = layers.get(layer.name)?.weights ?? [];
    return layer.weights.map((variable, i) => {
      const { name, data, shape } = own[i]!;
      const weight = { source: name, name: variable.originalName, shape, data };
      const coded = codes.get(name);
      if (!coded) return floatWeight(weight);
      if (kernels === 'float32') return plainWeight(weight, data);
      if (kernels === 'float16') return halfWeight(weight);
      return exactAffineWeight(weight, coded) ?? affineWeight(weight, kernels);
    });
  });
}

type Weight = Parameters<typeof affineWeight>[0];

function floatWeight(weight: Weight): EncodedWeight {
  return isHalfPrecision(weight.data) ? halfWeight(weight) : plainWeight(weight, weight.data);
}

function plainWeight({ source, name, shape }: Weight, data: Float32Array): EncodedWeight {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return { source, bytes, decoded: data, reason: null, entry: { name, shape: [...shape], dtype: 'float32' } };
}

function halfWeight({ source, name, shape, data }: Weight): EncodedWeight {
  const decoded = data.map(roundToHalf);
  return {
    ...{ source, bytes: new Uint8Array(toHalfBits(data).buffer), decoded },
    reason: isHalfPrecision(data) ? null : 'half floats, as asked for',
    entry: { name, shape: [...shape], dtype: 'float32', quantization: { dtype: 'float16' } },
  };
}

function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Loads what was written as TensorFlow.js does, and compares weights and outputs. */
async function compareLoaded(
  tf: Tensorflow,
  model: LayersModel,
  encoded: readonly EncodedWeight[],
  json: Uint8Array,
  data: Uint8Array,
): Promise<ExportComparison> {
  const { modelTopology, weightsManifest } = JSON.parse(new TextDecoder().decode(json));
  const weightSpecs = weightsManifest[0].weights;
  const weightData = data.slice().buffer;
  const loaded = await tf.loadLayersModel(tf.io.fromMemory({ modelTopology, weightSpecs, weightData }));
  try {
    return compareWeights(tf, model, encoded, loaded);
  } finally {
    loaded.dispose();
  }
}

function compareWeights(
  tf: Tensorflow,
  model: LayersModel,
  encoded: readonly EncodedWeight[],
  loaded: LayersModel,
): ExportComparison {
  const actual = new Map(
    loaded.weights.map((variable) => [variable.originalName, variable.read().dataSync()]),
  );
  const expected = model.layers.flatMap((layer) => layer.getWeights().map((tensor) => tensor.dataSync()));
  const changed: ChangedWeight[] = [];
  const compared = { codes: 0, numbers: 0 };
  for (const [i, { source, entry, decoded, reason, codes }] of encoded.entries()) {
    const count = compareNumbers(source, decoded, actual.get(entry.name) ?? []);
    if (reason !== null) changed.push(measureChange(source, reason, expected[i] as Float32Array, decoded));
    else if (codes) compared.codes += count;
    else compared.numbers += count;
  }
  return { ...compared, changed, outputs: compareRuns(tf, model, encoded, loaded) };
}

/** The loaded model beside the model with the weights that the file holds. */
function compareRuns(
  tf: Tensorflow,
  model: LayersModel,
  encoded: readonly EncodedWeight[],
  loaded: LayersModel,
): OutputComparison {
  const run = (each: LayersModel): readonly ArrayLike<number>[] => {
    const inputs = sampleInputs(tf, each);
    const outputs = [each.predict(inputs) as Tensor | Tensor[]].flat();
    const numbers = outputs.map((output) => output.dataSync());
    tf.dispose([inputs, outputs]);
    return numbers;
  };
  const weights = [...encoded];
  for (const layer of model.layers) {
    const own = weights.splice(0, layer.weights.length);
    tf.tidy(() => layer.setWeights(own.map(({ decoded, entry }) => tf.tensor(decoded, entry.shape))));
  }
  return compareResults('The TensorFlow.js model', run(model), run(loaded), SAME_BACKEND_TOLERANCE);
}

/** The same numbers on the same backend. */
const SAME_BACKEND_TOLERANCE = 1e-6;
