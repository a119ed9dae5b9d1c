import { type ActivationQuantization, type QuantizationParameters, Random } from '@qedge/core';
import * as tf from '@tensorflow/tfjs';
import type { CodedWeight, CompressedModel } from '../../src/model/compressed-model.ts';
import { listKernels } from '../../src/model/kernel-weight.ts';
import type { ModelTopology } from '../../src/model/model-topology.ts';
import { readTopology } from '../../src/model/read-topology.ts';

/** How {@link compressForTest} codes kernels. */
export interface TestCoding {
  readonly bits: number;
  readonly perChannel?: boolean;
  readonly symmetric?: boolean;
  /** The share of weights that become 0. */
  readonly zeros?: number;
  /** False: inputs stay float32. */
  readonly inputs?: boolean;
}

/** Codes all kernels of a model by range, and the inputs of their layers for numbers from -1 to 3. */
export function compressForTest(model: tf.LayersModel, coding: TestCoding, seed = 1): CompressedModel {
  const { bits, perChannel = true, symmetric = true, zeros = 0.5, inputs = true } = coding;
  const random = new Random(seed);
  const topology = readTopology(model);
  const codes = new Map<string, CodedWeight>();
  const codedInputs = new Map<string, ActivationQuantization>();
  const decoded = new Map<string, Float32Array>();
  for (const { weight, rows, outputs, layer } of listKernels(topology)) {
    const values = weight.data.map((value) => (random.uniform() < zeros ? 0 : value));
    const coded = codeByRange(values, rows, outputs, { bits, symmetric, perChannel });
    codes.set(weight.name, coded);
    const { scales, zeroPoints } = coded.quantization;
    const channel = (i: number) => (perChannel ? i % outputs : 0);
    const decode = (code: number, i: number) => (code - zeroPoints[channel(i)]!) * scales[channel(i)]!;
    decoded.set(weight.name, Float32Array.from(coded.codes, decode));
    if (inputs) codedInputs.set(layer.name, { scale: Math.fround(4 / 255), zeroPoint: 64 });
  }
  return { topology: withWeights(topology, decoded), codes, inputs: codedInputs };
}

/** Plain coding by range: what matters here is that codes of all kinds occur. */
function codeByRange(
  values: Float32Array,
  rows: number,
  outputs: number,
  { bits, symmetric, perChannel }: Required<Pick<TestCoding, 'bits' | 'symmetric' | 'perChannel'>>,
): CodedWeight {
  const channels = perChannel ? outputs : 1;
  const scales = new Float32Array(channels);
  const zeroPoints = new Int32Array(channels);
  const highest = 2 ** (bits - 1) - 1;
  const lowest = symmetric ? -highest : -highest - 1;
  for (let channel = 0; channel < channels; channel++) {
    const own = values.filter((_, i) => i % channels === channel);
    const [least, most] = [Math.min(0, ...own), Math.max(0, ...own)];
    const extreme = Math.max(-least, most);
    scales[channel] = (symmetric ? extreme / highest : (most - least) / (highest - lowest)) || 1;
    zeroPoints[channel] = symmetric ? 0 : Math.round(lowest - least / scales[channel]!);
  }
  const codes = Int8Array.from(values, (value, i) => {
    const code = Math.round(value / scales[i % channels]!) + zeroPoints[i % channels]!;
    return Math.max(lowest, Math.min(highest, code));
  });
  const axis = perChannel ? 1 : null;
  const quantization: QuantizationParameters = { bits, symmetric, scales, zeroPoints, axis };
  if (codes.length !== rows * outputs) throw new Error('a kernel of another size');
  return { codes, quantization };
}

/** The topology with other numbers in some weights. */
export function withWeights(topology: ModelTopology, data: ReadonlyMap<string, Float32Array>): ModelTopology {
  const layers = topology.layers.map((layer) => ({
    ...layer,
    weights: layer.weights.map((weight) => ({ ...weight, data: data.get(weight.name) ?? weight.data })),
  }));
  return { ...topology, layers };
}

function randomizeWeights(model: tf.LayersModel, seed: number): void {
  const random = new Random(seed);
  const weights = model.getWeights().map(({ shape }, i) => {
    // Variances of batch normalisation must be positive.
    const isVariance = /variance/.test(model.weights[i]!.name);
    const size = shape.reduce((a, b) => a * b, 1);
    const spread = 1 / Math.sqrt(Math.max(1, size / shape.at(-1)!));
    const values = Float32Array.from({ length: size }, () => {
      return isVariance ? 0.5 + random.uniform() : (shape.length > 1 ? spread : 0.2) * random.normal();
    });
    return tf.tensor(values, shape);
  });
  model.setWeights(weights);
  tf.dispose(weights);
}

/** A chain of dense layers with relu between them, of odd sizes. */
export function denseModel(sizes: readonly number[] = [13, 9, 7, 3], seed = 3): tf.LayersModel {
  const model = tf.sequential();
  sizes.slice(1).forEach((units, i) => {
    const isLast = i === sizes.length - 2;
    const inputShape = i === 0 ? { inputShape: [sizes[0]!] } : {};
    model.add(tf.layers.dense({ units, activation: isLast ? 'linear' : 'relu', ...inputShape }));
  });
  randomizeWeights(model, seed);
  return model;
}

/** Convolution, batch normalisation, depthwise convolution, a residual, pooling, flatten and a dense layer. */
export function convolutionModel(seed = 5): tf.LayersModel {
  const input = tf.input({ shape: [8, 8, 3] });
  const apply = (layer: tf.layers.Layer, x: tf.SymbolicTensor | tf.SymbolicTensor[]) =>
    layer.apply(x) as tf.SymbolicTensor;
  const first = apply(
    tf.layers.conv2d({ filters: 6, kernelSize: 3, padding: 'same', useBias: false }),
    input,
  );
  const normalized = apply(tf.layers.reLU(), apply(tf.layers.batchNormalization(), first));
  const depth = apply(
    tf.layers.depthwiseConv2d({ kernelSize: 3, padding: 'same', activation: 'relu' }),
    normalized,
  );
  const point = apply(tf.layers.conv2d({ filters: 6, kernelSize: 1 }), depth);
  const sum = apply(tf.layers.add(), [point, normalized]);
  const pooled = apply(tf.layers.maxPooling2d({ poolSize: 2 }), sum);
  const flat = apply(tf.layers.flatten(), pooled);
  const model = tf.model({ inputs: input, outputs: apply(tf.layers.dense({ units: 5 }), flat) });
  randomizeWeights(model, seed);
  return model;
}

/** Seeded numbers from -1 to 3. */
export function randomInput(length: number, seed = 11): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => 4 * random.uniform() - 1);
}
