import { InvalidArgumentError, Random, ShapeMismatchError } from '@qedge/core';
import type { SymbolicTensor } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  applyMasks,
  computeQuantizationParameters,
  createCompressionReport,
  dequantizeTensor,
  formatCompressionReport,
  kernelValues,
  magnitudeScores,
  maskBySparsity,
  quantizeTensor,
} from '../../src/index.ts';
import {
  type CompressedModel,
  listKernels,
  type ModelTopology,
  readTopology,
  type Tensorflow,
} from '../../src/tfjs.ts';
import { loadTensorflow } from '../tensorflow.ts';

let tf: Tensorflow;
let original: ModelTopology;
let compressed: CompressedModel;

/** Convolution, normalisation, dense: 3 x 3 x 1 x 4 + 4, 16, 64 x 3 + 3 parameters. */
function smallNetwork(): ModelTopology {
  const input = tf.input({ shape: [4, 4, 1] });
  const padding = 'same' as const;
  const initializer = tf.initializers.randomNormal({ seed: 7 });
  let x = tf.layers
    .conv2d({ name: 'conv', filters: 4, kernelSize: 3, padding, kernelInitializer: initializer })
    .apply(input);
  x = tf.layers.batchNormalization({ name: 'norm' }).apply(x as SymbolicTensor);
  x = tf.layers.flatten().apply(x as SymbolicTensor);
  x = tf.layers.dense({ name: 'dense', units: 3, kernelInitializer: initializer }).apply(x as SymbolicTensor);
  const model = tf.model({ inputs: input, outputs: x as SymbolicTensor });
  const topology = readTopology(model);
  model.dispose();
  return topology;
}

/** Half of the weights removed, the dense kernel in 4 bits with 8-bit inputs. */
function compress(topology: ModelTopology): CompressedModel {
  const scores = magnitudeScores(kernelValues(topology));
  const pruned = applyMasks(topology, maskBySparsity(scores, { sparsity: 0.5, scope: 'layer' }));
  const { weight, rows, outputs } = listKernels(pruned).find(({ layer }) => layer.name === 'dense')!;
  const shape = [rows, outputs];
  const options = { bits: 4, symmetric: true, axis: 1, method: 'min-max' } as const;
  const quantization = computeQuantizationParameters(weight.data, shape, options);
  const codes = quantizeTensor(weight.data, shape, quantization);
  const data = dequantizeTensor(codes, shape, quantization);
  const layers = pruned.layers.map((layer) => ({
    ...layer,
    weights: layer.weights.map((other) => (other === weight ? { ...other, data } : other)),
  }));
  return {
    topology: { ...pruned, layers },
    codes: new Map([[weight.name, { codes, quantization }]]),
    inputs: new Map([['dense', { scale: 0.1, zeroPoint: 0 }]]),
  };
}

beforeAll(async () => {
  tf = await loadTensorflow('cpu');
  original = smallNetwork();
  compressed = compress(original);
});

describe('createCompressionReport', () => {
  it('counts parameters, zeros, bits, operations and bytes of each layer', () => {
    const { layers } = createCompressionReport({ name: 'small', original, compressed });
    expect(layers.map(({ name, parameters }) => [name, parameters])).toEqual([
      ['conv', 40],
      ['norm', 16],
      ['dense', 195],
    ]);
    expect(layers[0]).toMatchObject({
      bits: 32,
      inputBits: null,
      sparsity: 0.5,
      macs: 576,
      nonzeroMacs: 288,
    });
    expect(layers[1]).toMatchObject({ bits: null, sparsity: null, macs: 0, nonzeroMacs: 0, packedBytes: 34 });
    const zeros = compressed.codes.get('dense/kernel')!.codes.filter((code) => code === 0).length;
    expect(zeros).toBeGreaterThanOrEqual(96);
    // Codes that are not 0 at 4 bits and a bit for each of 192; three float32 scales; three biases of 0.
    const packedBytes = Math.min(96, 24 + Math.ceil((192 - zeros) / 2)) + 12 + 1;
    const dense = { bits: 4, inputBits: 8, macs: 192, nonzeroMacs: 192 - zeros, rawBytes: 780, packedBytes };
    expect(layers[2]).toMatchObject({ ...dense, sparsity: 1 - (192 - zeros) / 192, sqnrDb: null });
  });

  it('adds up to the totals of both models', () => {
    const report = createCompressionReport({ name: 'small', original, compressed });
    // Two biases and half of the normalisation are 0, which a bitmap holds: 16, 12 and 64 bytes become 1, 1 and 34.
    const expected = { parameters: 251, rawBytes: 1004, macs: 768, nonzeroMacs: 768, sparsity: 0 };
    expect(report.original).toMatchObject({ ...expected, packedBytes: 948 });
    const sum = (key: 'parameters' | 'macs' | 'nonzeroMacs' | 'rawBytes' | 'packedBytes') =>
      report.layers.reduce((total, layer) => total + layer[key]!, 0);
    for (const key of ['parameters', 'macs', 'nonzeroMacs', 'rawBytes', 'packedBytes'] as const) {
      expect(report.compressed[key]).toBe(sum(key));
    }
    expect(report.compressed.sparsity).toBeGreaterThanOrEqual(0.5);
    expect(report.macsProblem).toBeNull();
  });

  it('counts a scale for each group of rows', () => {
    const { weight, rows, outputs } = listKernels(original).find(({ layer }) => layer.name === 'dense')!;
    const shape = [rows, outputs];
    const options = { bits: 2, symmetric: true, axis: 1, groupSize: 20, method: 'min-max' } as const;
    const quantization = computeQuantizationParameters(weight.data, shape, options);
    const codes = quantizeTensor(weight.data, shape, quantization).fill(1);
    const grouped = {
      topology: original,
      codes: new Map([[weight.name, { codes, quantization }]]),
      inputs: new Map(),
    };
    const dense = createCompressionReport({ name: 'grouped', original, compressed: grouped }).layers[2]!;
    // 192 codes of 2 bits, scales for 4 groups of 3 outputs (the last of 4 rows), three biases of 0.
    expect(dense).toMatchObject({ bits: 2, inputBits: null, packedBytes: 48 + 4 * 12 + 1 });
  });

  it('measures the noise of the codes against the weights before them', () => {
    const reference = applyMasks(
      original,
      maskBySparsity(magnitudeScores(kernelValues(original)), { sparsity: 0.5, scope: 'layer' }),
    );
    const { layers } = createCompressionReport({ name: 'small', original, compressed, reference });
    const before = kernelValues(reference).get('dense/kernel')!;
    const after = kernelValues(compressed.topology).get('dense/kernel')!;
    const power = (values: ArrayLike<number>) =>
      Array.from(values).reduce((sum, value) => sum + value ** 2, 0);
    const noise = power(before.map((value, at) => value - after[at]));
    expect(layers[2].sqnrDb).toBeCloseTo(10 * Math.log10(power(before) / noise), 4);
    expect(layers[0].sqnrDb).toBeNull();
  });

  it('compares accuracies in pairs and sizes with float32', () => {
    const random = new Random(3);
    const draw = (chance: number) =>
      Uint8Array.from({ length: 500 }, () => (random.uniform() < chance ? 1 : 0));
    const outcomes = { original: draw(0.9), denseControl: draw(0.95), compressed: draw(0.93) };
    const files = [
      { format: 'qez', bytes: 251, gzipBytes: 240, brotliBytes: 230 },
      { format: 'onnx', bytes: 502 },
    ];
    const recipe = { name: 'small', bits: 4 };
    const input = { name: 'small', original, compressed, outcomes, files, recipe, seed: 3, seconds: 1.5 };
    const report = createCompressionReport(input);
    expect(report.files).toEqual([
      { ...files[0], ratio: 4 },
      { ...files[1], gzipBytes: null, brotliBytes: null, ratio: 2 },
    ]);
    const { accuracy } = report;
    expect(accuracy!.compressed.correct).toBe(outcomes.compressed.reduce((sum, right) => sum + right, 0));
    expect(accuracy!.againstDenseControl!.difference).toBeCloseTo(
      accuracy!.compressed.accuracy - accuracy!.denseControl!.accuracy,
      12,
    );
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    const alone = createCompressionReport({ ...input, outcomes: { original: draw(1), compressed: draw(1) } });
    expect(alone.accuracy).toMatchObject({ denseControl: null, againstDenseControl: null });
  });

  it('says why operations cannot be counted, and reports the rest', () => {
    const layers = original.layers.map((layer) =>
      layer.name === 'dense' ? { ...layer, className: 'DenseOfAnotherKind' } : layer,
    );
    const strange = { ...original, layers };
    const model = { topology: strange, codes: new Map(), inputs: new Map() };
    const report = createCompressionReport({ name: 'strange', original: strange, compressed: model });
    expect(report.macsProblem).toContain('dense');
    expect(report.compressed).toMatchObject({ macs: null, nonzeroMacs: null, parameters: 251 });
    expect(report.layers.every(({ macs, nonzeroMacs }) => macs === null && nonzeroMacs === null)).toBe(true);
    expect(formatCompressionReport(report)).toContain('MACs were not counted. ');
  });

  it('refuses codes of nothing, impossible files and outcomes that do not pair up', () => {
    const report = (part: object) =>
      createCompressionReport({ name: 'small', original, compressed, ...part });
    const coded = compressed.codes.get('dense/kernel')!;
    const strays = { ...compressed, codes: new Map([['other/kernel', coded]]) };
    expect(() => report({ compressed: strays })).toThrow(InvalidArgumentError);
    const short = { ...coded, codes: coded.codes.slice(1) };
    const cut = { ...compressed, codes: new Map([['dense/kernel', short]]) };
    expect(() => report({ compressed: cut })).toThrow(InvalidArgumentError);
    expect(() => report({ files: [{ format: 'qez', bytes: 0 }] })).toThrow(InvalidArgumentError);
    expect(() => report({ files: [{ format: 'qez', bytes: 9, gzipBytes: 1.5 }] })).toThrow(
      InvalidArgumentError,
    );
    const outcomes = { original: new Uint8Array(3), compressed: new Uint8Array(4) };
    expect(() => report({ outcomes })).toThrow(ShapeMismatchError);
  });
});

describe('formatCompressionReport', () => {
  it('lines up layers, totals, files and accuracies', () => {
    const outcomes = {
      original: Uint8Array.of(1, 0, 1, 1),
      denseControl: Uint8Array.of(1, 1, 1, 1),
      compressed: Uint8Array.of(1, 1, 0, 1),
    };
    const files = [{ format: 'qez', bytes: 251 }];
    const report = createCompressionReport({ name: 'small', original, compressed, outcomes, files, seed: 3 });
    const text = formatCompressionReport(report);
    const lines = text.split('\n');
    expect(lines[0]).toBe('small, seed 3');
    expect(lines[2]).toBe(
      'layer  kind                parameters   zeros  bits  input bits  MACs  not 0  bytes  SQNR dB',
    );
    expect(lines[3]).toMatch(/^conv {3}Conv2D +40 +50\.0 % +32 +- +576 +288 +\d+ +-$/);
    expect(lines[4]).toBe(
      'norm   BatchNormalization          16       -     -           -     0      0     34        -',
    );
    expect(lines.filter((line) => line.endsWith(' '))).toEqual([]);
    expect(text).toContain('qez     251     4.0x     -       -');
    expect(text).toMatch(
      /against the dense control: -25\.00 ± 21\.65 points \(gained 0, lost 1; McNemar p = 1\.0\)/,
    );
    expect(text).toMatch(
      /against the original: 0\.00 ± 35\.36 points \(gained 1, lost 1; McNemar p = 1\.0\)/,
    );
  });
});
