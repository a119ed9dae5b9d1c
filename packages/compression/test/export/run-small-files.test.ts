import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { evaluateGraph } from '@qedge/kernels/graph';
import { compileGraph, createKernelEngine, loadModel } from '@qedge/kernels/node';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { exportContainer } from '../../src/export/export-container.ts';
import { toOperatorModel } from '../../src/export/operator-model.ts';
import { saveExport } from '../../src/export/save-export.ts';
import { roundFloats } from '../../src/recipes/round-floats.ts';
import { compressForTest, convolutionModel, denseModel, randomInput } from './models.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** The largest difference as a share of the largest output. */
function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  const largest = Math.max(...Array.from(expected, Math.abs));
  return Math.max(...Array.from(actual, (y, i) => Math.abs(y - expected[i]!))) / largest;
}

describe('a compressed model in a file', () => {
  it.each([
    ['dense layers', () => denseModel([80, 70, 60, 5]), 0.5],
    ['dense layers that are mostly zeros', () => denseModel([80, 70, 60, 5]), 0.97],
    ['a convolutional network', () => convolutionModel(), 0.5],
  ] as const)('is loaded and run by its codes: %s', async (_, makeModel, zeros) => {
    const model = makeModel();
    // Scales are stored as half floats, biases of chains as codes.
    const settings = { floats: 'float16-int8', entropyCoding: true } as const;
    const compressed = roundFloats(compressForTest(model, { bits: 4, zeros }), settings);
    const operators = toOperatorModel(compressed, { batch: 1 });
    const [input] = operators.graph.inputs;
    const { shape } = operators.graph.values[input!]!;
    const data = randomInput(shape.reduce((a, b) => a * b, 1));
    const [expected] = [
      ...evaluateGraph(operators, { [input!]: { dtype: 'float32', shape, data } }).values(),
    ];
    const folder = await mkdtemp(join(tmpdir(), 'qedge-run-'));
    const path = join(folder, 'small.qez');
    await saveExport(path, exportContainer(compressed));
    using engine = await loadModel(path, { precision: 'int8' });
    const [name] = engine.inputs.map((each) => each.name);
    const outputs = Object.values(engine.run({ [name!]: data }));
    // A sum before the next coding may round to the neighbouring code of 255.
    expect(distance(outputs[0]!.data, expected!.data)).toBeLessThan(0.01);
    await rm(folder, { recursive: true });
    model.dispose();
  });

  it('multiplies codes as integers, and weight-only codes of 4 bits in groups', async () => {
    using engine = await createKernelEngine();
    const model = denseModel([80, 70, 60, 5]);
    for (const inputs of [true, false]) {
      const operators = toOperatorModel(compressForTest(model, { bits: 4, inputs }), { batch: 1 });
      using compiled = compileGraph(operators, engine, { precision: 'int4' });
      const products = compiled.report.nodes.filter(({ operations }) => operations >= 2 * 80 * 5);
      expect(products.map(({ precision }) => precision)).toEqual(
        inputs ? ['int8', 'int8'] : ['int4', 'int4'],
      );
    }
    model.dispose();
  });
});
