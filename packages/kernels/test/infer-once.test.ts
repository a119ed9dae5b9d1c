import { ManualClock, type PowerFigure } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { createCpuDevice, inferOnce } from '../src/index.ts';
import { softmaxRows } from '../src/softmax.ts';
import {
  randomInput,
  randomModel,
  referenceAccumulators,
  runReference,
  weightSourceOf,
} from '../src/testing/index.ts';

const { graph, weights } = randomModel({ sizes: [6, 4], seed: 1 });

describe('inferOnce', () => {
  it('returns the output with latency and energy', async () => {
    using device = await createCpuDevice({ isa: 'wasm-strict' });
    using model = await device.compile(graph, weights, { precision: 'float32', maxBatch: 2 });
    const input = randomInput(6, 2, 1);
    const clock = new ManualClock();
    const slow = Object.assign(Object.create(model) as typeof model, {
      run(...args: Parameters<typeof model.run>) {
        clock.advance(20);
        return model.run(...args);
      },
    });
    const power: PowerFigure = { watts: 5, provenance: 'modelled', relativeError: 0.3, method: 'a test' };
    const result = await inferOnce(slow, input, 2, { clock, power });
    expect(result.output).toEqual(runReference(graph, weights, input, 2, 'float32'));
    expect(result).toMatchObject({
      batch: 2,
      precision: 'float32',
      device: 'cpu (wasm SIMD)',
      latencyMs: 20,
      energy: { joules: 0.1, provenance: 'modelled', relativeError: 0.3 },
      fallbacks: [],
    });
  });

  it('has no energy without a power figure, and passes the errors of run on', async () => {
    using device = await createCpuDevice({ isa: 'interpreter' });
    using model = await device.compile(graph, weights, { precision: 'float32', maxBatch: 2 });
    expect((await inferOnce(model, randomInput(6, 1, 1), 1)).energy).toBeNull();
    for (const batch of [1.5, 0, -1, 3, 2 ** 40]) {
      await expect(inferOnce(model, new Float32Array(6), batch)).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        actual: batch,
      });
    }
    await expect(inferOnce(model, new Float32Array(5), 1)).rejects.toThrow(/input/);
  });
});

describe('the integer reference', () => {
  it('gives the accumulators and the output of a worked example', () => {
    const data = Int8Array.from([3, -5, 127, 2]);
    const scales = Float32Array.from([0.5, 0.25]);
    const quantization = { bits: 8, symmetric: true, scales, zeroPoints: new Int32Array(2), axis: 1 };
    const source = weightSourceOf([
      { name: 'k', dtype: 'int8', shape: [2, 2], data, quantization },
      { name: 'b', dtype: 'float32', shape: [2], data: Float32Array.from([1, -1]) },
    ]);
    const small = {
      ...graph,
      inputShape: [2],
      outputShape: [2],
      layers: [
        {
          kind: 'dense',
          name: 'd',
          inputSize: 2,
          units: 2,
          activation: 'relu',
          kernel: 'k',
          bias: 'b',
          inputQuantization: { scale: 0.1, zeroPoint: 10 },
        },
      ],
    } as const;
    // 0.26 -> round(2.6) = 3; -5 -> -50, clamped to code 0, that is -10 from the zero point.
    const input = Float32Array.from([0.26, -5]);
    expect(referenceAccumulators(small, source, input, 1, 'int8').map((sums) => [...sums])).toEqual([
      [3 * 3 - 10 * 127, 3 * -5 - 10 * 2],
    ]);
    // (9 - 1270) * 0.05 + 1 < 0, and -35 * 0.025 - 1 < 0: relu makes both 0.
    expect([...runReference(small, source, input, 1, 'int8')]).toEqual([0, 0]);
    const positive = Float32Array.from([0.26, 0.1]);
    const [first, second] = runReference(small, source, positive, 1, 'int8');
    expect(first).toBeCloseTo((9 + 127) * 0.05 + 1, 5);
    expect(second).toBe(0);
  });

  it('has no accumulators at float32', () => {
    expect(() => referenceAccumulators(graph, weights, randomInput(6, 1, 1), 1, 'float32')).toThrow(
      /int8 or int4/,
    );
    expect(() => referenceAccumulators(graph, weights, randomInput(5, 1, 1), 1, 'int8')).toThrow(/6 values/);
  });
});

describe('softmax', () => {
  it('matches closed forms and does not overflow', () => {
    const values = Float32Array.from([0, Math.log(2), Math.log(5), 1000, 1000, -1000]);
    softmaxRows(values, 2, 3);
    [1 / 8, 2 / 8, 5 / 8, 0.5, 0.5, 0].forEach((expected, i) => {
      expect(values[i]).toBeCloseTo(expected, 6);
    });
  });
});
