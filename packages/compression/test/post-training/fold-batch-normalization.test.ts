import type * as tensorflow from '@tensorflow/tfjs';
import type { LayersModel, SymbolicTensor } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { readTopology } from '../../src/model/read-topology.ts';
import { foldBatchNormalization } from '../../src/post-training/fold-batch-normalization.ts';
import { loadTensorflow } from '../tensorflow.ts';
import { outputsOf, randomInputs, randomizeWeights, relativeDifference } from './networks.ts';

let tf: typeof tensorflow;
beforeAll(async () => {
  tf = await loadTensorflow('cpu');
});

/** A chain of layers behind an input of 7 x 6 pixels and 3 channels, with random weights. */
function chain(...layers: tensorflow.layers.Layer[]): LayersModel {
  const input = tf.input({ shape: [7, 6, 3] });
  const outputs = layers.reduce<SymbolicTensor>((x, layer) => layer.apply(x) as SymbolicTensor, input);
  return randomizeWeights(tf, tf.model({ inputs: input, outputs }), 1);
}

const norm = (name = 'norm', settings = {}) => tf.layers.batchNormalization({ name, ...settings });
const convolution = (settings = {}) =>
  tf.layers.conv2d({ name: 'convolution', filters: 4, kernelSize: 3, padding: 'same', ...settings });

/** Folds, checks that the outputs stay, and gives back what was reported. */
function foldAndCompare(model: LayersModel) {
  const topology = readTopology(model);
  const folding = foldBatchNormalization(topology);
  const inputs = randomInputs(tf, model, 3, 2);
  const difference = relativeDifference(
    outputsOf(tf, folding.topology, inputs),
    outputsOf(tf, topology, inputs),
  );
  expect(difference).toBeLessThan(1e-5);
  const left = folding.topology.layers.filter(({ className }) => className === 'BatchNormalization');
  expect(left.map(({ name }) => name)).toEqual(folding.kept.map(({ normalization }) => normalization));
  tf.dispose(inputs);
  model.dispose();
  return folding;
}

describe('foldBatchNormalization', () => {
  const before = { normalization: 'norm', neighbour: 'before' };

  it('moves a normalisation into the convolution before it, with and without a bias', () => {
    for (const useBias of [true, false]) {
      const { folded, kept, topology } = foldAndCompare(chain(convolution({ useBias }), norm()));
      expect(folded).toEqual([{ ...before, into: 'convolution' }]);
      expect(kept).toEqual([]);
      expect(topology.layers.map(({ className }) => className)).toEqual(['InputLayer', 'Conv2D']);
      expect(topology.layers[1].weights.map(({ name }) => name)).toEqual([
        'convolution/kernel',
        'convolution/bias',
      ]);
    }
  });

  it.each<[string, () => tensorflow.layers.Layer]>([
    ['depthwise', () => tf.layers.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, strides: 2 })],
    ['separable', () => tf.layers.separableConv2d({ filters: 5, kernelSize: 3 })],
    ['transposed', () => tf.layers.conv2dTranspose({ filters: 5, kernelSize: 3, strides: 2 })],
    ['dense', () => tf.layers.dense({ units: 5 })],
  ])('moves a normalisation into a %s layer', (_, layer) => {
    const { folded } = foldAndCompare(chain(layer(), norm(), tf.layers.reLU()));
    expect(folded).toMatchObject([before]);
  });

  it('moves normalisations without scale or centre, and one after the other', () => {
    const { folded } = foldAndCompare(
      chain(convolution(), norm('first', { scale: false }), norm('second', { center: false })),
    );
    expect(folded.map(({ normalization, into }) => [normalization, into])).toEqual([
      ['first', 'convolution'],
      ['second', 'convolution'],
    ]);
  });

  it('moves a normalisation into the layer behind it where no zeros are padded', () => {
    const behind: [tensorflow.layers.Layer, boolean][] = [
      [convolution({ padding: 'valid' }), true],
      [convolution({ kernelSize: 1 }), true],
      [convolution(), false],
      [tf.layers.depthwiseConv2d({ kernelSize: 2, depthMultiplier: 2, padding: 'valid' }), true],
      [tf.layers.depthwiseConv2d({ kernelSize: 2, padding: 'same' }), false],
      [tf.layers.separableConv2d({ filters: 2, kernelSize: 2, padding: 'valid' }), false],
    ];
    for (const [layer, isFolded] of behind) {
      const { folded } = foldAndCompare(chain(norm(), layer));
      expect(folded.map(({ neighbour }) => neighbour)).toEqual(isFolded ? ['behind'] : []);
    }
  });

  it('moves a normalisation through a flatten layer', () => {
    const { folded } = foldAndCompare(
      chain(norm(), tf.layers.flatten(), tf.layers.dense({ units: 4, name: 'dense' })),
    );
    expect(folded).toEqual([{ normalization: 'norm', into: 'dense', neighbour: 'behind' }]);
  });

  it('keeps a padded normalisation only while it shifts', () => {
    const model = chain(norm('norm', { center: false }), convolution());
    const layer = model.layers[1];
    const [gamma, , variance] = layer.getWeights();
    layer.setWeights([gamma, tf.zeros([3]), variance]);
    expect(foldAndCompare(model).folded).toHaveLength(1);
  });

  it('says why it keeps a normalisation', () => {
    const reasonsOf = (model: LayersModel) => foldAndCompare(model).kept.map(({ reason }) => reason);
    expect(reasonsOf(chain(convolution({ activation: 'relu' }), norm()))).toEqual([
      expect.stringContaining('"convolution" before it has an activation'),
    ]);
    expect(reasonsOf(chain(tf.layers.reLU({ name: 'relu' }), norm()))).toEqual([
      expect.stringContaining('"relu", is no dense or convolution layer'),
    ]);
    expect(reasonsOf(chain(convolution(), norm('norm', { axis: 2 })))).toEqual([
      'it does not normalise the last axis',
    ]);
    expect(reasonsOf(forked())).toEqual([expect.stringContaining('is also read elsewhere')]);
    expect(reasonsOf(shared('norm'))).toEqual(['it is shared between several places']);
    expect(reasonsOf(shared('convolution'))).toEqual([expect.stringContaining('is shared between several')]);
  });

  it('keeps a normalisation of a channel whose variance and epsilon are zero', () => {
    const model = chain(convolution(), norm('norm', { epsilon: 1e-3 }));
    const topology = readTopology(model);
    model.dispose();
    const layers = topology.layers.map((layer) => {
      if (layer.name !== 'norm') return layer;
      const weights = layer.weights.map((weight) =>
        weight.role === 'moving_variance' ? { ...weight, data: new Float32Array(4) } : weight,
      );
      return { ...layer, weights, config: { ...layer.config, epsilon: 0 } };
    });
    const { kept } = foldBatchNormalization({ ...topology, layers });
    expect(kept).toEqual([{ normalization: 'norm', reason: 'its scale or shift is not finite' }]);
  });

  it('folds channels of zero variance or zero gamma', () => {
    const model = chain(convolution(), norm());
    const layer = model.layers[2];
    const [, beta, mean] = layer.getWeights();
    layer.setWeights([tf.tensor1d([0, 1, 0, 2]), beta, mean, tf.tensor1d([0, 0, 1, 1])]);
    expect(foldAndCompare(model).folded).toHaveLength(1);
  });

  it('leaves the topology that it reads alone', () => {
    const model = chain(convolution(), norm());
    const topology = readTopology(model);
    const kernel = topology.layers[1].weights[0].data.slice();
    foldBatchNormalization(topology);
    expect(topology.layers).toHaveLength(3);
    expect(topology.layers[1].weights[0].data).toEqual(kernel);
    model.dispose();
  });
});

/** A convolution that a normalisation and an addition read. */
function forked(): LayersModel {
  const input = tf.input({ shape: [7, 6, 3] });
  const x = convolution().apply(input) as SymbolicTensor;
  const y = norm().apply(x) as SymbolicTensor;
  return randomizeWeights(
    tf,
    tf.model({ inputs: input, outputs: tf.layers.add().apply([x, y]) as SymbolicTensor }),
    1,
  );
}

/** Two branches that share a layer. */
function shared(which: 'norm' | 'convolution'): LayersModel {
  const inputs = [tf.input({ shape: [7, 6, 3] }), tf.input({ shape: [7, 6, 3] })];
  const [first, second] = [convolution(), convolution({ name: 'other' })];
  const common = norm();
  const branches =
    which === 'norm'
      ? [common.apply(first.apply(inputs[0])), common.apply(second.apply(inputs[1]))]
      : [common.apply(first.apply(inputs[0])), first.apply(inputs[1])];
  const outputs = tf.layers.add().apply(branches as SymbolicTensor[]) as SymbolicTensor;
  return randomizeWeights(tf, tf.model({ inputs, outputs }), 1);
}
