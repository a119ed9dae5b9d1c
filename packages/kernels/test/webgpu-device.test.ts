import { existsSync } from 'node:fs';
import { CapabilityUnavailableError, type CompiledModel, type Device, elementCount } from '@qedge/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type NodeGpu, requestNodeGpu } from '../src/node.ts';
import { callInChild } from '../src/probe/call-in-child.ts';
import { randomInput, randomModel } from '../src/testing/index.ts';
import { nodeGpuRequest, openNodeGpu, SWIFTSHADER_MANIFEST } from '../src/webgpu/node-gpu.ts';
import { createWebGpuDevice } from '../src/webgpu.ts';
import { evaluateInFloat64, relativeError, type TestModel } from './float64-evaluation.ts';

const found: NodeGpu | CapabilityUnavailableError = await requestNodeGpu({ allowSoftware: true }).catch(
  (error) => error,
);
const missing = found instanceof Error ? found.message : '';
if (missing) console.warn(`SKIPPED: the WebGPU tests. ${missing}`);

describe.skipIf(missing !== '')('the WebGPU device', () => {
  let device: Device;
  beforeAll(async () => {
    device = await createWebGpuDevice({ gpu: (found as NodeGpu).gpu });
  });
  afterAll(() => device.dispose());

  const compile = (model: TestModel, maxBatch: number): Promise<CompiledModel> =>
    device.compile(model.graph, model.weights, { precision: 'float32', maxBatch });

  const errorOf = async (model: TestModel, compiled: CompiledModel, batch: number) => {
    const input = randomInput(elementCount(model.graph.inputShape), batch, batch);
    const output = new Float32Array(batch * model.graph.outputShape[0]!).fill(Number.NaN);
    await compiled.run(input, output, batch);
    return relativeError(output, evaluateInFloat64(model, input, batch));
  };

  it('says what it runs on', () => {
    const { adapterName, software } = found as NodeGpu;
    expect(device).toMatchObject({
      kind: 'webgpu',
      name: `webgpu (${adapterName})`,
      precisions: ['float32'],
    });
    expect(device.fallbacks.map(({ to }) => to)).toEqual(software ? [adapterName] : []);
  });

  it('computes what the layers mean, for random networks and batches', async () => {
    const size = fc.integer({ min: 1, max: 70 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(size, { minLength: 2, maxLength: 4 }),
        fc.constantFrom(1, 2, 3, 4, 5, 16, 17, 33),
        fc.integer({ min: 0, max: 1000 }),
        fc.boolean(),
        fc.boolean(),
        async (sizes, batch, seed, bias, softmax) => {
          const model = randomModel({ sizes, seed, bias, softmax });
          using compiled = await compile(model, 33);
          expect(await errorOf(model, compiled, batch)).toBeLessThan(1e-5);
        },
      ),
      { seed: 1, numRuns: 25 },
    );
  });

  it('reuses its buffers for batches of any size up to the greatest', async () => {
    const model = randomModel({ sizes: [784, 256, 128, 10], seed: 7, inputShape: [28, 28], softmax: true });
    using compiled = await compile(model, 64);
    for (const batch of [64, 1, 2, 63, 1, 64])
      expect(await errorOf(model, compiled, batch)).toBeLessThan(1e-5);
    const weightBytes = 4 * (785 * 256 + 257 * 128 + 129 * 12);
    expect(compiled.memory.weightBytes).toBe(weightBytes);
    // Two activation buffers, the readback buffer, the batch, and the sizes of four layers.
    expect(compiled.memory.bufferBytes).toBe(4 * 64 * (2 * 784 + 10) + 16 + 4 * 16);
  });

  it('does softmax of rows longer than a workgroup, of huge values, and of more rows than workgroups', async () => {
    const softmax = async (rows: number, width: number, input: Float32Array) => {
      const inputShape = [rows, width];
      const graph = {
        format: 'qedge-model-graph',
        version: 1,
        name: 'softmax',
        inputShape,
        outputShape: inputShape,
        layers: [{ kind: 'softmax', name: 's' }],
      } as const;
      using compiled = await device.compile(graph, randomModel({ sizes: [1, 1], seed: 1 }).weights, {
        precision: 'float32',
        maxBatch: 1,
      });
      const output = new Float32Array(rows * width);
      await compiled.run(input, output, 1);
      return output;
    };
    const long = await softmax(1, 1000, new Float32Array(1000).fill(88));
    expect(relativeError(long, new Float32Array(1000).fill(1e-3))).toBeLessThan(1e-8);
    const huge = await softmax(1, 3, Float32Array.of(3e38, -3e38, 3e38));
    expect([...huge]).toEqual([0.5, 0, 0.5]);
    const rows = 2500;
    const many = await softmax(
      rows,
      2,
      Float32Array.from({ length: 2 * rows }, (_, i) => (i % 2) * (i % 7)),
    );
    for (const row of [0, 1, 1023, 1024, 2499]) {
      const exponential = Math.exp((2 * row + 1) % 7);
      expect(many[2 * row + 1]).toBeCloseTo(exponential / (1 + exponential), 6);
    }
  });

  it('passes data through a graph that only flattens', async () => {
    const graph = {
      format: 'qedge-model-graph',
      version: 1,
      name: 'flatten',
      inputShape: [2, 3],
      outputShape: [6],
      layers: [{ kind: 'flatten', name: 'f' }],
    } as const;
    using compiled = await compile({ graph, weights: randomModel({ sizes: [1, 1], seed: 1 }).weights }, 2);
    const output = new Float32Array(12);
    const input = Float32Array.from({ length: 12 }, (_, i) => i);
    await compiled.run(input, output, 2);
    expect(output).toEqual(input);
  });

  it('checks the arguments of run, one run at a time, and refuses to run after dispose', async () => {
    const model = randomModel({ sizes: [4, 2], seed: 4 });
    const compiled = await compile(model, 2);
    const run = (input: number, output: number, batch: number) =>
      compiled.run(new Float32Array(input), new Float32Array(output), batch);
    await expect(run(4, 2, 0)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(run(12, 6, 3)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    await expect(run(7, 4, 2)).rejects.toMatchObject({ code: 'SHAPE_MISMATCH' });
    const first = run(4, 2, 1);
    await expect(run(4, 2, 1)).rejects.toThrow('one batch at a time');
    await first;
    const cut = run(4, 2, 1);
    compiled.dispose();
    await expect(cut).rejects.toMatchObject({ code: 'USE_AFTER_RELEASE' });
    await expect(run(4, 2, 1)).rejects.toMatchObject({ code: 'USE_AFTER_RELEASE' });
  });

  it('refuses narrow precisions and models that the adapter cannot hold, and goes on working', async () => {
    const model = randomModel({ sizes: [4, 2], seed: 4 });
    const narrow = device.compile(model.graph, model.weights, { precision: 'int8', maxBatch: 1 });
    await expect(narrow).rejects.toMatchObject({ code: 'UNSUPPORTED', actual: 'int8' });
    await expect(compile(model, 2 ** 40)).rejects.toThrow(`the activations of a batch of ${2 ** 40}`);
    using compiled = await compile(model, 1);
    expect(await errorOf(model, compiled, 1)).toBeLessThan(1e-5);
  });

  it('refuses batches and layers of more workgroups than one dispatch may have', async () => {
    const narrow = randomModel({ sizes: [1, 1], seed: 5 });
    await expect(compile(narrow, 65535 * 16 + 1)).rejects.toMatchObject({
      code: 'UNSUPPORTED',
      actual: 65536,
    });
    const wide = randomModel({ sizes: [1, 65535 * 64 + 1], seed: 5 });
    await expect(compile(wide, 1)).rejects.toMatchObject({ code: 'UNSUPPORTED', actual: 65536 });
    const greatest = 65535 * 16;
    using compiled = await compile(narrow, greatest);
    const input = randomInput(1, greatest, 1);
    const output = new Float32Array(greatest).fill(Number.NaN);
    await compiled.run(input, output, greatest);
    const [last, expected] = [output.subarray(-3), evaluateInFloat64(narrow, input.slice(-3), 3)];
    expect(relativeError(last, expected)).toBeLessThan(1e-5);
  });

  it('compiles several models at the same time, one too large among them', async () => {
    const models = [1, 2, 3].map((seed) => randomModel({ sizes: [9, 7, 3], seed }));
    const tooLarge = compile(models[0]!, 2 ** 40).catch((error) => error);
    const compiled = await Promise.all(models.map((model) => compile(model, 4)));
    expect(await tooLarge).toMatchObject({ code: 'UNSUPPORTED' });
    const errors = await Promise.all(models.map((model, index) => errorOf(model, compiled[index]!, 3)));
    for (const error of errors) expect(error).toBeLessThan(1e-5);
    for (const model of compiled) model.dispose();
  });

  it('is not left half-made when it is disposed while a model compiles', async () => {
    const other = await createWebGpuDevice({ gpu: (found as NodeGpu).gpu });
    const { graph, weights } = randomModel({ sizes: [4, 2], seed: 4 });
    const late = other.compile(graph, weights, { precision: 'float32', maxBatch: 1 });
    other.dispose();
    await expect(late).rejects.toHaveProperty('code');
  });

  it('takes its models along when it is disposed', async () => {
    const other = await createWebGpuDevice({ gpu: (found as NodeGpu).gpu });
    const { graph, weights } = randomModel({ sizes: [4, 2], seed: 4 });
    const compiled = await other.compile(graph, weights, { precision: 'float32', maxBatch: 1 });
    other.dispose();
    const run = compiled.run(new Float32Array(4), new Float32Array(2), 1);
    await expect(run).rejects.toMatchObject({ code: 'USE_AFTER_RELEASE' });
    const late = other.compile(graph, weights, { precision: 'float32', maxBatch: 1 });
    await expect(late).rejects.toMatchObject({ code: 'USE_AFTER_RELEASE' });
  });
});

describe('where there is no WebGPU', () => {
  it('createWebGpuDevice says what to do', async () => {
    if (!(globalThis as { navigator?: { gpu?: unknown } }).navigator?.gpu) {
      await expect(createWebGpuDevice()).rejects.toThrow(/requestNodeGpu/);
    }
    const empty = { requestAdapter: async () => null } as unknown as GPU;
    await expect(createWebGpuDevice({ gpu: empty })).rejects.toMatchObject({
      code: 'CAPABILITY_UNAVAILABLE',
    });
  });

  it('requestNodeGpu names the package to install', async () => {
    const error = await requestNodeGpu({ from: '/' }).catch((reason) => reason);
    expect(error).toBeInstanceOf(CapabilityUnavailableError);
    expect(error).toMatchObject({ remedy: 'npm install webgpu' });
  });

  it.skipIf(!existsSync(SWIFTSHADER_MANIFEST))(
    'VK_ICD_FILENAMES asks for the driver that it names',
    async () => {
      const previous = process.env.VK_ICD_FILENAMES;
      process.env.VK_ICD_FILENAMES = SWIFTSHADER_MANIFEST;
      try {
        const outcome = await callInChild(openNodeGpu, nodeGpuRequest(null), { timeoutMs: 20_000 });
        if (missing) expect(outcome).toMatchObject({ ok: false });
        else expect(outcome).toMatchObject({ ok: true, value: { software: true } });
      } finally {
        if (previous === undefined) delete process.env.VK_ICD_FILENAMES;
        else process.env.VK_ICD_FILENAMES = previous;
      }
    },
  );

  it.skipIf(existsSync('/dev/dri'))('requestNodeGpu takes software only when asked to', async () => {
    if (process.env.VK_ICD_FILENAMES) return;
    await expect(requestNodeGpu()).rejects.toThrow(CapabilityUnavailableError);
  });
});
