import { Random } from '@qedge/core';
import type * as tensorflow from '@tensorflow/tfjs';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportContainer } from '../../src/export/export-container.ts';
import { kernelOf, listKernels } from '../../src/model/kernel-weight.ts';
import { readTopology } from '../../src/model/read-topology.ts';
import { widenConvolutions } from '../../src/model/widen-convolutions.ts';
import type { PostTrainingOptions } from '../../src/post-training/post-training-options.ts';
import { quantizeAfterTraining } from '../../src/post-training/quantize-after-training.ts';
import { dequantizeTensor } from '../../src/quantization/quantize-tensor.ts';
import { buildCompressedModel } from '../../src/quantization-aware/build-compressed-model.ts';
import { loadTensorflow } from '../tensorflow.ts';
import { outputsOf, randomInputs, randomizeWeights, relativeDifference } from './networks.ts';

let tf: typeof tensorflow;
beforeAll(async () => {
  tf = await loadTensorflow('cpu');
});

/** Convolution, depthwise convolution, branches and a dense layer, with normalisations. */
function makeNetwork(): LayersModel {
  const input = tf.input({ shape: [6, 6, 2], name: 'image' });
  const apply = (layer: tensorflow.layers.Layer, x: SymbolicTensor | SymbolicTensor[]) =>
    layer.apply(x) as SymbolicTensor;
  const stem = apply(
    tf.layers.conv2d({ name: 'stem', filters: 5, kernelSize: 3, padding: 'same', useBias: false }),
    input,
  );
  const normed = apply(tf.layers.reLU({ name: 'relu' }), apply(tf.layers.batchNormalization(), stem));
  const depth = apply(
    tf.layers.depthwiseConv2d({ name: 'depth', kernelSize: 3, padding: 'same', depthMultiplier: 1 }),
    normed,
  );
  const sum = apply(tf.layers.add({ name: 'add' }), [normed, depth]);
  const dropped = apply(tf.layers.dropout({ rate: 0.5 }), sum);
  const flat = apply(tf.layers.flatten({ name: 'flat' }), dropped);
  const outputs = apply(tf.layers.dense({ name: 'logits', units: 4, useBias: false }), flat);
  return randomizeWeights(tf, tf.model({ inputs: input, outputs }), 1);
}

function calibrationOf(model: LayersModel, count: number) {
  const [input] = randomInputs(tf, model, count, 7);
  const features = input.dataSync<'float32'>().slice();
  input.dispose();
  return { features, count };
}

const SAMPLES = 20;
const quick: PostTrainingOptions = { iterations: 60, activations: 'min-max', batchSize: 8 };

async function quantize(model: LayersModel, options: PostTrainingOptions) {
  return quantizeAfterTraining(tf, model, calibrationOf(model, SAMPLES), { ...quick, ...options });
}

describe('quantizeAfterTraining', () => {
  it('gives codes that decode to the kernels, and reports their noise', async () => {
    const model = makeNetwork();
    const before = listKernels(readTopology(model));
    const { compressed, layers, folding, equalization } = await quantize(model, { weights: { bits: 4 } });
    expect(folding?.folded).toHaveLength(1);
    expect(equalization).toBeNull();
    expect(layers.map(({ layer }) => layer)).toEqual(['stem', 'depth', 'logits']);
    expect([...compressed.inputs.keys()]).toEqual(['stem', 'depth', 'logits']);
    for (const { rows, outputs, weight, layer } of listKernels(compressed.topology)) {
      const { codes, quantization } = compressed.codes.get(weight.name)!;
      expect(quantization.bits).toBe(4);
      expect(weight.data).toEqual(dequantizeTensor(codes, [rows, outputs], quantization));
      if (layer.name === 'stem') continue;
      // The other kernels are as they were before they were coded, so that their noise can be computed here.
      const real = before.find((kernel) => kernel.layer.name === layer.name)!.weight.data;
      const power = real.reduce((sum, value) => sum + value ** 2, 0);
      const noise = real.reduce((sum, value, at) => sum + (value - weight.data[at]) ** 2, 0);
      const report = layers.find((each) => each.layer === layer.name)!;
      expect(report.weightSqnr).toBeCloseTo(10 * Math.log10(power / noise), 6);
    }
    model.dispose();
  });

  it('comes nearer to the float32 model with more bits', async () => {
    const model = makeNetwork();
    const inputs = randomInputs(tf, model, 20, 8);
    const expected = outputsOf(tf, model, inputs);
    const differences: number[] = [];
    for (const bits of [8, 4, 2]) {
      const { compressed } = await quantize(model, { weights: { bits } });
      const built = buildCompressedModel(tf, compressed);
      differences.push(relativeDifference(outputsOf(tf, built, inputs), expected));
      built.dispose();
    }
    expect(differences[0]).toBeLessThan(0.03);
    expect(differences[1]).toBeGreaterThan(differences[0]);
    expect(differences[2]).toBeGreaterThan(differences[1]);
    tf.dispose(inputs);
    model.dispose();
  });

  it('says of the outputs what the compressed model really puts out', async () => {
    const model = makeNetwork();
    const calibration = calibrationOf(model, SAMPLES);
    const { compressed, layers } = await quantize(model, { weights: { bits: 3 } });
    const input = [tf.tensor(calibration.features, [SAMPLES, 6, 6, 2])];
    const built = buildCompressedModel(tf, compressed);
    const [real, coded] = [model, built].map((each) => outputsOf(tf, each, input));
    const power = real.reduce((sum, value) => sum + value ** 2, 0);
    const noise = real.reduce((sum, value, at) => sum + (value - coded[at]) ** 2, 0);
    expect(layers[2].outputSqnr).toBeCloseTo(10 * Math.log10(power / noise), 2);
    tf.dispose(input);
    built.dispose();
    model.dispose();
  });

  it('makes the mean outputs on the calibration data those of the float32 model', async () => {
    const model = makeNetwork();
    const input = [tf.tensor(calibrationOf(model, SAMPLES).features, [SAMPLES, 6, 6, 2])];
    const means = (values: Float32Array) =>
      Float32Array.from({ length: 4 }, (_, unit) => {
        const own = values.filter((_, at) => at % 4 === unit);
        return own.reduce((sum, value) => sum + value, 0) / own.length;
      });
    const expected = means(outputsOf(tf, model, input));
    const differenceOf = async (options: PostTrainingOptions) => {
      const { compressed } = await quantize(model, { weights: { bits: 3 }, ...options });
      const built = buildCompressedModel(tf, compressed);
      const difference = relativeDifference(means(outputsOf(tf, built, input)), expected);
      built.dispose();
      return difference;
    };
    // All places are sampled, so that only float32 sums are left.
    expect(await differenceOf({})).toBeLessThan(1e-4);
    expect(await differenceOf({ weights: { bits: 3, rounding: 'adaptive' } })).toBeLessThan(1e-4);
    expect(await differenceOf({ correctsBias: false })).toBeGreaterThan(1e-3);
    tf.dispose(input);
    model.dispose();
  });

  it('rounds adaptively to a smaller error of the outputs, layer by layer', async () => {
    const model = makeNetwork();
    const nearest = await quantize(model, { weights: { bits: 3 } });
    const adaptive = await quantize(model, { weights: { bits: 3, rounding: 'adaptive' } });
    for (const { roundingGain } of adaptive.layers) expect(roundingGain).toBeLessThan(1);
    expect(adaptive.layers[2].outputSqnr).toBeGreaterThan(nearest.layers[2].outputSqnr);
    expect(adaptive.layers[2].weightSqnr).toBeLessThan(nearest.layers[2].weightSqnr);
    model.dispose();
  });

  it('codes per tensor, per group and with one bit, layers with settings of their own, and weights alone', async () => {
    const model = makeNetwork();
    const { compressed } = await quantize(model, {
      weights: { bits: 2, granularity: { groupSize: 4 } },
      layers: { stem: { bits: 8, granularity: 'tensor' }, logits: { bits: 1 }, depth: null },
      activations: null,
      equalization: 'keep-relu6',
    });
    expect(compressed.inputs.size).toBe(0);
    const quantizationOf = (name: string) => compressed.codes.get(name)?.quantization;
    expect(quantizationOf('stem/kernel')).toMatchObject({ bits: 8, axis: null });
    expect(quantizationOf('logits/kernel')).toMatchObject({ bits: 1, axis: 1, groupSize: 4 });
    expect(quantizationOf('depth/depthwise_kernel')).toBeUndefined();
    model.dispose();
  });

  it('keeps zeros of pruned kernels', async () => {
    const model = makeNetwork();
    const layer = model.getLayer('logits');
    const random = new Random(3);
    const [kernel] = layer.getWeights();
    const values = kernel.dataSync<'float32'>().map((value) => (random.uniform() < 0.7 ? 0 : value));
    layer.setWeights([tf.tensor(values, kernel.shape)]);
    for (const rounding of ['nearest', 'adaptive'] as const) {
      const { compressed } = await quantize(model, { weights: { bits: 3, rounding } });
      const { codes } = compressed.codes.get('logits/kernel')!;
      for (const [at, value] of values.entries()) if (value === 0) expect(codes[at]).toBe(0);
    }
    model.dispose();
  });

  it('leaves the model and the count of tensors as they were, and gives equal results for equal seeds', async () => {
    const model = makeNetwork();
    const weights = () => model.getWeights().map((each) => each.dataSync().slice());
    const before = weights();
    const options: PostTrainingOptions = { weights: { rounding: 'adaptive', bits: 4 }, samplesPerLayer: 100 };
    const first = await quantize(model, options);
    const tensors = tf.memory().numTensors;
    const second = await quantize(model, options);
    expect(tf.memory().numTensors).toBe(tensors);
    expect(weights()).toEqual(before);
    expect(second.compressed.codes).toEqual(first.compressed.codes);
    expect(second.compressed.inputs).toEqual(first.compressed.inputs);
    model.dispose();
  });

  it('refuses by name what it cannot do, and leaves no tensor', async () => {
    const model = makeNetwork();
    const calibration = calibrationOf(model, 4);
    const tensors = tf.memory().numTensors;
    const refusal = (options: PostTrainingOptions, data = calibration) =>
      expect(quantizeAfterTraining(tf, model, data, options)).rejects;
    await refusal({ weights: { bits: 9 } }).toThrow(/1\.\.8/);
    await refusal({ layers: { nobody: {} } }).toThrow(/stem, depth, logits, got nobody/);
    await refusal({ weights: { bits: 1, rounding: 'adaptive' } }).toThrow(/"rounding"/);
    await refusal({ weights: { granularity: { groupSize: 0 } } }).toThrow(/"granularity"/);
    await refusal({ iterations: 0 }).toThrow(/"iterations"/);
    await refusal({}, { features: calibration.features.subarray(1), count: 4 }).toThrow(/image/);
    await refusal({}, { features: new Float32Array(0), count: 0 }).toThrow(/needs samples/);
    await refusal({}, { features: calibration.features.map(() => Number.NaN), count: 4 }).toThrow(/finite/);
    await refusal({ signal: AbortSignal.abort() }).toThrow(/cancel/i);
    expect(tf.memory().numTensors).toBe(tensors);
    model.dispose();
  });

  it('refuses a shared layer unless it stays in float32', async () => {
    const input = tf.input({ shape: [4] });
    const shared = tf.layers.dense({ name: 'shared', units: 4 });
    const outputs = shared.apply(shared.apply(input)) as SymbolicTensor;
    const model = randomizeWeights(tf, tf.model({ inputs: input, outputs }), 1);
    await expect(quantize(model, {})).rejects.toThrow(/"shared" is shared .*layers: \{ "shared": null \}/);
    const { compressed } = await quantize(model, { layers: { shared: null } });
    expect(compressed.codes.size).toBe(0);
    model.dispose();
  });

  it('refuses 1 bit for a kernel with zeros, which have to stay, and leaves one without as it was', async () => {
    const model = makeNetwork();
    const layer = model.getLayer('logits');
    const [kernel] = layer.getWeights();
    const values = kernel.dataSync<'float32'>().map((value, at) => (at === 5 ? 0 : value));
    layer.setWeights([tf.tensor(values, kernel.shape)]);
    await expect(quantize(model, { weights: { bits: 1 } })).rejects.toThrow(
      /zeros of "logits\/kernel" cannot be kept by 1 bit.*1 zeros among/,
    );
    const { compressed } = await quantize(model, { weights: { bits: 1 }, layers: { logits: { bits: 2 } } });
    expect(compressed.codes.get('stem/kernel')!.quantization.bits).toBe(1);
    expect(compressed.codes.get('logits/kernel')!.codes[5]).toBe(0);
    model.dispose();
  });

  it('leaves no tensor when a layer fails in the middle, in the float32 model or in the coded one', async () => {
    const model = makeNetwork();
    const calibration = calibrationOf(model, SAMPLES);
    const tensors = tf.memory().numTensors;
    const apply = tf.layers.Layer.prototype.apply;
    // Symbolic calls build the model; of the others, each of three batches makes two calls of a coded layer.
    for (const failing of [1, 2, 4, 5, 9, 17]) {
      let calls = 0;
      tf.layers.Layer.prototype.apply = function (...given) {
        const [first] = [given[0]].flat();
        if (first instanceof tf.Tensor && ++calls === failing) throw new RangeError('out of memory');
        return apply.apply(this, given);
      };
      try {
        await expect(quantizeAfterTraining(tf, model, calibration, quick)).rejects.toThrow('out of memory');
      } finally {
        tf.layers.Layer.prototype.apply = apply;
      }
      expect(tf.memory().numTensors).toBe(tensors);
    }
    model.dispose();
  });

  it('codes one-dimensional convolutions, as those of images of height 1', async () => {
    const input = tf.input({ shape: [9, 2] });
    const { conv1d, dense, flatten, globalAveragePooling1d } = tf.layers;
    const line = { filters: 3, kernelSize: 3, activation: 'relu' } as const;
    const first = conv1d({ ...line, name: 'first', strides: 2, padding: 'same' }).apply(input);
    const second = conv1d({ ...line, name: 'second', dilationRate: 2 }).apply(first) as SymbolicTensor;
    const pooled = globalAveragePooling1d({}).apply(first) as SymbolicTensor;
    const logits = dense({ name: 'logits', units: 2 }).apply(flatten().apply(second)) as SymbolicTensor;
    const model = randomizeWeights(tf, tf.model({ inputs: input, outputs: [logits, pooled] }), 4);
    const inputs = randomInputs(tf, model, SAMPLES, 7);
    const widened = widenConvolutions(tf, readTopology(model));
    expect(relativeDifference(outputsOf(tf, widened, inputs), outputsOf(tf, model, inputs))).toBeLessThan(
      1e-6,
    );
    const { compressed, layers } = await quantize(model, {});
    expect(layers.map(({ layer }) => layer)).toEqual(['first', 'second', 'logits']);
    const built = buildCompressedModel(tf, compressed);
    const difference = relativeDifference(outputsOf(tf, built, inputs), outputsOf(tf, model, inputs));
    expect(difference).toBeLessThan(0.03);
    const { report } = exportContainer(compressed);
    expect(report.compared.codes).toBe(18 + 27 + 6);
    tf.dispose(inputs);
    built.dispose();
    model.dispose();
  });

  it('refuses a one-dimensional convolution that is no such image, by name', async () => {
    const line = tf.layers.conv1d({ name: 'line', filters: 1, kernelSize: 2, padding: 'causal' as 'same' });
    const input = tf.input({ shape: [5, 2] });
    const model = tf.model({ inputs: input, outputs: line.apply(input) as SymbolicTensor });
    await expect(quantize(model, {})).rejects.toThrow(/"line" cannot be coded.*layers: \{ "line": null \}/);
    model.dispose();
  });

  it('handles dead channels, one channel and constant weights', async () => {
    const input = tf.input({ shape: [5, 5, 1] });
    const layers = [
      tf.layers.conv2d({ name: 'one', filters: 1, kernelSize: 1, kernelInitializer: 'ones' }),
      tf.layers.depthwiseConv2d({ name: 'depth', kernelSize: 2, depthwiseInitializer: 'zeros' }),
      tf.layers.flatten(),
      tf.layers.dense({ name: 'dense', units: 1 }),
    ];
    const outputs = layers.reduce<SymbolicTensor>((x, layer) => layer.apply(x) as SymbolicTensor, input);
    const model = tf.model({ inputs: input, outputs });
    const { compressed, layers: reports } = await quantize(model, {
      weights: { bits: 4, rounding: 'adaptive' },
    });
    expect(reports[0].weightSqnr).toBeGreaterThan(100);
    expect(compressed.codes.get('depth/depthwise_kernel')?.codes.every((code) => code === 0)).toBe(true);
    const dense = compressed.topology.layers.find(({ name }) => name === 'dense')!;
    expect(kernelOf(dense)?.weight.data.every(Number.isFinite)).toBe(true);
    model.dispose();
  });
});
