import { Random, ShapeMismatchError } from '@qedge/core';
import { type Acceleration, accelerate } from '@qedge/kernels/node';
import type * as tfjs from '@tensorflow/tfjs';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dequantizeTensor, roundHalfEven } from '../../src/index.ts';
import { buildModel } from '../../src/model/build-model.ts';
import type { CompressedModel } from '../../src/model/compressed-model.ts';
import { listKernels } from '../../src/model/kernel-weight.ts';
import { nameWeights, readTopology } from '../../src/model/read-topology.ts';
import { buildCompressedModel } from '../../src/quantization-aware/build-compressed-model.ts';
import { calibrateQuantizationAware } from '../../src/quantization-aware/calibrate-quantization-aware.ts';
import { convertQuantizationAware } from '../../src/quantization-aware/convert-quantization-aware.ts';
import { kernelCodes, kernelParameters } from '../../src/quantization-aware/kernel-codes.ts';
import { tensorCodes } from '../../src/quantization-aware/kernel-tensors.ts';
import {
  prepareForQuantizationAwareTraining,
  type QuantizationAwareConfig,
} from '../../src/quantization-aware/prepare-quantization-aware.ts';
import { registerQuantizationAwareLayers } from '../../src/quantization-aware/quantization-aware-layers.ts';
import { loadTensorflow } from '../tensorflow.ts';

let tf: typeof tfjs;
let acceleration: Acceleration;

beforeAll(async () => {
  tf = await loadTensorflow('wasm');
  acceleration = await accelerate(tf);
});

afterAll(() => acceleration.dispose());

function randomTensor(shape: number[], random: Random): Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => random.normal()),
    shape,
  );
}

/** Gives every weight random numbers, variances and scales positive ones. */
function randomise(model: LayersModel, seed: number): LayersModel {
  const random = new Random(seed);
  tf.tidy(() => {
    for (const layer of model.layers) {
      const weights = layer.weights.map((weight) => {
        const values = tf.mul(randomTensor(weight.shape as number[], random), 0.4);
        return /variance|gamma/.test(weight.name) ? tf.add(tf.abs(values), 0.5) : values;
      });
      layer.setWeights(weights);
    }
  });
  return model;
}

/** Two branches with a shared layer, dense layers on every rank, convolutions with and without normalisation. */
function makeMixedModel(): LayersModel {
  const input = tf.input({ shape: [8, 8, 2] });
  const apply = (layer: tfjs.layers.Layer, x: tfjs.SymbolicTensor | tfjs.SymbolicTensor[]) =>
    layer.apply(x) as tfjs.SymbolicTensor;
  let x = apply(
    tf.layers.conv2d({ name: 'conv', filters: 5, kernelSize: 3, padding: 'same', useBias: false }),
    input,
  );
  x = apply(tf.layers.batchNormalization({ name: 'conv_norm' }), x);
  x = apply(tf.layers.reLU({ name: 'conv_relu' }), x);
  x = apply(
    tf.layers.depthwiseConv2d({
      name: 'depthwise',
      kernelSize: 3,
      strides: 2,
      padding: 'same',
      depthMultiplier: 2,
    }),
    x,
  );
  x = apply(tf.layers.batchNormalization({ name: 'depthwise_norm', scale: true }), x);
  const shared = tf.layers.conv2d({ name: 'shared', filters: 10, kernelSize: 1, activation: 'relu' });
  const left = apply(shared, x);
  const right = apply(shared, left);
  x = apply(tf.layers.add({ name: 'add' }), [left, right]);
  x = apply(tf.layers.dense({ name: 'wide', units: 6, activation: 'tanh' }), x);
  x = apply(tf.layers.flatten({ name: 'flatten' }), x);
  x = apply(tf.layers.dense({ name: 'logits', units: 3, useBias: false }), x);
  return randomise(tf.model({ inputs: input, outputs: x }), 1);
}

const kinds: readonly QuantizationAwareConfig[] = [
  { bits: 8 },
  { bits: 4, granularity: 'tensor' },
  { bits: 3, step: 'learned' },
  { bits: 2, step: 'learned-logarithm', granularity: 'tensor', keepSurvivors: true },
  { bits: 1 },
  { bits: 4, granularity: { groupSize: 4 } },
  { bits: 4, activationBits: null },
];

/** Values of an output. */
function predict(model: LayersModel, x: Tensor): number[] {
  return tf.tidy(() => [...(model.predict(x) as Tensor).dataSync()]);
}

function dispose(...things: { dispose(): unknown }[]): void {
  for (const thing of things) thing.dispose();
}

/** Gradients of the sum of `weights * output` in training, by weight name. */
function trainingGradients(model: LayersModel, x: Tensor): Map<string, Float32Array> {
  const gradients = new Map<string, Float32Array>();
  tf.tidy(() => {
    const named = nameWeights(model).filter(({ trainable }) => trainable);
    const variables = named.map(({ variable }) => variable.read() as tfjs.Variable);
    const { grads } = tf.variableGrads(() => {
      const output = model.apply(x, { training: true }) as Tensor;
      return tf.sum(tf.mul(output, randomTensor(output.shape, new Random(99)))).asScalar();
    }, variables);
    named.forEach(({ name }, at) => {
      gradients.set(name, grads[variables[at]!.name]!.dataSync<'float32'>());
    });
  });
  return gradients;
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number): void {
  expect(actual.length).toBe(expected.length);
  const largest = Math.max(0.05, ...Array.from(expected, Math.abs));
  for (let i = 0; i < expected.length; i++) {
    expect(Math.abs(actual[i]! - expected[i]!)).toBeLessThanOrEqual(tolerance * largest);
  }
}

describe('prepareForQuantizationAwareTraining', () => {
  it.each(kinds)('predicts what it converts to: %j', (config) => {
    const model = makeMixedModel();
    const prepared = prepareForQuantizationAwareTraining(tf, model, config);
    const x = randomTensor([4, 8, 8, 2], new Random(2));
    calibrateQuantizationAware(tf, prepared, [x]);
    const compressed = convertQuantizationAware(tf, prepared);
    const evaluated = buildCompressedModel(tf, compressed);
    expect(predict(evaluated, x)).toEqual(predict(prepared, x));
    for (const [name, { codes, quantization }] of compressed.codes) {
      const { data } = compressed.topology.layers
        .flatMap(({ weights }) => weights)
        .find((each) => each.name === name)!;
      const shape = [data.length / lastOutputs(compressed, name), lastOutputs(compressed, name)];
      expect(data).toEqual(dequantizeTensor(codes, shape, quantization));
    }
    dispose(model, prepared, evaluated, x);
  });

  it('trains as without coding until coding starts, folded normalisations included', () => {
    const model = makeMixedModel();
    const prepared = prepareForQuantizationAwareTraining(tf, model, { bits: 4, startAfter: 10 });
    const x = randomTensor([6, 8, 8, 2], new Random(3));
    const expected = trainingGradients(model, x);
    const actual = trainingGradients(prepared, x);
    const nameOf = (name: string) => name.replace('_norm', '');
    expect([...actual.keys()].sort()).toEqual([...expected.keys()].map(nameOf).sort());
    // Float32 sums in another order, and a factor that is multiplied in and divided out.
    for (const [name, gradient] of expected) expectClose(actual.get(nameOf(name))!, gradient, 2e-4);
    const statistics = (each: LayersModel) =>
      nameWeights(each).filter(({ role }) => role.startsWith('moving_'));
    statistics(prepared).forEach(({ variable }, at) => {
      expectClose(variable.read().dataSync(), statistics(model)[at]!.variable.read().dataSync(), 1e-5);
    });
    dispose(model, prepared, x);
  });

  it.each(['dense', 'conv', 'depthwise'])('passes gradients straight through: %s', (kind) => {
    const input = tf.input({ shape: kind === 'dense' ? [4, 6] : [7, 6, 3] });
    const window = {
      name: kind,
      kernelSize: [3, 2] as [number, number],
      strides: 2,
      padding: 'same' as const,
    };
    const layer =
      kind === 'dense'
        ? tf.layers.dense({ name: kind, units: 5 })
        : kind === 'conv'
          ? tf.layers.conv2d({ ...window, filters: 4 })
          : tf.layers.depthwiseConv2d({ ...window, depthMultiplier: 2 });
    const model = randomise(
      tf.model({ inputs: input, outputs: layer.apply(input) as tfjs.SymbolicTensor }),
      21,
    );
    const prepared = prepareForQuantizationAwareTraining(tf, model, { bits: 3 });
    const x = randomTensor([3, ...(input.shape.slice(1) as number[])], new Random(4));
    calibrateQuantizationAware(tf, prepared, [x]);
    const { topology, inputs } = convertQuantizationAware(tf, prepared);
    const { scale } = inputs.get(kind)!;
    const decodedInput = tf.tidy(() => tf.mul(tf.round(tf.div(x, scale)), scale));
    const decoded = buildModel(tf, topology);
    const actual = trainingGradients(prepared, x);
    for (const [name, gradient] of trainingGradients(decoded, decodedInput)) {
      expectClose(actual.get(name)!, gradient, 1e-5);
    }
    const linear = (each: LayersModel) =>
      tf.tidy(() => [
        ...tf
          .grad((at) => tf.sum(each.apply(at, { training: true }) as Tensor))(x)
          .dataSync(),
      ]);
    expectClose(linear(prepared), linear(decoded), 1e-5);
    dispose(model, prepared, decoded, decodedInput, x);
  });

  it('passes the gradient of a clipped input to nothing', () => {
    const input = tf.input({ shape: [3] });
    const model = tf.model({
      inputs: input,
      outputs: tf.layers.dense({ name: 'dense', units: 2 }).apply(input) as tfjs.SymbolicTensor,
    });
    const prepared = prepareForQuantizationAwareTraining(tf, model, { bits: 8, freezeAfter: 1 });
    const [seen, wide] = [tf.tensor2d([[-1, 0.5, 1]]), tf.tensor2d([[-1.5, 0.5, 1.2]])];
    calibrateQuantizationAware(tf, prepared, [seen]);
    const gradient = tf.tidy(() => [
      ...tf
        .grad((at) => tf.sum(prepared.apply(at, { training: true }) as Tensor))(wide)
        .dataSync(),
    ]);
    const [kernel] = convertQuantizationAware(tf, prepared).topology.layers[1]!.weights;
    expect(Math.abs(gradient[0]!) + Math.abs(gradient[2]!)).toBe(0);
    expect(gradient[1]).toBeCloseTo(kernel!.data[2]! + kernel!.data[3]!, 6);
    dispose(model, prepared, seen, wide);
  });

  it('equals int32 accumulators bit for bit', () => {
    const input = tf.input({ shape: [40] });
    const dense = tf.layers.dense({ name: 'dense', units: 5 });
    const model = randomise(
      tf.model({ inputs: input, outputs: dense.apply(input) as tfjs.SymbolicTensor }),
      7,
    );
    const prepared = prepareForQuantizationAwareTraining(tf, model, { bits: 8 });
    const x = randomTensor([9, 40], new Random(8));
    calibrateQuantizationAware(tf, prepared, [x]);
    const { codes, inputs, topology } = convertQuantizationAware(tf, prepared);
    const { codes: kernel, quantization } = codes.get('dense/kernel')!;
    const { scale, zeroPoint } = inputs.get('dense')!;
    const bias = topology.layers[1]!.weights[1]!.data;
    const values = x.dataSync();
    const expected = Array.from({ length: 9 * 5 }, (_, at) => {
      const [row, unit] = [Math.floor(at / 5), at % 5];
      let sum = 0;
      for (let i = 0; i < 40; i++) {
        const code = roundHalfEven(Math.fround(values[row * 40 + i]! / scale)) + zeroPoint;
        sum += (Math.min(255, Math.max(0, code)) - zeroPoint) * kernel[i * 5 + unit]!;
      }
      return Math.fround(Math.fround(sum * Math.fround(scale * quantization.scales[unit]!)) + bias[unit]!);
    });
    expect(predict(prepared, x)).toEqual(expected);
    dispose(model, prepared, x);
  });

  it('follows ranges from the first call on, averages them, starts coding late and freezes', () => {
    const input = tf.input({ shape: [2] });
    const model = tf.model({
      inputs: input,
      outputs: tf.layers.dense({ name: 'dense', units: 1 }).apply(input) as tfjs.SymbolicTensor,
    });
    const config = { bits: 2, rangeDecay: 0.75, startAfter: 1, freezeAfter: 3 };
    const prepared = prepareForQuantizationAwareTraining(tf, model, config);
    const state = () => [
      ...nameWeights(prepared)
        .find(({ role }) => role === 'quantization_state')!
        .variable.read()
        .dataSync(),
    ];
    const train = (low: number, high: number) =>
      tf.tidy(() => [
        ...(prepared.apply(tf.tensor2d([[low, high]]), { training: true }) as Tensor).dataSync(),
      ]);
    const plain = tf.tidy(() => [...(model.apply(tf.tensor2d([[-1, 2]])) as Tensor).dataSync()]);
    expect(train(-1, 2)).toEqual(plain);
    expect(state()).toEqual([1, -1, 2]);
    train(-2, 4);
    expect(state()).toEqual([2, -1.25, 2.5]);
    train(1, 2.5);
    expect(state()).toEqual([3, -0.9375, 2.5]);
    train(-50, 50);
    expect(state()).toEqual([4, -0.9375, 2.5]);
    expect(() => train(Number.NaN, 1)).not.toThrow();
    dispose(model, prepared);
  });

  it('keeps removed weights at 0 whatever trains it, and surviving ones away from 0', async () => {
    const model = makeMixedModel();
    const random = new Random(5);
    const masks = new Map(
      listKernels(readTopology(model)).map(({ weight }) => [
        weight.name,
        Uint8Array.from(weight.data, () => (random.uniform() < 0.6 ? 0 : 1)),
      ]),
    );
    const config = { bits: 2, masks, keepSurvivors: true, step: 'learned', granularity: 'tensor' } as const;
    const prepared = prepareForQuantizationAwareTraining(tf, model, config);
    const [x, y] = [randomTensor([8, 8, 8, 2], random), randomTensor([8, 3], random)];
    prepared.compile({ optimizer: tf.train.adam(0.02), loss: 'meanSquaredError' });
    for (let step = 0; step < 3; step++) await prepared.trainOnBatch(x, y);
    const { codes } = convertQuantizationAware(tf, prepared);
    for (const [name, mask] of masks) {
      expect([...codes.get(name)!.codes].map((code) => (code === 0 ? 0 : 1))).toEqual([...mask]);
    }
    prepared.optimizer.dispose();
    dispose(model, prepared, x, y);
  });

  it('codes the smallest surviving weights as export does', () => {
    const values = Float32Array.of(1e-8, -1e-8, 2 ** -149, -(2 ** -149), 1e-30, 0, 0.4, -3, 1);
    for (const bits of [2, 3, 8]) {
      const kernel = { bits, granularity: 'tensor', step: 'learned', keepSurvivors: true } as const;
      const parameters = kernelParameters(values, 1, kernel, Float32Array.of(0.5));
      const settings = { keepSurvivors: true, isCovered: false };
      const codes = tf.tidy(() =>
        tensorCodes(tf, tf.tensor2d(values, [9, 1]), 1, parameters, settings).dataSync(),
      );
      expect([...codes]).toEqual([...kernelCodes(values, 1, parameters, true)]);
    }
  });

  it('leaves out layers, and gives others settings of their own', () => {
    const model = makeMixedModel();
    const layers = {
      wide: null,
      shared: { bits: 8, activationBits: null },
      logits: { granularity: 'tensor' },
    } as const;
    const prepared = prepareForQuantizationAwareTraining(tf, model, { bits: 3, layers });
    const x = randomTensor([2, 8, 8, 2], new Random(6));
    calibrateQuantizationAware(tf, prepared, [x]);
    const { codes, inputs } = convertQuantizationAware(tf, prepared);
    expect(
      [...codes].map(([name, { quantization }]) => [name, quantization.bits, quantization.scales.length]),
    ).toEqual([
      ['conv/kernel', 3, 5],
      ['depthwise/depthwise_kernel', 3, 10],
      ['shared/kernel', 8, 10],
      ['logits/kernel', 3, 1],
    ]);
    expect([...inputs.keys()]).toEqual(['conv', 'depthwise', 'logits']);
    dispose(model, prepared, x);
  });

  it.each([
    { convolution: true, normalization: false },
    { convolution: false, normalization: true },
    { convolution: false, normalization: false },
    { convolution: true, normalization: true },
  ])('keeps frozen what is frozen: %j', ({ convolution, normalization }) => {
    const { layers } = tf;
    const model = tf.sequential({
      layers: [
        layers.conv2d({ inputShape: [4, 4, 1], filters: 2, kernelSize: 3, trainable: convolution }),
        layers.batchNormalization({ trainable: normalization }),
      ],
    });
    const prepared = prepareForQuantizationAwareTraining(tf, model, { bits: 4 });
    expect(prepared.layers.length).toBe(convolution === normalization ? 2 : 3);
    const trainable = new Map(nameWeights(prepared).map((weight) => [weight.role, weight.trainable]));
    for (const role of ['kernel', 'bias']) expect(trainable.get(role)).toBe(convolution);
    for (const role of ['gamma', 'beta']) expect(trainable.get(role)).toBe(normalization);
    model.dispose();
    prepared.dispose();
  });

  it('takes nested models', () => {
    const inner = tf.sequential({
      name: 'inner',
      layers: [
        tf.layers.conv2d({ name: 'conv', inputShape: [8, 8, 2], filters: 3, kernelSize: 3, useBias: false }),
        tf.layers.batchNormalization({ name: 'norm' }),
        tf.layers.flatten({ name: 'flatten' }),
      ],
    });
    const input = tf.input({ shape: [8, 8, 2] });
    const logits = tf.layers.dense({ name: 'logits', units: 2 }).apply(inner.apply(input));
    const model = randomise(tf.model({ inputs: input, outputs: logits as tfjs.SymbolicTensor }), 14);
    const prepared = prepareForQuantizationAwareTraining(tf, model, { bits: 8 });
    const x = randomTensor([2, 8, 8, 2], new Random(11));
    calibrateQuantizationAware(tf, prepared, [x]);
    const compressed = convertQuantizationAware(tf, prepared);
    expect([...compressed.codes.keys()]).toEqual(['inner/conv/kernel', 'logits/kernel']);
    expect(compressed.topology.layers.map(({ className }) => className)).not.toContain('BatchNormalization');
    // 8 bits per weight and input: a few steps of 1/127 of the largest weight and 1/255 of the range of the input.
    expectClose(predict(prepared, x), predict(model, x), 0.04);
    dispose(model, prepared, x);
  });

  it('can be saved and loaded once its layers are registered', async () => {
    const model = makeMixedModel();
    const prepared = prepareForQuantizationAwareTraining(tf, model, { bits: 3, step: 'learned' });
    const x = randomTensor([2, 8, 8, 2], new Random(12));
    calibrateQuantizationAware(tf, prepared, [x]);
    let artifacts: tfjs.io.ModelArtifacts | null = null;
    await prepared.save(
      tf.io.withSaveHandler(async (saved) => {
        artifacts = saved;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
    );
    registerQuantizationAwareLayers(tf);
    const loaded = await tf.loadLayersModel(tf.io.fromMemory(artifacts!));
    expect(predict(loaded, x)).toEqual(predict(prepared, x));
    dispose(model, prepared, loaded, x);
  });

  it('leaves no tensor behind', () => {
    const model = makeMixedModel();
    const prepared = prepareForQuantizationAwareTraining(tf, model, { bits: 3, step: 'learned' });
    const x = randomTensor([2, 8, 8, 2], new Random(13));
    trainingGradients(prepared, x);
    const before = tf.memory().numTensors;
    for (let step = 0; step < 20; step++) trainingGradients(prepared, x);
    expect(tf.memory().numTensors).toBe(before);
    dispose(model, prepared, x);
  });

  it('refuses what it cannot do, naming it', () => {
    const model = makeMixedModel();
    const prepare = (config: QuantizationAwareConfig) => () =>
      prepareForQuantizationAwareTraining(tf, model, config);
    const before = tf.memory().numTensors;
    expect(prepare({ bits: 9 })).toThrow(/1..8/);
    expect(prepare({ bits: 4, layers: { nothing: null } })).toThrow(/nothing/);
    expect(prepare({ bits: 4, masks: new Map([['conv/bias', new Uint8Array(5)]]) })).toThrow(/conv\/bias/);
    expect(prepare({ bits: 4, masks: new Map([['conv/kernel', new Uint8Array(5)]]) })).toThrow(
      ShapeMismatchError,
    );
    expect(prepare({ bits: 1, keepSurvivors: true })).toThrow(/1 bit/);
    expect(prepare({ bits: 4, granularity: { groupSize: 0 } })).toThrow(/granularity/);
    expect(prepare({ bits: 4, rangeDecay: 1 })).toThrow(/rangeDecay/);
    expect(prepare({ bits: 4, freezeAfter: 0 })).toThrow(/freezeAfter/);
    expect(() => convertQuantizationAware(tf, model)).toThrow(/no quantisation-aware/);
    expect(() => calibrateQuantizationAware(tf, model, [])).toThrow(/no quantisation-aware/);
    expect(tf.memory().numTensors).toBe(before);
    const prepared = prepare({ bits: 4 })();
    expect(() => convertQuantizationAware(tf, prepared)).toThrow(/never followed/);
    dispose(model, prepared);
  });
});

/** Output channels of a coded kernel. */
function lastOutputs({ topology }: CompressedModel, name: string): number {
  return listKernels(topology).find(({ weight }) => weight.name === name)!.outputs;
}
