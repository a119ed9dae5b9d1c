import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileFormatError, InvalidArgumentError, Random, type StoredTensor } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeModel, LazyModel, tensorToFloat32 } from '../src/index.ts';
import { openModelFile, saveModelFile } from '../src/node.ts';
import { anyTensor } from './any-tensor.ts';
import { constantsGraph, madeTensors } from './graph-content.ts';
import { floatWeights, perceptronGraph, quantizedWeights } from './model-content.ts';

const graph = perceptronGraph([6, 4, 3]);
const tensors = floatWeights(graph, 1);
const smallest = { coding: 'smallest' } as const;

function expectEqual(model: LazyModel, expected: readonly StoredTensor[]): void {
  expect(model.names()).toEqual(expected.map((tensor) => tensor.name));
  for (const tensor of expected) expect(model.load(tensor.name)).toEqual(tensor);
}

describe('a compact model file', () => {
  it('gives back every dtype, width, sparsity and quantisation exactly, never larger than the plain one', () => {
    fc.assert(
      fc.property(anyTensor('a'), anyTensor('b'), (a, b) => {
        const content = { graph, tensors: [a, ...tensors, b], metadata: { seed: 1 } };
        const bytes = encodeModel(content, smallest);
        expect(bytes.length).toBeLessThan(encodeModel(content).length);
        using model = LazyModel.fromBytes(bytes);
        expect(model.graph).toEqual(graph);
        expect(model.metadata).toEqual({ seed: 1 });
        expectEqual(model, content.tensors);
      }),
      { seed: 5, numRuns: 20 },
    );
  });

  it('keeps no payload of codes above their packed bytes', () => {
    for (const bits of [2, 3, 4, 8]) {
      for (const sparsity of [0, 0.5, 0.95, 1]) {
        const one = perceptronGraph([61, 47]);
        const weights = quantizedWeights(one, { seed: bits, bits, sparsity });
        using model = LazyModel.fromBytes(encodeModel({ graph: one, tensors: weights }, smallest));
        expectEqual(model, weights);
        const [kernel] = model.residency();
        expect(kernel!.fileBytes).toBeLessThanOrEqual(Math.ceil((61 * 47 * bits) / 8));
        if (sparsity >= 0.95) expect(kernel!.encoding).toBe('arithmetic');
      }
    }
  });

  it('writes dense codes with the quick coder, those of pruned layers with the one that learns', () => {
    const one = perceptronGraph([64, 96]);
    const random = new Random(1);
    for (const [name, spread] of [
      ['rans', 30],
      ['arithmetic', 0.3],
    ] as const) {
      const weights = quantizedWeights(one, { seed: 1, bits: 8, sparsity: 0 }).map((tensor): StoredTensor => {
        if (!tensor.quantization) return tensor;
        // Columns in the order of their density.
        const data = Int8Array.from(tensor.data, (_, i) =>
          Math.round((random.normal() * spread * 96) / (96 + 4 * (i % 96))),
        );
        return { ...tensor, data };
      });
      using model = LazyModel.fromBytes(encodeModel({ graph: one, tensors: weights }, smallest));
      expectEqual(model, weights);
      expect(model.residency()[0]!.encoding).toBe(name);
    }
  });

  it('spends at most 124 bytes beside the payloads of a classifier of three layers', () => {
    const sizes = [784, 256, 128, 10];
    for (const prefix of ['dense_Dense', 'fc']) {
      const text = JSON.stringify(perceptronGraph(sizes));
      const digits = JSON.parse(
        text.replaceAll(/"dense(\d)/g, (_, digit) => `"${prefix}${Number(digit) + 1}`),
      );
      const names = digits.layers.flatMap((layer: { kernel?: string; bias?: string }) =>
        layer.kernel ? [layer.kernel, layer.bias] : [],
      );
      const weights = quantizedWeights(perceptronGraph(sizes), { seed: 1, bits: 3, sparsity: 0.95 }).map(
        (tensor, index): StoredTensor => {
          const { quantization } = tensor;
          const name = names[index];
          if (!quantization) {
            return {
              ...tensor,
              name,
              dtype: 'float16',
              data: new Uint16Array(tensor.data.length).fill(0x2c01),
            };
          }
          return { ...tensor, name, quantization: { ...quantization, scales: Float32Array.of(0.0625) } };
        },
      );
      const bytes = encodeModel({ graph: digits, tensors: weights }, smallest);
      using model = LazyModel.fromBytes(bytes);
      const payloads = model.residency().reduce((sum, { fileBytes }) => sum + fileBytes, 0);
      const scales = 3 * 2;
      expect(bytes.length - payloads - scales).toBeLessThanOrEqual(124);
    }
  });

  it('is written by saveModelFile as by encodeModel, with sections and large tensors where they can be mapped', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'qedge-compact-'));
    try {
      const constants = { a: 30, b: 3, c: 20_000, d: 100_000 };
      const sections = [70_000, 100].map((byteLength) => ({
        key: `panel ${byteLength}`,
        byteLength,
        read: () => [new Uint8Array(byteLength - 7).fill(5), new Uint8Array(7).fill(6)],
      }));
      const content = { graph: constantsGraph(constants), tensors: madeTensors(constants), sections };
      const path = join(directory, 'model.qez');
      const bytes = encodeModel(content, smallest);
      expect(await saveModelFile(path, content, smallest)).toBe(bytes.length);
      using model = openModelFile(path);
      for (const name of Object.keys(constants)) {
        expect(model.load(name)).toEqual(madeTensors(constants).load(name));
      }
      expect(model.section('panel 70000')!.byteOffset % 65_536).toBe(0);
      expect(model.section('panel 100')!.byteOffset % 64).toBe(0);
      for (const { key } of sections) model.borrowSection(key, (lent) => expect(lent.at(-1)).toBe(6));
      writeFileSync(path, bytes);
      using again = openModelFile(path);
      again.borrow('d', ({ data }) => expect(data.byteOffset % 64).toBe(0));
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it('stores single bits, groups of rows, half scales and zero points', () => {
    const random = new Random(3);
    const bits: StoredTensor = {
      ...{ name: 'bits', dtype: 'int8', shape: [40, 6] },
      data: Int8Array.from({ length: 240 }, () => 2 * random.integer(2) - 1),
      quantization: {
        ...{ bits: 1, symmetric: true, axis: 1, groupSize: 16 },
        scales: Float32Array.from({ length: 18 }, (_, i) => 1 + i / 7),
        zeroPoints: new Int32Array(18),
      },
    };
    const affine: StoredTensor = {
      ...{ name: 'affine', dtype: 'uint8', shape: [50, 3] },
      data: Uint8Array.from({ length: 150 }, () => random.integer(256)),
      quantization: {
        ...{ bits: 8, symmetric: false, axis: 1 },
        scales: Float32Array.of(0.5, 2, 0.25),
        zeroPoints: Int32Array.of(0, 255, -300),
      },
    };
    for (const coding of ['fast', 'smallest'] as const) {
      using model = LazyModel.fromBytes(
        encodeModel({ graph, tensors: [...tensors, bits, affine] }, { coding }),
      );
      expectEqual(model, [...tensors, bits, affine]);
      const numbers = tensorToFloat32(model.load('bits'));
      // Row 17 is in the second group.
      expect(numbers[17 * 6 + 2]).toBe(
        Math.fround(bits.data[17 * 6 + 2]! * bits.quantization!.scales[6 + 2]!),
      );
    }
    const grouped = { ...bits, quantization: { ...bits.quantization!, groupSize: 0 } };
    expect(() => encodeModel({ graph, tensors: [...tensors, grouped] })).toThrow(InvalidArgumentError);
    const zero = { ...bits, data: new Int8Array(240) };
    expect(() => encodeModel({ graph, tensors: [...tensors, zero] })).toThrow(/out of range/);
  });

  it('refuses an unknown coding, and sources that change between measuring and writing', () => {
    expect(() => encodeModel({ graph, tensors }, { coding: 'tiny' as never })).toThrow(InvalidArgumentError);
    let reads = 0;
    const sections = [{ key: 'x', byteLength: 4, read: () => [new Uint8Array(4).fill(reads++)] }];
    expect(() => encodeModel({ graph, tensors, sections }, smallest)).toThrow(/changed/);
  });

  it('never gives wrong numbers: a single flipped bit anywhere is found', () => {
    const weights = quantizedWeights(graph, { seed: 5, bits: 4, sparsity: 0.7 });
    const good = encodeModel({ graph, tensors: weights }, smallest);
    for (let at = 0; at < good.length; at++) {
      const bytes = good.slice();
      bytes[at]! ^= 1 << (at % 8);
      expect(() => LazyModel.fromBytes(bytes)).toThrow(FileFormatError);
      expect(() => LazyModel.fromBytes(good.slice(0, at))).toThrow(FileFormatError);
    }
    expect(() => LazyModel.fromBytes(Uint8Array.of(...good, 0))).toThrow(/after its end/);
  });
});
