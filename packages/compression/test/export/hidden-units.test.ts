import { evaluateGraph } from '@qedge/kernels/graph';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { exportContainer } from '../../src/export/export-container.ts';
import { removeDeadHiddenUnits, sortHiddenUnits } from '../../src/export/hidden-units.ts';
import { toOperatorModel } from '../../src/export/operator-model.ts';
import { buildModel } from '../../src/model/build-model.ts';
import type { CompressedModel } from '../../src/model/compressed-model.ts';
import { compressForTest, convolutionModel, denseModel, randomInput } from './models.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function outputsOf(model: CompressedModel, inputs: number): Float32Array {
  const operators = toOperatorModel(model, { batch: 4 });
  const [name] = operators.graph.inputs;
  const { shape } = operators.graph.values[name!]!;
  const data = randomInput(4 * inputs);
  return [...evaluateGraph(operators, { [name!]: { dtype: 'float32', shape, data } }).values()][0]!
    .data as Float32Array;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));
}

/** A model whose hidden unit 2 reads nothing, 4 is read by nobody, and 5 reads nothing and is below 0. */
function modelWithDeadUnits(coded: boolean): CompressedModel {
  const model = denseModel([13, 9, 7, 3]);
  const compressed = compressForTest(model, { bits: 4, zeros: 0.3, inputs: coded });
  model.dispose();
  const codes = new Map(compressed.codes);
  const layers = compressed.topology.layers.map((layer, at) => ({
    ...layer,
    // As a Sequential whose layers were all given one.
    ...(at < 2 ? {} : { config: { ...layer.config, batchInputShape: [null, layer.weights[0]!.shape[0]!] } }),
    weights: layer.weights.map((weight) => {
      const data = weight.data.slice();
      const own = codes.get(weight.name)?.codes.slice();
      const clear = (i: number) => {
        data[i] = 0;
        if (own) own[i] = 0;
      };
      if (at === 1 && weight.role === 'kernel')
        for (let row = 0; row < 13; row++) for (const unit of [2, 5]) clear(row * 9 + unit);
      if (at === 1 && weight.role === 'bias') data.set([0.7, data[3]!, data[4]!, -0.4], 2);
      if (at === 2 && weight.role === 'kernel')
        for (let column = 0; column < 7; column++) clear(4 * 7 + column);
      if (own) codes.set(weight.name, { ...codes.get(weight.name)!, codes: own });
      return { ...weight, data };
    }),
  }));
  return { ...compressed, codes, topology: { ...compressed.topology, layers } };
}

describe('sortHiddenUnits', () => {
  it('changes the order and nothing else', () => {
    const model = denseModel([40, 30, 20, 5]);
    for (const perChannel of [true, false]) {
      const compressed = compressForTest(model, { bits: 4, zeros: 0.7, perChannel });
      const sorted = sortHiddenUnits(compressed);
      const [name, { codes }] = [...sorted.codes][0]!;
      const counts = Array.from(
        { length: 30 },
        (_, unit) => codes.filter((code, i) => i % 30 === unit && code !== 0).length,
      );
      expect(counts).toEqual([...counts].sort((a, b) => b - a));
      expect([...codes].sort()).toEqual([...compressed.codes.get(name)!.codes].sort());
      // The same products in sums of another order.
      expect(largestDifference(outputsOf(sorted, 40), outputsOf(compressed, 40))).toBeLessThan(1e-5);
      exportContainer(sorted);
    }
    model.dispose();
  });

  it('leaves alone what it cannot prove', () => {
    const model = convolutionModel();
    const compressed = compressForTest(model, { bits: 4 });
    expect(sortHiddenUnits(compressed)).toEqual(compressed);
    expect(removeDeadHiddenUnits(compressed).model).toEqual(compressed);
    model.dispose();
  });
});

describe('removeDeadHiddenUnits', () => {
  it.each([true, false])('moves what dead units add into the next bias (coded inputs: %s)', (coded) => {
    const compressed = modelWithDeadUnits(coded);
    const { model, removed } = removeDeadHiddenUnits(compressed);
    expect([...removed.values()]).toEqual([3]);
    expect(model.topology.layers[1]!.weights.map(({ shape }) => shape)).toEqual([[13, 6], [6]]);
    expect(model.topology.layers[2]!.weights[0]!.shape).toEqual([6, 7]);
    // One rounding of a bias more.
    expect(largestDifference(outputsOf(model, 13), outputsOf(compressed, 13))).toBeLessThan(
      coded ? 0.02 : 1e-5,
    );
    const warn = vi.spyOn(console, 'warn');
    const built = buildModel(tf, model.topology);
    expect(warn).not.toHaveBeenCalled();
    warn.mockRestore();
    expect(built.countParams()).toBe(13 * 6 + 6 + 6 * 7 + 7 + 7 * 3 + 3);
    built.dispose();
    expect(exportContainer(model).bytes.length).toBeLessThan(exportContainer(compressed).bytes.length);
    expect(removeDeadHiddenUnits(model).model).toEqual(model);
  });

  it.each(['softmax', 'logSoftmax'])(
    'keeps units that a %s sums over, though nothing reads them',
    (activation) => {
      const compressed = modelWithDeadUnits(false);
      const layers = compressed.topology.layers.map((layer, at) =>
        at === 1 ? { ...layer, config: { ...layer.config, activation } } : layer,
      );
      const model = { ...compressed, topology: { ...compressed.topology, layers } };
      expect([...removeDeadHiddenUnits(model).removed]).toEqual([]);
      expect(removeDeadHiddenUnits(model).model).toEqual(model);
    },
  );

  it('keeps one unit of a layer without any weight', () => {
    const model = denseModel([5, 4, 2]);
    const random = compressForTest(model, { bits: 8, zeros: 0, inputs: false });
    // No hidden unit reads anything, and all of them add something.
    const layers = random.topology.layers.map((layer, at) => ({
      ...layer,
      weights: layer.weights.map((weight) => {
        if (at !== 1) return weight;
        return { ...weight, data: weight.data.map(() => (weight.role === 'kernel' ? 0 : 0.5)) };
      }),
    }));
    const [first, second] = [...random.codes];
    const none = { ...first![1], codes: new Int8Array(20) };
    const codes = new Map([[first![0], none], second!]);
    const compressed = { ...random, codes, topology: { ...random.topology, layers } };
    const { model: smaller } = removeDeadHiddenUnits(compressed);
    expect(smaller.topology.layers[1]!.weights[0]!.shape).toEqual([5, 1]);
    expect(largestDifference(outputsOf(smaller, 5), outputsOf(compressed, 5))).toBeLessThan(1e-6);
    model.dispose();
  });
});
