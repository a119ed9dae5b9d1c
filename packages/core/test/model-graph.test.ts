import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type DenseLayerSpec,
  elementCount,
  graphWeightSpecs,
  InvalidArgumentError,
  type LayerSpec,
  layerOutputShape,
  type ModelGraph,
  UnsupportedError,
  validateModelGraph,
} from '../src/index.ts';

function dense(name: string, inputSize: number, units: number, change: object = {}): DenseLayerSpec {
  return {
    kind: 'dense',
    name,
    inputSize,
    units,
    activation: 'relu',
    kernel: `${name}/kernel`,
    bias: `${name}/bias`,
    inputQuantization: { scale: 0.1, zeroPoint: 0 },
    ...change,
  };
}

function graphOf(layers: readonly LayerSpec[], change: object = {}): ModelGraph {
  return {
    format: 'qedge-model-graph',
    version: 1,
    name: 'digits',
    inputShape: [28, 28, 1],
    outputShape: [10],
    layers,
    ...change,
  };
}

const layers: readonly LayerSpec[] = [
  { kind: 'flatten', name: 'flatten' },
  dense('hidden', 784, 16),
  dense('logits', 16, 10, { bias: null, inputQuantization: null, activation: 'linear' }),
  { kind: 'softmax', name: 'probabilities' },
];

describe('validateModelGraph', () => {
  it('returns a sound graph as it came, also after a trip through JSON', () => {
    const graph = graphOf(layers, { labels: ['0', '1'] });
    expect(validateModelGraph(graph)).toBe(graph);
    expect(validateModelGraph(JSON.parse(JSON.stringify(graph)))).toEqual(graph);
  });

  const [flatten, hidden, logits, softmax] = layers as [LayerSpec, LayerSpec, LayerSpec, LayerSpec];
  const withHidden = (change: object) =>
    graphOf([flatten, dense('hidden', 784, 16, change), logits, softmax]);
  it.each<[string, unknown, RegExp]>([
    ['null', null, /Not a model graph/],
    ['text', 'model', /Not a model graph/],
    [
      'another format',
      graphOf(layers, { format: 'onnx' }),
      /expected format "qedge-model-graph", got "onnx"/,
    ],
    ['no layers', graphOf([]), /at least one layer/],
    ['layers of another kind', graphOf(layers, { layers: {} }), /at least one layer/],
    ['no input shape', graphOf(layers, { inputShape: undefined }), /input and output shapes/],
    ['no output shape', graphOf(layers, { outputShape: 10 }), /input and output shapes/],
    ['a negative size', graphOf(layers, { inputShape: [-28, 28, 1] }), /not a size/],
    ['a fractional size', graphOf(layers, { inputShape: [28, 28.5] }), /not a size/],
    ['an empty input', graphOf([flatten], { inputShape: [28, 0] }), /cannot be empty/],
    ['a layer that is null', graphOf([null as unknown as LayerSpec]), /not a layer/],
    ['a layer without a name', graphOf([{ kind: 'flatten', name: '' }]), /needs a name/],
    ['two layers with one name', graphOf([flatten, flatten]), /share a name: got flatten/],
    [
      'layers that do not fit',
      graphOf([flatten, logits]),
      /"logits" does not fit its input: expected \[16\], got \[784\]/,
    ],
    ['a missing flatten', graphOf([hidden, logits]), /"hidden" does not fit its input/],
    [
      'another output shape',
      graphOf(layers, { outputShape: [11] }),
      /stated output shape: expected \[11\], got \[10\]/,
    ],
    ['zero units', withHidden({ units: 0 }), /impossible size/],
    ['fractional units', withHidden({ units: 1.5 }), /impossible size/],
    ['a kernel without a name', withHidden({ kernel: undefined }), /does not name its weights/],
    ['a bias that is neither name nor null', withHidden({ bias: undefined }), /does not name its weights/],
    ['a scale of 0', withHidden({ inputQuantization: { scale: 0, zeroPoint: 0 } }), /quantisation/],
    [
      'a scale of NaN',
      withHidden({ inputQuantization: { scale: Number.NaN, zeroPoint: 0 } }),
      /quantisation/,
    ],
    ['a zero point of 256', withHidden({ inputQuantization: { scale: 1, zeroPoint: 256 } }), /quantisation/],
    [
      'a fractional zero point',
      withHidden({ inputQuantization: { scale: 1, zeroPoint: 0.5 } }),
      /quantisation/,
    ],
    ['quantisation left out', withHidden({ inputQuantization: undefined }), /quantisation/],
  ])('refuses %s', (_what, graph, message) => {
    expect(() => validateModelGraph(graph)).toThrow(InvalidArgumentError);
    expect(() => validateModelGraph(graph)).toThrow(message);
  });

  it.each<[string, unknown, RegExp]>([
    ['a newer version', graphOf(layers, { version: 2 }), /expected 1, got 2/],
    [
      'an unknown layer kind',
      graphOf([flatten, { kind: 'conv2d', name: 'c1' } as unknown as LayerSpec]),
      /Unknown layer kind in "c1": expected dense, flatten, softmax, got conv2d/,
    ],
    ['an unknown activation', withHidden({ activation: 'gelu' }), /Unknown activation in layer "hidden"/],
  ])('says that %s is unsupported', (_what, graph, message) => {
    expect(() => validateModelGraph(graph)).toThrow(UnsupportedError);
    expect(() => validateModelGraph(graph)).toThrow(message);
  });

  it('accepts every chain of dense layers that fits and refuses it once a link is broken', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 2, maxLength: 6 });
    fc.assert(
      fc.property(sizes, (widths) => {
        const chain = widths.slice(1).map((units, i) => dense(`layer${i}`, widths[i]!, units));
        const ends = { inputShape: [widths[0]], outputShape: [widths.at(-1)] };
        expect(validateModelGraph(graphOf(chain, ends)).layers).toHaveLength(chain.length);
        const broken = chain.with(0, { ...chain[0]!, inputSize: widths[0]! + 1 });
        expect(() => validateModelGraph(graphOf(broken, ends))).toThrow(InvalidArgumentError);
      }),
      { seed: 1 },
    );
  });
});

describe('layerOutputShape', () => {
  it('flattens any shape without losing elements', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 4 }), (shape) => {
        expect(layerOutputShape({ kind: 'flatten', name: 'f' }, shape)).toEqual([elementCount(shape)]);
      }),
      { seed: 1 },
    );
  });

  it('leaves shapes alone at a softmax, which needs an axis', () => {
    expect(layerOutputShape({ kind: 'softmax', name: 's' }, [3, 4])).toEqual([3, 4]);
    expect(() => layerOutputShape({ kind: 'softmax', name: 's' }, [])).toThrow(InvalidArgumentError);
  });
});

describe('graphWeightSpecs', () => {
  it('lists kernels and biases in order of execution', () => {
    expect(graphWeightSpecs(graphOf(layers))).toEqual([
      { name: 'hidden/kernel', dtype: 'float32', shape: [784, 16] },
      { name: 'hidden/bias', dtype: 'float32', shape: [16] },
      { name: 'logits/kernel', dtype: 'float32', shape: [16, 10] },
    ]);
  });
});
