import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { evaluateGraph } from '../src/graph/evaluate-graph.ts';
import type { ValueData } from '../src/graph/operators/operator-definition.ts';
import { validateGraph } from '../src/graph/validate-graph.ts';
import { type ImportLayersModelOptions, importLayersModel } from '../src/tfjs.ts';
import { expectClose, floats, integers } from './operator-cases.ts';

const L = tf.layers;

beforeAll(async () => {
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
});

/** Sets every weight to numbers that tell gates, taps and channels apart; variances stay positive. */
function randomizeWeights(model: tf.LayersModel): void {
  for (const [i, weight] of model.weights.entries()) {
    const { data } = floats(100 + i, ...(weight.shape as number[]));
    const positive = weight.name.includes('variance');
    const numbers = Float32Array.from(data, (x) => (positive ? 0.5 + Math.abs(x) : x / 2));
    const tensor = tf.tensor(numbers, weight.shape as number[]);
    weight.write(tensor);
    tensor.dispose();
  }
}

/** Imports a model and compares every output with what TensorFlow.js predicts. */
function compare(
  model: tf.LayersModel,
  options: Partial<ImportLayersModelOptions> & { inputs?: readonly ValueData[]; tolerance?: number } = {},
): void {
  randomizeWeights(model);
  const { batch = 2, inputs, tolerance = 2e-5 } = options;
  const values =
    inputs ?? model.inputs.map(({ shape }, i) => floats(i + 1, batch, ...(shape.slice(1) as number[])));
  const tensors = tf.memory().numTensors;
  const imported = importLayersModel(model, { ...options, batch });
  expect(tf.memory().numTensors).toBe(tensors);
  validateGraph(
    JSON.parse(JSON.stringify(imported.graph)),
    options.customs ? { customs: options.customs } : {},
  );
  const feeds = Object.fromEntries(imported.graph.inputs.map((name, i) => [name, values[i]!]));
  const results = [
    ...evaluateGraph(imported, feeds, options.customs ? { customs: options.customs } : {}).values(),
  ];
  const predicted = tf.tidy(() => {
    const given = values.map(({ data, shape, dtype }) =>
      tf.tensor(data as Float32Array, [...shape], dtype as 'int32'),
    );
    const outputs = [model.predict(given)].flat();
    return outputs.map((each) => ({ shape: each.shape, data: each.dataSync().slice() as Float32Array }));
  });
  expect(results.length).toBe(predicted.length);
  for (const [i, { shape, data }] of predicted.entries()) {
    // Sums of at most 200 products of numbers below 2, in float32 there and in float64 here.
    expectClose(results[i]!, { dtype: 'float32', shape, data }, tolerance);
  }
}

/** A model of one layer behind an input of this shape. */
function single(layer: tf.layers.Layer, shape: readonly number[]): tf.LayersModel {
  const input = tf.input({ shape: [...shape] });
  return tf.model({ inputs: input, outputs: layer.apply(input) as tf.SymbolicTensor });
}

const image = [7, 6, 4];
const sequence = [5, 6];
const PADDINGS = ['same', 'valid'] as const;
const ACTIVATIONS = [
  'linear',
  'relu',
  'relu6',
  'sigmoid',
  'tanh',
  'elu',
  'selu',
  'softplus',
  'softsign',
  'hardSigmoid',
  'swish',
  'mish',
  'softmax',
  'logSoftmax',
  'gelu',
  'gelu_new',
] as const;

const LAYERS: readonly [string, () => tf.layers.Layer, readonly number[]][] = [
  ...ACTIVATIONS.flatMap((activation): [string, () => tf.layers.Layer, readonly number[]][] => [
    [`dense ${activation}`, () => L.dense({ units: 5, activation: activation as 'relu' }), [6]],
    [`activation ${activation}`, () => L.activation({ activation: activation as 'relu' }), image],
  ]),
  ['dense over a sequence', () => L.dense({ units: 3, useBias: false }), sequence],
  ...PADDINGS.flatMap((padding): [string, () => tf.layers.Layer, readonly number[]][] => [
    [
      `conv1d ${padding}`,
      () => L.conv1d({ filters: 3, kernelSize: 3, strides: 2, padding, activation: 'relu' }),
      sequence,
    ],
    [
      `conv2d ${padding}`,
      () => L.conv2d({ filters: 3, kernelSize: [3, 2], strides: [2, 1], padding, activation: 'softmax' }),
      image,
    ],
    [
      `conv2d dilated ${padding}`,
      () => L.conv2d({ filters: 3, kernelSize: 2, dilationRate: 2, padding }),
      image,
    ],
    [
      `conv2dTranspose ${padding}`,
      () => L.conv2dTranspose({ filters: 3, kernelSize: 3, strides: 2, padding }),
      image,
    ],
    [
      `conv2dTranspose gaps ${padding}`,
      () => L.conv2dTranspose({ filters: 2, kernelSize: 2, strides: 3, padding }),
      image,
    ],
    [
      `depthwise ${padding}`,
      () => L.depthwiseConv2d({ kernelSize: 3, strides: 2, depthMultiplier: 2, padding }),
      image,
    ],
    [
      `separable ${padding}`,
      () => L.separableConv2d({ filters: 5, kernelSize: 3, depthMultiplier: 2, padding, activation: 'elu' }),
      image,
    ],
    [`maxPooling1d ${padding}`, () => L.maxPooling1d({ poolSize: 2, strides: 2, padding }), sequence],
    [`averagePooling1d ${padding}`, () => L.averagePooling1d({ poolSize: 3, strides: 2, padding }), sequence],
    [`maxPooling2d ${padding}`, () => L.maxPooling2d({ poolSize: [3, 2], strides: 2, padding }), image],
    [`averagePooling2d ${padding}`, () => L.averagePooling2d({ poolSize: 3, strides: 2, padding }), image],
  ]),
  ['globalAveragePooling1d', () => L.globalAveragePooling1d(), sequence],
  ['globalMaxPooling1d', () => L.globalMaxPooling1d(), sequence],
  ['globalAveragePooling2d', () => L.globalAveragePooling2d({}), image],
  ['globalMaxPooling2d', () => L.globalMaxPooling2d({}), image],
  ['batchNormalization', () => L.batchNormalization({ epsilon: 0.01 }), image],
  ['batchNormalization without gamma', () => L.batchNormalization({ scale: false }), sequence],
  ['batchNormalization without beta', () => L.batchNormalization({ center: false }), [6]],
  ['layerNormalization', () => L.layerNormalization({}), sequence],
  ['layerNormalization without gamma', () => L.layerNormalization({ scale: false }), sequence],
  ['reLU', () => L.reLU({}), image],
  ['reLU with a maximum', () => L.reLU({ maxValue: 0.5 }), image],
  ['leakyReLU', () => L.leakyReLU({ alpha: 0.2 }), image],
  ['elu', () => L.elu({ alpha: 1 }), image],
  ['thresholdedReLU', () => L.thresholdedReLU({ theta: 0.3 }), image],
  ['prelu', () => L.prelu({ sharedAxes: [1, 2] }), image],
  ['softmax', () => L.softmax({ axis: -1 }), image],
  ['flatten', () => L.flatten(), image],
  ['reshape', () => L.reshape({ targetShape: [-1, 3] }), image],
  ['permute', () => L.permute({ dims: [3, 1, 2] }), image],
  ['repeatVector', () => L.repeatVector({ n: 3 }), [4]],
  [
    'zeroPadding2d',
    () =>
      L.zeroPadding2d({
        padding: [
          [1, 0],
          [2, 3],
        ],
      }),
    image,
  ],
  [
    'cropping2D',
    () =>
      L.cropping2D({
        cropping: [
          [1, 2],
          [0, 3],
        ],
      }),
    image,
  ],
  ['upSampling2d', () => L.upSampling2d({ size: [2, 3] }), image],
  ['upSampling2d bilinear', () => L.upSampling2d({ size: [2, 2], interpolation: 'bilinear' }), image],
  ['dropout', () => L.dropout({ rate: 0.5 }), image],
  ['rescaling', () => L.rescaling({ scale: 0.5, offset: -1 }), image],
  [
    'timeDistributed',
    () => L.timeDistributed({ layer: L.dense({ units: 3, activation: 'relu' }) }),
    sequence,
  ],
  [
    'timeDistributed images',
    () => L.timeDistributed({ layer: L.conv2d({ filters: 2, kernelSize: 3 }) }),
    [3, ...image],
  ],
];

describe('a layer computes what TensorFlow.js predicts', () => {
  it.each(LAYERS)('%s', (_, make, shape) => compare(single(make(), shape)));

  const CELLS = { lstm: L.lstm, gru: L.gru, simpleRNN: L.simpleRNN } as Record<
    string,
    (settings: Parameters<typeof L.gru>[0]) => tf.layers.Layer
  >;
  const SETTINGS = [
    {},
    { recurrentActivation: 'sigmoid' },
    { recurrentActivation: 'sigmoid', returnSequences: true },
    { returnSequences: true, goBackwards: true },
    { recurrentActivation: 'sigmoid', returnSequences: true, goBackwards: true, useBias: false },
    { recurrentActivation: 'sigmoid', returnState: true },
    { activation: 'relu', returnState: true, returnSequences: true },
  ] as const;

  it.each(Object.keys(CELLS))('%s', (cell) => {
    for (const settings of SETTINGS) {
      const reset = cell === 'gru' ? { resetAfter: false } : {};
      const input = tf.input({ shape: sequence });
      const layer = CELLS[cell]!({ units: 4, ...settings, ...reset } as Parameters<typeof L.gru>[0]);
      const outputs = [layer.apply(input) as tf.SymbolicTensor].flat();
      compare(tf.model({ inputs: input, outputs }));
    }
  });

  it.each(['concat', 'sum', 'mul', 'ave'] as const)('bidirectional %s', (mergeMode) => {
    for (const returnSequences of [false, true]) {
      const layer = L.lstm({ units: 3, returnSequences, recurrentActivation: 'sigmoid' }) as tf.RNN;
      compare(single(L.bidirectional({ layer, mergeMode }), sequence));
    }
  });

  it('embeddings of integers and of whole numbers', () => {
    const indices = integers(1, 'int32', [0, 9], 2, 5);
    const embedding = () => L.embedding({ inputDim: 9, outputDim: 4 });
    const input = tf.input({ shape: [5], dtype: 'int32' });
    compare(tf.model({ inputs: input, outputs: embedding().apply(input) as tf.SymbolicTensor }), {
      inputs: [indices],
    });
    const numbers: ValueData = { dtype: 'float32', shape: [2, 5], data: Float32Array.from(indices.data) };
    compare(single(embedding(), [5]), { inputs: [numbers] });
  });

  it.each(['add', 'multiply', 'average', 'maximum', 'minimum', 'concatenate'] as const)('%s', (kind) => {
    const inputs = [tf.input({ shape: image }), tf.input({ shape: image }), tf.input({ shape: image })];
    compare(tf.model({ inputs, outputs: (L[kind] as typeof L.add)({}).apply(inputs) as tf.SymbolicTensor }));
  });

  it('dot', () => {
    const inputs = [tf.input({ shape: [5] }), tf.input({ shape: [5] })];
    compare(tf.model({ inputs, outputs: L.dot({ axes: -1 }).apply(inputs) as tf.SymbolicTensor }));
  });
});

describe('importLayersModel', () => {
  it('follows sequential models inside of sequential ones', () => {
    const inner = tf.sequential({
      layers: [L.dense({ units: 6, inputShape: [4], activation: 'relu' }), L.dense({ units: 5 })],
    });
    const outer = tf.sequential();
    outer.add(L.dense({ units: 4, inputShape: [3] }));
    outer.add(inner);
    outer.add(L.softmax());
    compare(outer);
    const first = tf.sequential();
    first.add(inner);
    first.add(L.dense({ units: 2 }));
    compare(first);
  });

  it('uses a shared layer and a shared model twice, with one copy of the weights', () => {
    const [a, b] = [tf.input({ shape: [6] }), tf.input({ shape: [6] })];
    const shared = L.dense({ units: 5, activation: 'tanh' });
    const hidden = tf.input({ shape: [5] });
    const nested = tf.model({
      inputs: hidden,
      outputs: L.dense({ units: 4 }).apply(hidden) as tf.SymbolicTensor,
    });
    const sides = [a, b].map((side) => nested.apply(shared.apply(side)) as tf.SymbolicTensor);
    const model = tf.model({
      inputs: [a, b],
      outputs: [L.add().apply(sides) as tf.SymbolicTensor, sides[0]!],
    });
    compare(model);
    expect(importLayersModel(model, { batch: 1 }).graph.constants.length).toBe(4);
  });

  it('keeps an output that is an input, and one that comes twice', () => {
    const input = tf.input({ shape: [3] });
    const dropped = L.dropout({ rate: 0.1 }).apply(input) as tf.SymbolicTensor;
    compare(
      tf.model({
        inputs: input,
        outputs: [dropped, L.dropout({ rate: 0.2 }).apply(dropped) as tf.SymbolicTensor],
      }),
    );
  });

  it('names all layers that are missing, and takes them from the user', () => {
    class Cube extends tf.layers.Layer {
      static className = 'Cube';
      override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
        return [inputs].flat()[0]!.pow(3);
      }
    }
    class Spin extends Cube {
      static override className = 'Spin';
    }
    const model = tf.sequential({
      layers: [L.dense({ units: 3, inputShape: [2] }), new Cube({ name: 'c' }), new Spin({ name: 's' })],
    });
    const missing = () => importLayersModel(model, { batch: 1 });
    expect(missing).toThrow(UnsupportedError);
    expect(missing).toThrow(/"c" \(Cube\), "s" \(Spin\).*customLayers/);
    const x = { input: 0 } as const;
    const square = { operation: 'multiply', a: x, b: x } as const;
    const customs = {
      Cube: {
        infer: ([input]: readonly (ValueData | null | object)[]) => [input as ValueData],
        evaluate: ([input]: readonly (ValueData | null)[], [output]: readonly ValueData[]) => {
          output!.data.set((input!.data as Float32Array).map((each) => each ** 3));
        },
      },
    };
    compare(model, {
      customs,
      customLayers: {
        Cube: (_, inputs, builder) => {
          const expression = { operation: 'multiply', a: square, b: x } as const;
          return builder.add({ kind: 'pointwise', expression }, inputs);
        },
        Spin: (layer, inputs, builder) => {
          return builder.add({ kind: 'custom', operator: 'Cube', attributes: {} }, inputs, {
            name: layer.name,
          });
        },
      },
    });
  });

  it('refuses open sizes, other layouts and impossible batches', () => {
    const open = tf.sequential({ layers: [L.dense({ units: 3, inputShape: [null as never, 2] })] });
    expect(() => importLayersModel(open, { batch: 1 })).toThrow(/leaves a size open/);
    const layer = L.maxPooling2d({ poolSize: 2, strides: 2, dataFormat: 'channelsFirst', name: 'pool' });
    expect(() => importLayersModel(single(layer, image), { batch: 1 })).toThrow(/"pool".*dataFormat/);
    const model = single(L.flatten(), image);
    expect(() => importLayersModel(model, { batch: 0 })).toThrow(InvalidArgumentError);
  });
});
