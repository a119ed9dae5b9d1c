import { elementCount, type ModelGraph, NonFiniteValueError } from '@qedge/core';
import fc from 'fast-check';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { loadTensorflow } from '../src/node.ts';
import { randomInput, randomModel, weightSourceOf } from '../src/testing/index.ts';
import { createTfjsDevice, type Tensorflow } from '../src/tfjs.ts';
import { evaluateInFloat64, relativeError } from './float64-evaluation.ts';

let tf: Tensorflow;

beforeAll(async () => {
  // Registers both backends in one namespace.
  ({ tf } = await loadTensorflow<Tensorflow>({ prefer: ['wasm'] }));
});

describe.each(['cpu', 'wasm'])('the tfjs device on the %s backend', (backend) => {
  let tensorsBefore = 0;
  beforeAll(() => {
    tensorsBefore = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors).toBe(tensorsBefore);
  });

  it('computes what the layers mean, for random networks and batches', async () => {
    using device = await createTfjsDevice(tf, { backend });
    expect(device).toMatchObject({
      kind: 'tfjs',
      name: `tfjs (${backend})`,
      precisions: ['float32'],
      fallbacks: [],
    });
    const size = fc.integer({ min: 1, max: 33 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(size, { minLength: 2, maxLength: 4 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 1000 }),
        fc.boolean(),
        fc.boolean(),
        async (sizes, batch, seed, bias, softmax) => {
          const model = randomModel({ sizes, seed, bias, softmax });
          using compiled = await device.compile(model.graph, model.weights, {
            precision: 'float32',
            maxBatch: 5,
          });
          const input = randomInput(elementCount(model.graph.inputShape), batch, seed + 1);
          const output = new Float32Array(batch * sizes.at(-1)!);
          await compiled.run(input, output, batch);
          expect(relativeError(output, evaluateInFloat64(model, input, batch))).toBeLessThan(1e-5);
        },
      ),
      { seed: 1, numRuns: 25 },
    );
  });

  it('holds its weights and nothing else, however often it runs', async () => {
    using device = await createTfjsDevice(tf, { backend });
    const model = randomModel({ sizes: [7, 5, 3], seed: 1, inputShape: [7, 1], softmax: true });
    using compiled = await device.compile(model.graph, model.weights, { precision: 'float32', maxBatch: 2 });
    expect(compiled.memory).toEqual({ weightBytes: 4 * (7 * 5 + 5 + 5 * 3 + 3), bufferBytes: 0 });
    const input = randomInput(elementCount(model.graph.inputShape), 2, 2);
    const output = new Float32Array(6);
    for (let i = 0; i < 20; i++) await compiled.run(input, output, 2);
    expect(tf.memory().numTensors).toBe(tensorsBefore + 4);
    expect(relativeError(output, evaluateInFloat64(model, input, 2))).toBeLessThan(1e-5);
  });

  it('does not look at the weight source or the input again once it has them', async () => {
    using device = await createTfjsDevice(tf, { backend });
    const kernel = Float32Array.of(2, 3);
    const { graph } = randomModel({ sizes: [2, 1], seed: 1, bias: false });
    const weights = weightSourceOf([
      { name: 'dense 1/kernel', dtype: 'float32', shape: [2, 1], data: kernel },
    ]);
    using compiled = await device.compile(graph, weights, { precision: 'float32', maxBatch: 1 });
    kernel.fill(0);
    const input = Float32Array.of(10, 100);
    const output = new Float32Array(1);
    const done = compiled.run(input, output, 1);
    input.fill(0);
    await done;
    expect([...output]).toEqual([320]);
  });

  it('leaves nothing behind when it refuses a model', async () => {
    using device = await createTfjsDevice(tf, { backend });
    const { graph, weights } = randomModel({ sizes: [4, 3, 2], seed: 3 });
    const options = { precision: 'float32', maxBatch: 1 } as const;
    const broken = weightSourceOf([
      weights.load('dense 1/kernel') as never,
      weights.load('dense 1/bias') as never,
      {
        name: 'dense 2/kernel',
        dtype: 'float32',
        shape: [3, 2],
        data: Float32Array.of(1, 2, 3, Number.NaN, 5, 6),
      },
      weights.load('dense 2/bias') as never,
    ]);
    await expect(device.compile(graph, broken, options)).rejects.toThrow(NonFiniteValueError);
    await expect(device.compile(graph, broken, options)).rejects.toThrow(
      '"dense 2/kernel" is not finite at element 3',
    );
    for (const precision of ['float16', 'int8', 'int4'] as const) {
      const refused = device.compile(graph, weights, { precision, maxBatch: 1 });
      await expect(refused).rejects.toMatchObject({ code: 'UNSUPPORTED', actual: precision });
    }
    await expect(device.compile(graph, weights, { ...options, maxBatch: 0 })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
    const aborted = device.compile(graph, weights, { ...options, signal: AbortSignal.abort() });
    await expect(aborted).rejects.toMatchObject({ code: 'CANCELLED' });
    const unknown = { ...graph, layers: [{ kind: 'convolution', name: 'c' }] } as unknown as ModelGraph;
    await expect(device.compile(unknown, weights, options)).rejects.toMatchObject({ code: 'UNSUPPORTED' });
  });

  it('keeps no weight when the backend fails halfway', async () => {
    const fail = () => {
      throw new Error('out of memory');
    };
    const failing = Object.create(tf, { tensor1d: { value: fail } }) as Tensorflow;
    using device = await createTfjsDevice(failing, { backend });
    const { graph, weights } = randomModel({ sizes: [4, 2], seed: 4 });
    const compiling = device.compile(graph, weights, { precision: 'float32', maxBatch: 1 });
    await expect(compiling).rejects.toThrow('out of memory');
  });

  it('checks the arguments of run and refuses to run after dispose', async () => {
    using device = await createTfjsDevice(tf, { backend });
    const { graph, weights } = randomModel({ sizes: [4, 2], seed: 4 });
    const compiled = await device.compile(graph, weights, { precision: 'float32', maxBatch: 2 });
    const run = (input: number, output: number, batch: number) =>
      compiled.run(new Float32Array(input), new Float32Array(output), batch);
    await expect(run(4, 2, 0)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(run(12, 6, 3)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(run(7, 4, 2)).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
    await expect(run(8, 2, 2)).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
    const first = run(4, 2, 1);
    await expect(run(4, 2, 1)).rejects.toThrow('one batch at a time');
    await first;
    await run(8, 4, 2);
    compiled.dispose();
    compiled.dispose();
    await expect(run(4, 2, 1)).rejects.toMatchObject({ code: 'USE_AFTER_RELEASE' });
    device.dispose();
    const late = device.compile(graph, weights, { precision: 'float32', maxBatch: 1 });
    await expect(late).rejects.toMatchObject({ code: 'USE_AFTER_RELEASE' });
  });

  it('takes its models along when it is disposed', async () => {
    const device = await createTfjsDevice(tf, { backend });
    const { graph, weights } = randomModel({ sizes: [4, 2], seed: 4 });
    const compiled = await device.compile(graph, weights, { precision: 'float32', maxBatch: 2 });
    device.dispose();
    const run = compiled.run(new Float32Array(4), new Float32Array(2), 1);
    await expect(run).rejects.toMatchObject({ code: 'USE_AFTER_RELEASE' });
  });
});

describe('tfjs devices that share a namespace', () => {
  it('each compute on their own backend, even at the same time', async () => {
    using cpu = await createTfjsDevice(tf, { backend: 'cpu' });
    using wasm = await createTfjsDevice(tf, { backend: 'wasm' });
    const model = randomModel({ sizes: [9, 8, 4], seed: 5 });
    const options = { precision: 'float32', maxBatch: 3 } as const;
    using onCpu = await cpu.compile(model.graph, model.weights, options);
    using onWasm = await wasm.compile(model.graph, model.weights, options);
    const input = randomInput(elementCount(model.graph.inputShape), 3, 6);
    const [a, b] = [new Float32Array(12), new Float32Array(12)];
    await Promise.all([onCpu.run(input, a, 3), onWasm.run(input, b, 3)]);
    const expected = evaluateInFloat64(model, input, 3);
    expect(relativeError(a, expected)).toBeLessThan(1e-5);
    expect(relativeError(b, expected)).toBeLessThan(1e-5);
  });

  it('say which backend is not registered, and use the current one when none is named', async () => {
    await expect(createTfjsDevice(tf, { backend: 'webgl-9000' })).rejects.toMatchObject({
      code: 'CAPABILITY_UNAVAILABLE',
      actual: 'webgl-9000',
    });
    await tf.setBackend('cpu');
    using device = await createTfjsDevice(tf);
    expect(device.name).toBe('tfjs (cpu)');
  });

  it('turn quantised weights into float32', async () => {
    using device = await createTfjsDevice(tf, { backend: 'cpu' });
    const { graph } = randomModel({ sizes: [2, 3], seed: 1, bias: false });
    const weights = weightSourceOf([
      {
        name: 'dense 1/kernel',
        dtype: 'int8',
        shape: [2, 3],
        data: Int8Array.of(1, 2, 3, -4, -5, -6),
        quantization: {
          bits: 8,
          symmetric: false,
          scales: Float32Array.of(1, 10, 100),
          zeroPoints: Int32Array.of(0, 1, 2),
          axis: 1,
        },
      },
    ]);
    using compiled = await device.compile(graph, weights, { precision: 'float32', maxBatch: 1 });
    const output = new Float32Array(3);
    await compiled.run(Float32Array.of(1, 1), output, 1);
    expect([...output]).toEqual([1 - 4, 10 * (1 - 6), 100 * (1 - 8)]);
  });
});
