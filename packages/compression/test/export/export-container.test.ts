import { encodeOperatorModelAsOnnx } from '@qedge/kernels/ort';
import { LazyModel } from '@qedge/memory';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportContainer } from '../../src/export/export-container.ts';
import { toOperatorModel } from '../../src/export/operator-model.ts';
import { roundFloats, roundToHalfPrecision } from '../../src/recipes/round-floats.ts';
import { compressForTest, convolutionModel, denseModel } from './models.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('exportContainer', () => {
  it.each([8, 4, 3, 2])('keeps codes of %i bits of a chain of odd sizes bit for bit', (bits) => {
    const model = denseModel();
    for (const perChannel of [true, false]) {
      const coding = perChannel ? 'smallest' : 'fast';
      const compressed = compressForTest(model, { bits, perChannel, symmetric: bits % 2 === 0 });
      const { bytes, report } = exportContainer(compressed, { coding });
      using file = LazyModel.fromBytes(bytes);
      for (const [name, { codes, quantization }] of compressed.codes) {
        const tensor = file.load(name);
        expect(tensor.data).toEqual(codes);
        expect(tensor.quantization).toMatchObject({ bits, scales: quantization.scales });
      }
      expect(report).toMatchObject({ format: 'qez', byteLength: bytes.length });
      expect(report.compared.codes).toBe(13 * 9 + 9 * 7 + 7 * 3);
      expect(report.compared.outputs!.outputs).toBe(3);
    }
    model.dispose();
  });

  it('writes a convolutional network as its operator graph, with or without coded inputs', () => {
    const model = convolutionModel();
    for (const inputs of [true, false]) {
      const compressed = compressForTest(model, { bits: 4, inputs });
      const { bytes, report } = exportContainer(compressed);
      using file = LazyModel.fromBytes(bytes);
      expect(file.format).toBe('qedge-operator-graph');
      for (const [name, { codes }] of compressed.codes) {
        expect(file.load(`${name} codes`).data).toEqual(codes);
      }
      expect(report.compared.codes).toBe(
        [...compressed.codes.values()].reduce((n, { codes }) => n + codes.length, 0),
      );
    }
    model.dispose();
  });

  it('writes biases that half precision holds in half the bytes, and others whole', () => {
    const model = denseModel([32, 16]);
    const compressed = compressForTest(model, { bits: 8 });
    const before = exportContainer(compressed).bytes;
    const layers = compressed.topology.layers.map((layer) => ({
      ...layer,
      weights: layer.weights.map((weight) =>
        weight.role === 'bias' ? { ...weight, data: new Float32Array(16).fill(0.375) } : weight,
      ),
    }));
    const halved = { ...compressed, topology: { ...compressed.topology, layers } };
    using file = LazyModel.fromBytes(exportContainer(halved).bytes);
    using whole = LazyModel.fromBytes(before);
    const name = compressed.topology.layers[1]!.weights[1]!.name;
    expect(file.load(name).dtype).toBe('float16');
    expect(whole.load(name).dtype).toBe('float32');
    model.dispose();
  });

  it('writes biases that 8-bit codes hold as such codes, which run', () => {
    const model = denseModel([16, 40, 5]);
    const compressed = compressForTest(model, { bits: 4 });
    const [half, coded] = (['float16', 'float16-int8'] as const).map((floats) =>
      roundFloats(compressed, { floats, entropyCoding: true }),
    );
    const { bytes, report } = exportContainer(coded!);
    expect(bytes.length).toBeLessThan(exportContainer(half!).bytes.length);
    expect(report.compared.outputs!.largestDifference).toBe(0);
    using file = LazyModel.fromBytes(bytes);
    const [first, second] = coded!.topology.layers.slice(1).map(({ weights }) => weights[1]!);
    const { data, quantization } = file.load(first!.name);
    expect(Float32Array.from(data, (code) => code * quantization!.scales[0]!)).toEqual(first!.data);
    expect(file.spec(second!.name).dtype).toBe('float16');
    model.dispose();
  });

  it('rounds biases of operator graphs to half floats, which take fewer bytes there than what codes stand for', () => {
    const input = tf.input({ shape: [16] });
    const hidden = tf.layers.dense({ units: 40 }).apply(input) as tf.SymbolicTensor;
    const model = tf.model({ inputs: input, outputs: tf.layers.add().apply([hidden, hidden]) as never });
    const compressed = compressForTest(model, { bits: 4 });
    const [half, coded] = (['float16', 'float16-int8'] as const).map(
      (floats) => exportContainer(roundFloats(compressed, { floats, entropyCoding: true })).bytes,
    );
    expect(coded).toEqual(half);
    model.dispose();
  });

  it('writes biases and scales of operator graphs in half precision too, and they compute the same', () => {
    const model = convolutionModel();
    const compressed = compressForTest(model, { bits: 4, inputs: true });
    const whole = exportContainer(compressed, { coding: 'fast' }).bytes;
    const halved = roundToHalfPrecision(compressed);
    const { bytes, report } = exportContainer(halved, { coding: 'fast' });
    using file = LazyModel.fromBytes(bytes);
    const floats = file.operatorGraph.constants.filter(
      (name) => file.operatorGraph.values[name]!.dtype === 'float32',
    );
    // Factors of a normalisation that was not folded are computed from four weights.
    const vectors = floats.filter(
      (name) => file.spec(name).shape.length === 1 && !name.startsWith('batch_normalization'),
    );
    expect(vectors.length).toBeGreaterThan(4);
    for (const name of vectors) expect(file.spec(name).dtype).toBe('float16');
    const saved = vectors.reduce((sum, name) => sum + 2 * file.spec(name).shape[0]!, 0);
    expect(whole.length - bytes.length).toBeGreaterThan(saved / 2);
    expect(report.compared.outputs!.largestDifference).toBe(0);
    // ONNX Runtime, too, is given float32 numbers.
    const onnx = encodeOperatorModelAsOnnx({ graph: file.operatorGraph, weights: file });
    expect(onnx).toEqual(
      encodeOperatorModelAsOnnx(toOperatorModel(halved, { batch: 1, weightOnly: 'decoded' })),
    );
    model.dispose();
  });
});
