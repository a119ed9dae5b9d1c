import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import type { LayersModel } from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { listKernels } from '../../src/model/kernel-weight.ts';
import { buildModel, nameWeights, readTopology } from '../../src/tfjs.ts';
import { loadTensorflow } from '../tensorflow.ts';

const tf = await loadTensorflow('cpu');

function perceptron(): LayersModel {
  const model = tf.sequential({ name: 'perceptron' });
  model.add(tf.layers.dense({ units: 5, inputShape: [4], activation: 'relu', name: 'first' }));
  model.add(tf.layers.dense({ units: 3, useBias: false, name: 'second' }));
  return model;
}

function residual(): LayersModel {
  const input = tf.input({ shape: [6, 6, 2], name: 'image' });
  const stem = tf.layers.conv2d({ filters: 4, kernelSize: 3, padding: 'same', name: 'stem' }).apply(input);
  const norm = tf.layers.batchNormalization({ name: 'norm' }).apply(stem);
  const depthwise = tf.layers
    .depthwiseConv2d({ kernelSize: 3, padding: 'same', depthMultiplier: 2, name: 'depthwise' })
    .apply(norm);
  const point = tf.layers.conv2d({ filters: 4, kernelSize: 1, name: 'point' }).apply(depthwise);
  const sum = tf.layers.add({ name: 'sum' }).apply([point, norm] as never);
  const flat = tf.layers.flatten({ name: 'flat' }).apply(sum);
  const head = tf.layers.dense({ units: 3, name: 'head' }).apply(flat);
  return tf.model({ inputs: input, outputs: [head, sum] as never, name: 'residual' });
}

/** A perceptron that is used twice, beside a Sequential within a Sequential. */
function nested(): LayersModel {
  const shared = perceptron();
  const inner = tf.sequential({ name: 'inner' });
  inner.add(tf.layers.dense({ units: 4, inputShape: [3], name: 'deep' }));
  const outer = tf.sequential({ name: 'outer' });
  outer.add(tf.layers.dense({ units: 3, inputShape: [3], name: 'entry' }));
  outer.add(inner);
  outer.add(tf.layers.dense({ units: 2, name: 'last' }));
  const [a, b] = [tf.input({ shape: [4], name: 'a' }), tf.input({ shape: [4], name: 'b' })];
  const left = shared.apply(a) as never;
  const right = shared.apply(b) as never;
  const joined = tf.layers.concatenate({ name: 'join' }).apply([left, outer.apply(right) as never]);
  return tf.model({ inputs: [a, b], outputs: joined as never, name: 'nested' });
}

function recurrent(): LayersModel {
  const model = tf.sequential({ name: 'recurrent' });
  model.add(
    tf.layers.bidirectional({
      layer: tf.layers.lstm({ units: 3, returnSequences: true }) as never,
      inputShape: [5, 2],
      mergeMode: 'concat',
      name: 'both',
    }),
  );
  model.add(tf.layers.globalAveragePooling1d({ name: 'pool' }));
  return model;
}

function separable(): LayersModel {
  const layers = [
    tf.layers.separableConv2d({
      filters: 3,
      kernelSize: 3,
      depthMultiplier: 2,
      inputShape: [6, 6, 2],
      name: 'both',
    }),
    tf.layers.globalAveragePooling2d({ name: 'pool' }) as never,
  ];
  return tf.sequential({ layers, name: 'separable' });
}

function outputsOf(model: LayersModel): Float32Array[] {
  return tf.tidy(() => {
    const inputs = model.inputs.map(({ shape }, at) =>
      tf.randomNormal([2, ...(shape.slice(1) as number[])], 0, 1, 'float32', 7 + at),
    );
    const outputs = model.predict(inputs.length === 1 ? inputs[0]! : inputs);
    return [outputs].flat().map((tensor) => tensor.dataSync() as Float32Array);
  });
}

describe.each(Object.entries({ perceptron, residual, nested, recurrent, separable }))('%s', (_, make) => {
  test('a model made of its topology computes the same, and leaves no tensor behind', () => {
    const before = tf.memory().numTensors;
    const model = make();
    const topology = readTopology(model);
    const copy = buildModel(tf, topology);
    expect(outputsOf(copy)).toEqual(outputsOf(model));
    const again = readTopology(copy);
    expect(again.layers.map(({ name, weights, calls }) => ({ name, weights, calls: calls.length }))).toEqual(
      topology.layers.map(({ name, weights, calls }) => ({ name, weights, calls: calls.length })),
    );
    expect(nameWeights(model).map(({ name }) => name)).toEqual(
      topology.layers.flatMap(({ weights }) => weights.map(({ name }) => name)),
    );
    copy.dispose();
    model.dispose();
    // tfjs does not dispose the layers of nested models that are used more than once; the copy has none.
    if (make !== nested) expect(tf.memory().numTensors).toBe(before);
  });
});

test('nested models are inlined, and a shared layer has one call for each use', () => {
  const { layers } = readTopology(nested());
  expect(layers.map(({ name, calls }) => [name, calls.length])).toEqual([
    ['a', 1],
    ['b', 1],
    ['perceptron/first', 2],
    ['perceptron/second', 2],
    ['outer/entry', 1],
    ['outer/inner/deep', 1],
    ['outer/last', 1],
    ['join', 1],
  ]);
});

test('a model that was built gives its shared layers up with the rest', () => {
  const model = nested();
  const topology = readTopology(model);
  const before = tf.memory().numTensors;
  const built = buildModel(tf, topology);
  expect(tf.memory().numTensors).toBeGreaterThan(before);
  built.dispose();
  expect(tf.memory().numTensors).toBe(before);
  const [input, ...others] = topology.layers;
  const broken = others.map((layer, at) => (at === others.length - 2 ? { ...layer, weights: [] } : layer));
  expect(() => buildModel(tf, { ...topology, layers: [input!, ...broken] })).toThrow(ShapeMismatchError);
  expect(tf.memory().numTensors).toBe(before);
});

test('kernels are matrices with the outputs last', () => {
  expect(
    listKernels(readTopology(residual())).map(({ weight, rows, outputs }) => [weight.name, rows, outputs]),
  ).toEqual([
    ['stem/kernel', 18, 4],
    ['depthwise/depthwise_kernel', 9, 8],
    ['point/kernel', 8, 4],
    ['head/kernel', 144, 3],
  ]);
});

test('weights that do not fit, and references to nothing, are refused', () => {
  const topology = readTopology(perceptron());
  const [input, first, second] = topology.layers;
  const wider = { ...first!, config: { ...first!.config, units: 6 } };
  expect(() => buildModel(tf, { ...topology, layers: [input!, wider, second!] })).toThrow(ShapeMismatchError);
  expect(() => buildModel(tf, { ...topology, layers: [input!, second!] })).toThrow(InvalidArgumentError);
});
