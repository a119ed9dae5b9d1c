import {
  CancelledError,
  InvalidArgumentError,
  NonFiniteValueError,
  Random,
  ShapeMismatchError,
  systemClock,
  UnsupportedError,
} from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { depthwiseDigitsNetwork, residualDigitsNetwork } from '../../bench/networks.mjs';
import type { ModelTopology } from '../../src/model/model-topology.ts';
import { WorkTurns } from '../../src/post-training/work-turns.ts';
import { buildDependencyGraph } from '../../src/structured/dependency-graph.ts';
import { pruneChannels } from '../../src/structured/prune-channels.ts';
import { keepAllBut, removeChannels } from '../../src/structured/remove-channels.ts';
import { solvePositiveDefinite } from '../../src/structured/solve-positive-definite.ts';
import { buildModel, readTopology, reconstructOutputs } from '../../src/tfjs.ts';
import { loadTensorflow } from '../tensorflow.ts';
import { RandomNetwork, randomizeWeights } from './random-network.ts';

const tf = await loadTensorflow('cpu');

function drawSamples(count: number, size: number, seed: number) {
  const random = new Random(seed);
  return { features: Float32Array.from({ length: count * size }, () => random.normal()), count };
}

function predict(topology: ModelTopology, { features, count }: { features: Float32Array; count: number }) {
  const model = buildModel(tf, topology);
  const values = tf.tidy(() => {
    const images = tf.tensor(features, [count, ...(model.inputs[0]!.shape.slice(1) as number[])]);
    return [model.predict(images)].flat()[0]!.dataSync<'float32'>().slice();
  });
  model.dispose();
  return values;
}

const squaredError = (left: Float32Array, right: Float32Array) =>
  left.reduce((sum, value, at) => sum + (value - right[at]!) ** 2, 0);

const weightOf = ({ layers }: ModelTopology, name: string) =>
  layers.flatMap(({ weights }) => weights).find((weight) => weight.name === name)!;

/** 5 inputs, 6 hidden units, 3 outputs. */
function perceptron(): ModelTopology {
  const model = tf.sequential();
  model.add(tf.layers.dense({ name: 'hidden', units: 6, inputShape: [5], activation: 'relu' }));
  model.add(tf.layers.dense({ name: 'last', units: 3, activation: 'tanh' }));
  const topology = randomizeWeights(readTopology(model), 5);
  model.dispose();
  return topology;
}

/** What the hidden units of {@link perceptron} give, `[count, 6]`, in double precision. */
function hiddenUnits(
  topology: ModelTopology,
  { features, count }: { features: Float32Array; count: number },
) {
  const [kernel, bias] = [weightOf(topology, 'hidden/kernel').data, weightOf(topology, 'hidden/bias').data];
  return Float64Array.from({ length: count * 6 }, (_, at) => {
    const [sample, unit] = [Math.floor(at / 6), at % 6];
    let sum = bias[unit]!;
    for (let input = 0; input < 5; input++) sum += features[sample * 5 + input]! * kernel[input * 6 + unit]!;
    return Math.max(0, sum);
  });
}

describe('reconstructing outputs', () => {
  test('meets the normal equations of damped least squares with a free bias', async () => {
    const topology = perceptron();
    const samples = drawSamples(400, 5, 6);
    const graph = buildDependencyGraph(topology);
    const kept = keepAllBut(graph, new Map([['hidden', [1, 4]]]));
    const smaller = await reconstructOutputs(tf, topology, { graph, kept }, samples);
    expect(weightOf(smaller, 'last/kernel').shape).toEqual([4, 3]);
    const left = [0, 2, 3, 5];
    const hidden = hiddenUnits(topology, samples);
    const sumsOf = (weights: ModelTopology, units: readonly number[]) => {
      const [kernel, bias] = [weightOf(weights, 'last/kernel').data, weightOf(weights, 'last/bias').data];
      return (sample: number, output: number) =>
        units.reduce(
          (sum, unit, at) => sum + hidden[sample * 6 + unit]! * kernel[at * 3 + output]!,
          bias[output]!,
        );
    };
    const [before, after] = [sumsOf(topology, [0, 1, 2, 3, 4, 5]), sumsOf(smaller, left)];
    const mean = (of: (sample: number) => number) =>
      Array.from({ length: 400 }, (_, sample) => of(sample)).reduce((sum, value) => sum + value, 0) / 400;
    const means = left.map((unit) => mean((sample) => hidden[sample * 6 + unit]!));
    const variances = left.map((unit, at) =>
      mean((sample) => (hidden[sample * 6 + unit]! - means[at]!) ** 2),
    );
    const damping = 0.01 * (variances.reduce((sum, value) => sum + value, 0) / 4);
    for (let output = 0; output < 3; output++) {
      const error = (sample: number) => after(sample, output) - before(sample, output);
      // Sums in single precision: 400 terms of about 1.
      expect(Math.abs(mean(error))).toBeLessThan(1e-5);
      left.forEach((unit, at) => {
        const moved =
          weightOf(smaller, 'last/kernel').data[at * 3 + output]! -
          weightOf(topology, 'last/kernel').data[unit * 3 + output]!;
        const slope = mean((sample) => (hidden[sample * 6 + unit]! - means[at]!) * error(sample));
        expect(Math.abs(slope + damping * moved)).toBeLessThan(1e-5);
      });
    }
  });

  test('makes up for channels that have a twin, through convolutions, normalisations and additions', async () => {
    for (const [build, maker, norm] of [
      [residualDigitsNetwork, 'block_2_a', 'block_2_a_norm'],
      [depthwiseDigitsNetwork, 'point_3', 'point_3_norm'],
    ] as const) {
      const model = build(tf, 0);
      const drawn = randomizeWeights(readTopology(model), 8);
      model.dispose();
      // Channel 1 becomes a copy of channel 0.
      const layers = drawn.layers.map((layer) => {
        if (layer.name !== maker && layer.name !== norm) return layer;
        const weights = layer.weights.map((weight) => {
          const channels = weight.shape.at(-1)!;
          const data = weight.data.map((value, at) => (at % channels === 1 ? weight.data[at - 1]! : value));
          return { ...weight, data };
        });
        return { ...layer, weights };
      });
      const topology = { ...drawn, layers };
      const samples = drawSamples(8, 784, 9);
      const graph = buildDependencyGraph(topology);
      const kept = keepAllBut(graph, new Map([[maker, [1]]]));
      const expected = predict(topology, samples);
      const plain = squaredError(predict(removeChannels(topology, graph, kept), samples), expected);
      const smaller = await reconstructOutputs(tf, topology, { graph, kept }, samples);
      expect(plain).toBeGreaterThan(0);
      expect(squaredError(predict(smaller, samples), expected)).toBeLessThan(0.02 * plain);
    }
  });

  test('makes up for channels that one-dimensional convolutions read, whatever their windows', async () => {
    const { conv1d, flatten } = tf.layers;
    for (const window of [{ strides: 2, padding: 'same' }, { dilationRate: 2 }] as const) {
      const first = { name: 'first', inputShape: [16, 4], filters: 8, kernelSize: 3 };
      const model = tf.sequential({
        layers: [
          conv1d({ ...first, activation: 'relu' }) as never,
          conv1d({ name: 'second', filters: 6, kernelSize: 3, ...window }) as never,
          flatten() as never,
        ],
      });
      const topology = randomizeWeights(readTopology(model), 2);
      model.dispose();
      const samples = drawSamples(60, 64, 3);
      const graph = buildDependencyGraph(topology);
      const kept = keepAllBut(graph, new Map([['first', [1, 4]]]));
      const expected = predict(topology, samples);
      const plain = squaredError(predict(removeChannels(topology, graph, kept), samples), expected);
      const smaller = await reconstructOutputs(tf, topology, { graph, kept }, samples);
      // Least squares over the very samples: no other weights of the layer do better, and those of a wrong window do far worse.
      expect(squaredError(predict(smaller, samples), expected)).toBeLessThan(0.7 * plain);
    }
  });

  test('gives the shapes of plain removal on random networks, finite outputs, and leaves no tensor', async () => {
    const property = async (choices: readonly number[], sparsity: number) => {
      const model = new RandomNetwork(tf, choices).build();
      const topology = randomizeWeights(readTopology(model), 3);
      model.dispose();
      const { topology: plain, removal } = pruneChannels(topology, { target: { sparsity } });
      const samples = drawSamples(6, 32, 4);
      const tensors = tf.memory().numTensors;
      const smaller = await reconstructOutputs(tf, topology, removal, samples);
      expect(tf.memory().numTensors).toBe(tensors);
      const shapesOf = ({ layers }: ModelTopology) =>
        layers.map(({ calls, config, weights }) => [calls, config, weights.map(({ shape }) => shape)]);
      expect(shapesOf(smaller)).toEqual(shapesOf(plain));
      expect(predict(smaller, samples).every(Number.isFinite)).toBe(true);
    };
    const choices = fc.array(fc.nat(59), { minLength: 2, maxLength: 30 });
    await fc.assert(fc.asyncProperty(choices, fc.double({ min: 0.1, max: 0.7, noNaN: true }), property), {
      seed: 9,
      numRuns: 15,
    });
  });

  test('keeps weights when nothing goes, and when the inputs are dead', async () => {
    const topology = perceptron();
    const graph = buildDependencyGraph(topology);
    const all = new Uint8Array(graph.channelCount).fill(1);
    const samples = drawSamples(4, 5, 1);
    const same = await reconstructOutputs(tf, topology, { graph, kept: all }, samples);
    expect(same.layers.map(({ weights }) => weights)).toEqual(topology.layers.map(({ weights }) => weights));
    weightOf(topology, 'hidden/bias').data.fill(-1);
    const kept = keepAllBut(graph, new Map([['hidden', [0]]]));
    const dead = { features: new Float32Array(20), count: 4 };
    const smaller = await reconstructOutputs(tf, topology, { graph, kept }, dead);
    expect(weightOf(smaller, 'last/kernel').data).toEqual(weightOf(topology, 'last/kernel').data.slice(3));
    expect(weightOf(smaller, 'last/bias').data).toEqual(weightOf(topology, 'last/bias').data);
  });

  test('refuses what does not fit, and stops when cancelled', async () => {
    const topology = perceptron();
    const graph = buildDependencyGraph(topology);
    const kept = keepAllBut(graph, new Map([['hidden', [0]]]));
    const samples = drawSamples(4, 5, 1);
    const reconstruct = (change: Partial<typeof samples>, channels = kept, signal?: AbortSignal) =>
      reconstructOutputs(
        tf,
        topology,
        { graph, kept: channels },
        { ...samples, ...change },
        signal && { signal },
      );
    await expect(reconstruct({ count: 0 })).rejects.toThrow(InvalidArgumentError);
    await expect(reconstruct({ count: 3 })).rejects.toThrow(ShapeMismatchError);
    await expect(reconstruct({}, kept.slice(1))).rejects.toThrow(ShapeMismatchError);
    await expect(reconstruct({ features: samples.features.fill(Number.NaN) })).rejects.toThrow(
      NonFiniteValueError,
    );
    samples.features.fill(1);
    const outputs = keepAllBut(graph, new Map([['last', [0]]]));
    await expect(reconstruct({}, outputs)).rejects.toThrow(UnsupportedError);
    await expect(reconstruct({}, kept, AbortSignal.abort())).rejects.toThrow(CancelledError);
    weightOf(topology, 'hidden/kernel').data.fill(1e30);
    const tensors = tf.memory().numTensors;
    await expect(reconstruct({})).rejects.toThrow(NonFiniteValueError);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});

describe('solving with a positive definite matrix', () => {
  const turns = new WorkTurns('Solving', undefined);

  test('gives what the matrix takes back to the right side', async () => {
    const random = new Random(2);
    for (const n of [0, 1, 2, 7, 40]) {
      const root = Float64Array.from({ length: n * n }, () => random.normal());
      const matrix = Float64Array.from({ length: n * n }, (_, at) => {
        const [row, column] = [Math.floor(at / n), at % n];
        let sum = row === column ? 1 : 0;
        for (let k = 0; k < n; k++) sum += root[row * n + k]! * root[column * n + k]!;
        return sum;
      });
      const right = Float64Array.from({ length: n * 3 }, () => random.normal());
      const solution = (await solvePositiveDefinite(matrix, right, 3, turns))!;
      right.forEach((value, at) => {
        const [row, column] = [Math.floor(at / 3), at % 3];
        let sum = 0;
        for (let k = 0; k < n; k++) sum += matrix[row * n + k]! * solution[k * 3 + column]!;
        expect(sum).toBeCloseTo(value, 9);
      });
    }
  });

  test('answers null for other matrices', async () => {
    const right = Float64Array.of(1, 1);
    for (const matrix of [
      [1, 2, 2, 1],
      [1, 1, 1, 1],
      [0, 0, 0, 1],
      [-1, 0, 0, 1],
      [Number.NaN, 0, 0, 1],
      [Number.POSITIVE_INFINITY, 0, 0, 1],
    ])
      expect(await solvePositiveDefinite(Float64Array.from(matrix), right, 1, turns)).toBeNull();
    await expect(solvePositiveDefinite(Float64Array.of(1), right, 1, turns)).rejects.toThrow(
      ShapeMismatchError,
    );
  });

  test('gives way to a timer that cancels', async () => {
    const n = 20;
    let ms = 0;
    const hurried = { ...systemClock, nowMs: () => (ms += 60), sleep: () => systemClock.sleep(1) };
    const matrix = Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 2 : 0));
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 5);
    const cancelled = new WorkTurns('Solving', controller.signal, hurried);
    await expect(solvePositiveDefinite(matrix, new Float64Array(n), 1, cancelled)).rejects.toThrow(
      CancelledError,
    );
  });
});
