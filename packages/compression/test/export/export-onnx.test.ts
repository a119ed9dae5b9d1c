import { evaluateGraph } from '@qedge/kernels/graph';
import * as tf from '@tensorflow/tfjs';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportOnnx } from '../../src/export/export-onnx.ts';
import { toOperatorModel } from '../../src/export/operator-model.ts';
import type { CompressedModel } from '../../src/model/compressed-model.ts';
import { compressForTest, convolutionModel, denseModel, randomInput } from './models.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

async function runOnnx(
  bytes: Uint8Array,
  data: Float32Array,
  shape: readonly number[],
): Promise<Float32Array> {
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const [input] = session.inputNames;
  const results = await session.run({ [input!]: new Tensor('float32', data, [...shape]) });
  const output = results[session.outputNames[0]!]!.data as Float32Array;
  await session.release();
  return output;
}

/** The largest difference between ONNX Runtime and our reference, as a share of the largest output. */
async function compareWithRuntime(
  compressed: CompressedModel,
  bytes: Uint8Array,
  activations: 'coded' | 'float32',
): Promise<number> {
  const model = toOperatorModel(compressed, { batch: 2, activations });
  const [name] = model.graph.inputs;
  const { shape } = model.graph.values[name!]!;
  const data = randomInput(shape.reduce((a, b) => a * b, 1));
  const expected = [...evaluateGraph(model, { [name!]: { dtype: 'float32', shape, data } }).values()][0]!
    .data;
  const actual = await runOnnx(bytes, data, shape);
  expect(actual).toHaveLength(expected.length);
  const largest = Math.max(...[...expected].map(Math.abs));
  return Math.max(...actual.map((y, i) => Math.abs(y - expected[i]!))) / largest;
}

describe('exportOnnx', () => {
  it.each(['int8', 'uint8'] as const)(
    'runs in ONNX Runtime with %s codes that equal ours',
    async (weightCodes) => {
      for (const model of [denseModel(), convolutionModel()]) {
        for (const perChannel of [true, false]) {
          const compressed = compressForTest(model, { bits: weightCodes === 'int8' ? 7 : 8, perChannel });
          const { bytes, report } = exportOnnx(compressed, { batch: 2, weightCodes });
          expect(report.compared.codes).toBe(
            [...compressed.codes.values()].reduce((n, { codes }) => n + codes.length, 0),
          );
          // ONNX Runtime adds int32 sums to the same float32 scales; a sum before the next coding may round to the neighbouring
          // code of 255, so that outputs differ by a share of one step at most.
          expect(await compareWithRuntime(compressed, bytes, 'coded')).toBeLessThan(0.01);
        }
        model.dispose();
      }
    },
  );

  it('runs MatMulNBits in ONNX Runtime, for any number of rows and zero points', async () => {
    const model = denseModel([75, 33, 20, 3]);
    for (const [bits, symmetric, groupSize] of [
      [4, true, 32],
      [4, false, 16],
      [3, true, 128],
    ] as const) {
      const compressed = compressForTest(model, { bits, symmetric });
      const { bytes, report } = exportOnnx(compressed, { batch: 2, form: 'matmul-n-bits', groupSize });
      expect(report.compared.codes).toBe(75 * 33 + 33 * 20 + 20 * 3);
      // The same weights; float32 sums of at most 75 products in another order.
      expect(await compareWithRuntime(compressed, bytes, 'float32')).toBeLessThan(1e-5);
    }
    model.dispose();
  });

  it('keeps kernels without codes and asymmetric ones', async () => {
    const model = convolutionModel();
    const compressed = compressForTest(model, { bits: 8, symmetric: false });
    const [first] = compressed.codes.keys();
    const partly = {
      ...compressed,
      codes: new Map([...compressed.codes].filter(([name]) => name !== first)),
    };
    const { bytes } = exportOnnx(partly, { batch: 2, weightCodes: 'int8' });
    expect(await compareWithRuntime(partly, bytes, 'coded')).toBeLessThan(0.01);
    model.dispose();
  });
});
