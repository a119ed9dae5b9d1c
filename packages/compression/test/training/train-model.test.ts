import {
  InvalidArgumentError,
  NonFiniteValueError,
  Random,
  ShapeMismatchError,
  UnsupportedError,
} from '@qedge/core';
import { type Acceleration, accelerate } from '@qedge/kernels/node';
import type { LayersModel, Tensor } from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeShiftAugmenter } from '../../src/index.ts';
import {
  measureModel,
  readWeights,
  type Tensorflow,
  type TrainModelOptions,
  trainModel,
  writeWeights,
} from '../../src/tfjs.ts';
import { loadTensorflow, makeShapes } from '../tensorflow.ts';
import { everything, perceptron, seedWeights } from './models.ts';

let tf: Tensorflow;
let acceleration: Acceleration;
const training = makeShapes(300, 1);
const validation = makeShapes(200, 2);
const options: TrainModelOptions = {
  epochs: 6,
  batchSize: 32,
  learningRate: { initial: 5e-3, final: 1e-4 },
  weightDecay: 0.01,
  seed: 3,
};

beforeAll(async () => {
  tf = await loadTensorflow('wasm');
  acceleration = await accelerate(tf);
});

afterAll(() => acceleration.dispose());

/** The largest difference of two states, in units of the largest weight. */
function distance(a: ReadonlyMap<string, Float32Array>, b: ReadonlyMap<string, Float32Array>): number {
  expect([...a.keys()]).toEqual([...b.keys()]);
  let [worst, largest] = [0, 0];
  for (const [name, values] of a) {
    const others = b.get(name)!;
    values.forEach((value, i) => {
      worst = Math.max(worst, Math.abs(value - others[i]!));
      largest = Math.max(largest, Math.abs(value));
    });
  }
  return worst / largest;
}

function trainTwoWays(make: () => LayersModel) {
  return { ours: make(), theirs: make() };
}

describe('trainModel', () => {
  it('trains a network of convolutions, normalisations, nested and shared layers', async () => {
    const model = everything(tf);
    const before = tf.memory().numTensors;
    const { history, ended, steps } = await trainModel(tf, model, training, { ...options, validation });
    expect(tf.memory().numTensors).toBe(before);
    expect(history.epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(history.epochs[0]!.loss).toBeGreaterThan(2 * history.epochs[5]!.loss);
    // Guessing gets a third.
    expect(history.epochs[5]!.validationAccuracy).toBeGreaterThan(0.8);
    expect({ ended, steps }).toEqual({ ended: 'all epochs', steps: 6 * 10 });
    expect(JSON.parse(JSON.stringify(history))).toEqual(history);
    const measured = await measureModel(tf, model, validation);
    expect(measured.accuracy).toBe(history.epochs[5]!.validationAccuracy);
    expect(measured.loss).toBe(history.epochs[5]!.validationLoss);
    model.dispose();
  });

  it.each([
    ['adam', { kind: 'adam' }, () => tf.train.adam(1e-3, 0.9, 0.999, 1e-8)],
    ['sgd', { kind: 'sgd' }, () => tf.train.sgd(1e-3)],
    ['momentum', { kind: 'sgd', momentum: 0.9 }, () => tf.train.momentum(1e-3, 0.9)],
    ['nesterov', { kind: 'sgd', momentum: 0.9, nesterov: true }, () => tf.train.momentum(1e-3, 0.9, true)],
  ] as const)('takes the steps of tfjs with %s, moving statistics too', async (_, optimizer, stock) => {
    const { ours, theirs } = trainTwoWays(() => everything(tf, 0, 0));
    const data = makeShapes(40, 9);
    await trainModel(tf, ours, data, {
      epochs: 5,
      batchSize: 40,
      optimizer,
      learningRate: { kind: 'constant', initial: 1e-3 },
      seed: 0,
    });
    const [x, y] = [tf.tensor(data.features, [40, 8, 8, 1]), tf.oneHot(tf.tensor1d(data.labels, 'int32'), 3)];
    theirs.compile({
      optimizer: stock(),
      loss: (labels, logits) => tf.losses.softmaxCrossEntropy(labels, logits),
    });
    for (let step = 0; step < 5; step++) await theirs.trainOnBatch(x, y);
    // Adam moves weights by the sign of gradients that are almost 0, so the rounding of those counts: 5 steps of 1e-3, 4 % of the way.
    expect(distance(readWeights(ours), readWeights(theirs))).toBeLessThan(2e-4);
    tf.dispose([x, y]);
    ours.dispose();
    theirs.dispose();
  });

  it('adds the losses of regularisers and keeps constraints', async () => {
    const make = () => {
      const model = tf.sequential();
      const kernelRegularizer = tf.regularizers.l2({ l2: 0.1 });
      const kernelConstraint = tf.constraints.maxNorm({ maxValue: 0.5, axis: 0 });
      model.add(tf.layers.dense({ name: 'a', units: 8, inputShape: [64], kernelRegularizer }));
      model.add(tf.layers.dense({ name: 'b', units: 3, kernelConstraint }));
      return seedWeights(tf, model, 1);
    };
    const model = make();
    const data = makeShapes(32, 4);
    const start = readWeights(model).get('a/kernel')!;
    const penalty = start.reduce((sum, value) => sum + 0.1 * value * value, 0);
    const plain = await measureModel(tf, model, data);
    const losses: number[] = [];
    await trainModel(tf, model, data, {
      ...options,
      epochs: 3,
      onStep: ({ loss }) => losses.push(loss),
    });
    expect(losses[0]).toBeCloseTo(plain.loss + penalty, 4);
    const kernel = readWeights(model).get('b/kernel')!;
    for (let unit = 0; unit < 3; unit++) {
      const norm = Math.hypot(...kernel.filter((_, i) => i % 3 === unit));
      expect(norm).toBeLessThan(0.5001);
    }
    model.dispose();
  });

  it('repeats itself bit for bit for equal seeds, dropout and shifts included, and not for others', async () => {
    const outcome = async (seed: number, layerSeed?: number) => {
      const model = everything(tf);
      const drop = model.layers.find(({ name }) => name === 'drop') as unknown as {
        seed?: number | undefined;
      };
      drop.seed = layerSeed;
      const augment = (random: Random) => makeShiftAugmenter([8, 8], 1, random);
      await trainModel(tf, model, training, { ...options, epochs: 1, augment, seed });
      const weights = readWeights(model);
      expect(drop.seed).toBe(layerSeed);
      model.dispose();
      return weights;
    };
    const first = await outcome(1);
    expect(await outcome(1, 77)).toEqual(first);
    expect(await outcome(2)).not.toEqual(first);
  });

  it('draws other noise in every step from dropout, which tfjs does not with a seed', async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.dropout({ rate: 0.5, inputShape: [64] }),
        tf.layers.dense({ units: 1, useBias: false, name: 'sum', kernelInitializer: 'ones' }),
      ],
    });
    const ones = { features: new Float32Array(64).fill(1), targets: new Float32Array(1), count: 1 };
    const losses: number[] = [];
    await trainModel(tf, model, ones, {
      epochs: 6,
      batchSize: 1,
      loss: 'mean squared error',
      learningRate: { kind: 'constant', initial: 1e-12 },
      seed: 0,
      onStep: ({ loss }) => losses.push(loss),
    });
    expect(new Set(losses).size).toBeGreaterThan(4);
    model.dispose();
  });

  it('keeps masked weights exactly 0, whoever writes them, and trains the rest', async () => {
    const model = everything(tf, 0, 0);
    const before = readWeights(model);
    const random = new Random(4);
    const masks = new Map(
      ['stem/kernel', 'block/depth/depthwise_kernel', 'shared/kernel'].map((name) => [
        name,
        Uint8Array.from(before.get(name)!, () => (random.uniform() < 0.7 ? 0 : 1)),
      ]),
    );
    let writes = 0;
    const { history, masks: kept } = await trainModel(tf, model, training, {
      ...options,
      epochs: 2,
      masks,
      onStep: ({ step }) => {
        if (step % 10 !== 5) return;
        writes++;
        writeWeights(tf, model, new Map([['stem/kernel', before.get('stem/kernel')!]]));
      },
    });
    expect(writes).toBe(2);
    const after = readWeights(model);
    for (const [name, mask] of masks) {
      after.get(name)!.forEach((value, i) => {
        if (mask[i] === 0) expect(Object.is(value, 0)).toBe(true);
        else expect(value).not.toBe(before.get(name)![i]);
      });
    }
    expect(kept).toEqual(masks);
    expect(history.epochs[1]!.sparsity).toBeGreaterThan(0.6);
    model.dispose();
  });

  it('takes over what a callback writes to the weights', async () => {
    const model = perceptron(tf);
    const wanted = readWeights(model)
      .get('first/kernel')!
      .map((_, i) => i / 1000);
    await trainModel(tf, model, training, {
      ...options,
      epochs: 1,
      weightDecay: 0,
      optimizer: { kind: 'sgd' },
      learningRate: { kind: 'constant', initial: 1e-9 },
      onStep: ({ step }) => {
        if (step === 3) writeWeights(tf, model, new Map([['first/kernel', wanted]]));
      },
    });
    const reached = readWeights(model).get('first/kernel')!;
    // Sixteen steps of 1e-9 times gradients of at most about 10.
    expect(Math.max(...reached.map((value, i) => Math.abs(value - wanted[i]!)))).toBeLessThan(1e-6);
    model.dispose();
  });

  it('fits numbers by their squared error, with any loss function', async () => {
    const random = new Random(5);
    const count = 200;
    const features = Float32Array.from({ length: count * 4 }, () => random.normal());
    const targets = Float32Array.from({ length: count * 2 }, (_, i) => {
      const sample = features.subarray(4 * (i >> 1), 4 * (i >> 1) + 4);
      return i % 2 === 0 ? sample[0]! - 2 * sample[1]! : 0.5 + sample[3]!;
    });
    const data = { features, targets, count };
    const loss = (labels: unknown, outputs: unknown) =>
      tf.losses.meanSquaredError(labels as Tensor, outputs as Tensor) as Tensor;
    const outcomes = [];
    for (const chosen of ['mean squared error', loss] as const) {
      const model = seedWeights(
        tf,
        tf.sequential({ layers: [tf.layers.dense({ name: 'map', units: 2, inputShape: [4] })] }),
        2,
      );
      const { history } = await trainModel(tf, model, data, {
        epochs: 20,
        batchSize: 20,
        loss: chosen,
        learningRate: { initial: 0.1, final: 1e-3 },
        validation: data,
        seed: 0,
      });
      const last = history.epochs[19]!;
      expect(last.validationLoss).toBeLessThan(1e-4);
      expect(last.validationAccuracy).toBeNull();
      outcomes.push(readWeights(model));
      model.dispose();
    }
    expect(distance(outcomes[0]!, outcomes[1]!)).toBeLessThan(1e-3);
  });

  it('learns probabilities where the model gives them, and refuses to take those for logits', async () => {
    const model = tf.sequential({
      layers: [tf.layers.dense({ units: 3, inputShape: [64], activation: 'softmax', name: 'probabilities' })],
    });
    const quick = { ...options, epochs: 2 };
    await expect(trainModel(tf, model, training, quick)).rejects.toThrow(/"probabilities" with softmax/);
    const loss = 'cross-entropy of probabilities';
    const { history } = await trainModel(tf, model, training, { ...quick, loss, validation });
    expect(history.epochs[1]!.loss).toBeLessThan(history.epochs[0]!.loss);
    const x = tf.tensor(validation.features, [200, 64]);
    const outputs = tf.tidy(() => (model.predict(x) as Tensor).dataSync());
    const expected = validation.labels.reduce((sum, label, i) => sum - Math.log(outputs[3 * i + label]!), 0);
    expect(history.epochs[1]!.validationLoss).toBeCloseTo(expected / 200, 4);
    x.dispose();
    model.dispose();
  });

  it('leaves no tensor behind in a thousand steps', async () => {
    const { layers } = tf;
    const model = tf.sequential({
      layers: [
        layers.dense({ units: 4, inputShape: [64] }),
        layers.batchNormalization(),
        layers.dropout({ rate: 0.1 }),
        layers.dense({ units: 3 }),
      ],
    });
    const small = makeShapes(40, 8);
    const counts: number[] = [];
    await trainModel(tf, model, small, {
      epochs: 50,
      batchSize: 2,
      learningRate: { kind: 'constant', initial: 1e-4 },
      seed: 0,
      validation: small,
      onStep: ({ step }) => {
        if (step % 100 === 1) counts.push(tf.memory().numTensors);
      },
    });
    expect(counts).toHaveLength(10);
    expect(new Set(counts).size).toBe(1);
    model.dispose();
  });

  it('leaves the model as it was, and no tensor, when training diverges or a callback fails', async () => {
    const model = everything(tf);
    const original = readWeights(model);
    const before = tf.memory().numTensors;
    const wild = { ...training, features: training.features.map((value) => value * 1e30) };
    await expect(trainModel(tf, model, wild, options)).rejects.toThrow(NonFiniteValueError);
    const failing = trainModel(tf, model, training, {
      ...options,
      onStep: ({ step }) => {
        if (step === 4) throw new RangeError('enough');
      },
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(readWeights(model)).toEqual(original);
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  it('refuses what does not fit before any work', async () => {
    const model = perceptron(tf);
    const original = readWeights(model);
    const refused = (
      changed: Partial<TrainModelOptions>,
      data: Parameters<typeof trainModel>[2] = training,
    ) => expect(trainModel(tf, model, data, { ...options, ...changed })).rejects;
    await refused({ epochs: -1 }).toThrow(InvalidArgumentError);
    await refused({ batchSize: 0 }).toThrow(InvalidArgumentError);
    await refused({ weightDecay: Number.NaN }).toThrow(InvalidArgumentError);
    await refused({ learningRate: { initial: 0, final: 0 } }).toThrow(InvalidArgumentError);
    await refused({ optimizer: { kind: 'sgd', momentum: 1 } }).toThrow(/momentum/);
    await refused({ optimizer: { kind: 'lion' } as never }).toThrow(/adam, sgd/);
    await refused({ loss: 'hinge' as never }).toThrow(/Unknown loss/);
    await refused({ masks: new Map([['nobody/kernel', new Uint8Array(1)]]) }).toThrow(/nobody/);
    await refused({ masks: new Map([['first/kernel', new Uint8Array(1)]]) }).toThrow(ShapeMismatchError);
    await refused({ earlyStopping: { patience: 2 } }).toThrow(/validation data/);
    await refused({ earlyStopping: { patience: 0 }, validation }).toThrow(/patience/);
    await refused({ hooks: [{ name: 'a' }, { name: 'a' }] }).toThrow(/same name/);
    await refused({ distillation: { teacher: new Float32Array(3), temperature: 1, weight: 1 } }).toThrow(
      /300 x 3/,
    );
    await refused({ seed: 0.5 }).toThrow(/safe integer/);
    await refused({}, { ...training, labels: new Uint8Array(300).fill(3) }).toThrow(/label/);
    await refused({}, { features: training.features, targets: new Float32Array(5), count: 300 }).toThrow(
      /targets/,
    );
    await refused({}, { batches: [], stepsPerEpoch: 4 }).toThrow(/batchSize/);
    const broken = training.features.map((value, i) => (i === 7 ? Number.NaN : value));
    await refused({}, { ...training, features: broken }).toThrow(/index 7/);
    expect(readWeights(model)).toEqual(original);
    const noisy = tf.sequential({
      layers: [
        tf.layers.gaussianNoise({ stddev: 1, inputShape: [64], name: 'hiss' }),
        tf.layers.dense({ units: 3 }),
      ],
    });
    await expect(trainModel(tf, noisy, training, options)).rejects.toThrow(UnsupportedError);
    await expect(trainModel(tf, noisy, training, options)).rejects.toThrow(/"hiss"/);
    model.dispose();
    noisy.dispose();
  });
});
