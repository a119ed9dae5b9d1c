import { evaluateGraph, findQuantizedProducts } from '@qedge/kernels/graph';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { toOperatorModel } from '../../src/export/operator-model.ts';
import { buildModel } from '../../src/model/build-model.ts';
import { compressForTest, convolutionModel, denseModel, randomInput } from './models.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function run(model: ReturnType<typeof toOperatorModel>, data: Float32Array): Float32Array {
  const [name] = model.graph.inputs;
  const { shape } = model.graph.values[name!]!;
  const outputs = evaluateGraph(model, { [name!]: { dtype: 'float32', shape, data } });
  return [...outputs.values()][0]!.data as Float32Array;
}

describe('toOperatorModel', () => {
  it('gives all kernels with coded inputs as products that can be computed on integers', () => {
    for (const model of [denseModel(), convolutionModel()]) {
      const compressed = compressForTest(model, { bits: 8 });
      const { graph, weights } = toOperatorModel(compressed, { batch: 2 });
      const products = findQuantizedProducts(graph);
      expect(products).toHaveLength(compressed.codes.size);
      for (const [name, { codes }] of compressed.codes) {
        expect(weights.load(`${name} codes`).data).toEqual(codes);
      }
      expect(graph.constants.filter((name) => / codes$/.test(name))).toHaveLength(products.length);
      model.dispose();
    }
  });

  it('computes what tfjs computes when inputs are float32', () => {
    for (const [model, size] of [
      [denseModel(), 13],
      [convolutionModel(), 192],
    ] as const) {
      for (const bits of [8, 4, 3]) {
        const compressed = compressForTest(model, { bits, inputs: false, symmetric: bits !== 3 });
        const input = randomInput(2 * size);
        const rebuilt = buildModel(tf, compressed.topology);
        const shape = [2, ...(rebuilt.inputs[0]!.shape.slice(1) as number[])];
        const expected = tf.tidy(() => (rebuilt.predict(tf.tensor(input, shape)) as tf.Tensor).dataSync());
        const actual = run(toOperatorModel(compressed, { batch: 2 }), input);
        // Sums of at most 200 products of numbers below 10, in another order: far below 1e-4.
        expect(Math.max(...actual.map((y, i) => Math.abs(y - expected[i]!)))).toBeLessThan(1e-4);
        rebuilt.dispose();
      }
      model.dispose();
    }
  });
});
