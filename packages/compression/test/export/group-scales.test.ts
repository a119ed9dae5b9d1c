import { Random } from '@qedge/core';
import { evaluateGraph } from '@qedge/kernels/graph';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportContainer } from '../../src/export/export-container.ts';
import { exportGguf } from '../../src/export/export-gguf.ts';
import { exportOnnx } from '../../src/export/export-onnx.ts';
import { exportSafetensors } from '../../src/export/export-safetensors.ts';
import { toOperatorModel } from '../../src/export/operator-model.ts';
import { buildModel } from '../../src/model/build-model.ts';
import type { CodedWeight, CompressedModel } from '../../src/model/compressed-model.ts';
import { compressForTest, denseModel, randomInput, withWeights } from './models.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const GROUP = 32;

/** Codes of 4 bits, every 32 rows of a column with a scale of their own. */
function groupedModel(): CompressedModel {
  const model = denseModel([75, 64, 3]);
  const compressed = compressForTest(model, { bits: 4, inputs: false });
  model.dispose();
  const random = new Random(8);
  const decoded = new Map<string, Float32Array>();
  const codes = new Map<string, CodedWeight>();
  for (const [name, { codes: own, quantization }] of compressed.codes) {
    const outputs = quantization.scales.length;
    const groups = Math.ceil(own.length / outputs / GROUP);
    const scales = Float32Array.from({ length: groups * outputs }, () => 0.01 + 0.05 * random.uniform());
    const scaleOf = (i: number) => scales[Math.floor(i / (GROUP * outputs)) * outputs + (i % outputs)]!;
    decoded.set(
      name,
      Float32Array.from(own, (code, i) => code * scaleOf(i)),
    );
    const grouped = { ...quantization, scales, zeroPoints: new Int32Array(scales.length), groupSize: GROUP };
    codes.set(name, { codes: own, quantization: grouped });
  }
  return { ...compressed, codes, topology: withWeights(compressed.topology, decoded) };
}

describe('scales per group of rows', () => {
  it('stay with their groups in graphs and in every format that has them', () => {
    const compressed = groupedModel();
    const operators = toOperatorModel(compressed, { batch: 1 });
    expect(operators.graph.nodes.filter(({ operator }) => operator.kind === 'grouped-matmul')).toHaveLength(
      2,
    );
    const data = randomInput(75);
    const [input] = operators.graph.inputs;
    const [output] = [
      ...evaluateGraph(operators, { [input!]: { dtype: 'float32', shape: [1, 75], data } }).values(),
    ];
    const rebuilt = buildModel(tf, compressed.topology);
    const expected = tf.tidy(() => (rebuilt.predict(tf.tensor(data, [1, 75])) as tf.Tensor).dataSync());
    // Sums of at most 75 products in another order.
    expect(Math.max(...expected.map((y, i) => Math.abs(y - output!.data[i]!)))).toBeLessThan(1e-4);
    rebuilt.dispose();
    const count = 75 * 64 + 64 * 3;
    for (const exported of [
      exportContainer(compressed),
      exportSafetensors(compressed, { codes: 'packed' }),
      exportOnnx(compressed, { form: 'matmul-n-bits' }),
    ]) {
      expect(exported.report.compared.codes).toBe(count);
    }
    // Rows of 75 fill no blocks of 32.
    expect(exportGguf(compressed).report.compared.codes).toBe(64 * 3);
  });

  it('are refused where activations are codes', () => {
    const compressed = groupedModel();
    const [layer] = compressed.topology.layers.slice(1);
    const coded = { ...compressed, inputs: new Map([[layer!.name, { scale: 0.1, zeroPoint: 0 }]]) };
    expect(() => toOperatorModel(coded, { batch: 1 })).toThrow(/groups of 32, coded inputs/);
    expect(toOperatorModel(coded, { batch: 1, activations: 'float32' }).graph.nodes).toHaveLength(2);
  });
});
