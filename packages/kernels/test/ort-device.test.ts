import { CapabilityUnavailableError, InvalidArgumentError, UseAfterReleaseError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { loadFloat32Model } from '../src/float32-model.ts';
import { loadOnnxRuntime } from '../src/node.ts';
import { encodeOnnxModel } from '../src/ort/onnx-model.ts';
import { bytesField, integerField, message, toBytes } from '../src/ort/protocol-buffer.ts';
import { createOrtDevice } from '../src/ort.ts';
import { randomInput, randomModel, runReference } from '../src/testing/index.ts';
import { packageFolder } from './packages-on-disk.ts';

const { ort } = await loadOnnxRuntime({ prefer: ['onnxruntime-node'] });

describe('protocol buffers', () => {
  it('write the examples of their specification', () => {
    // https://protobuf.dev/programming-guides/encoding: 150 in field 1, "testing" in field 2, a message in field 3.
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
    expect(hex(toBytes(integerField(1, 150)))).toBe('089601');
    expect(hex(toBytes(bytesField(2, 'testing')))).toBe('120774657374696e67');
    expect(hex(toBytes(bytesField(3, integerField(1, 150))))).toBe('1a03089601');
    expect(hex(toBytes(message(integerField(20, 2), integerField(1, 2 ** 40))))).toBe('a0010208808080808020');
  });
});

describe('an ONNX model', () => {
  it('is what ONNX Runtime reads, with the batch left open', async () => {
    const { graph, weights } = randomModel({ sizes: [5, 4, 3], seed: 1, softmax: true });
    const model = loadFloat32Model('onnxruntime', graph, weights, { precision: 'float32', maxBatch: 1 });
    const { InferenceSession } = await import('onnxruntime-node');
    const session = await InferenceSession.create(encodeOnnxModel(model));
    expect(session.inputMetadata).toMatchObject([{ name: 'input', type: 'float32', shape: ['batch', 5] }]);
    expect(session.outputMetadata).toMatchObject([{ name: 'output', type: 'float32', shape: ['batch', 3] }]);
    await session.release();
  });
});

describe('loadOnnxRuntime', () => {
  it('takes the native package first', async () => {
    expect(await loadOnnxRuntime()).toMatchObject({ library: 'onnxruntime-node', fallbacks: [] });
  });

  it('says why a better package was passed over, and why none is there', async () => {
    using folder = packageFolder({ 'onnxruntime-web': 'exports.InferenceSession = {};' });
    expect(await loadOnnxRuntime({ from: folder.path })).toMatchObject({
      library: 'onnxruntime-web',
      fallbacks: [
        { from: 'onnxruntime-node', to: 'onnxruntime-web', why: "Cannot find module 'onnxruntime-node'" },
      ],
    });
    using broken = packageFolder({ 'onnxruntime-node': '' });
    const loading = loadOnnxRuntime({ from: broken.path });
    await expect(loading).rejects.toThrow(CapabilityUnavailableError);
    await expect(loading).rejects.toThrow(/no InferenceSession.*Cannot find module 'onnxruntime-web'/);
  });

  it('refuses a package that it does not know', async () => {
    await expect(loadOnnxRuntime({ prefer: ['onnx' as 'onnxruntime-web'] })).rejects.toThrow(
      InvalidArgumentError,
    );
  });
});

describe('the ONNX Runtime device', () => {
  it('states what it is, and takes the namespace as it is imported', async () => {
    using device = await createOrtDevice(await import('onnxruntime-node'), { executionProviders: ['cpu'] });
    expect(device).toMatchObject({ kind: 'onnxruntime', precisions: ['float32'], fallbacks: [] });
    expect(device.name).toMatch(/^onnxruntime-node 1\.\d+\.\d+ \(cpu\)$/);
  });

  it('refuses an execution provider that does not start, with its reason', async () => {
    const creation = createOrtDevice(ort, { executionProviders: ['no-such-provider'] });
    await expect(creation).rejects.toThrow(CapabilityUnavailableError);
    await expect(creation).rejects.toThrow(/no-such-provider/);
  });

  it('computes softmax over every row of samples with several', async () => {
    const layers = [{ kind: 'softmax', name: 'softmax' }] as const;
    const shape = [3, 4];
    const { graph, weights } = randomModel({ sizes: [1, 1], seed: 1 });
    const rows = { ...graph, inputShape: shape, outputShape: shape, layers };
    using device = await createOrtDevice(ort);
    using model = await device.compile(rows, weights, { precision: 'float32', maxBatch: 2 });
    const input = randomInput(12, 2, 5);
    const output = new Float32Array(24);
    await model.run(input, output, 2);
    const expected = runReference(rows, weights, input, 2, 'float32');
    for (let i = 0; i < 24; i++) expect(output[i]).toBeCloseTo(expected[i]!, 6);
  });

  it('reads the input before it returns, so that the caller may overwrite it', async () => {
    const { graph, weights } = randomModel({ sizes: [7, 3], seed: 2 });
    using device = await createOrtDevice(ort);
    using model = await device.compile(graph, weights, { precision: 'float32', maxBatch: 1 });
    const input = randomInput(7, 1, 3);
    const expected = runReference(graph, weights, input, 1, 'float32');
    const output = new Float32Array(3);
    const running = model.run(input, output, 1);
    input.fill(Number.NaN);
    await running;
    for (let i = 0; i < 3; i++) expect(output[i]).toBeCloseTo(expected[i]!, 5);
  });

  it('runs one batch at a time, and ends a run that was under way when the model was disposed', async () => {
    const { graph, weights } = randomModel({ sizes: [7, 3], seed: 2 });
    using device = await createOrtDevice(ort);
    const model = await device.compile(graph, weights, { precision: 'float32', maxBatch: 1 });
    const output = new Float32Array(3);
    const running = model.run(randomInput(7, 1, 3), output, 1);
    await expect(model.run(randomInput(7, 1, 3), output, 1)).rejects.toThrow(InvalidArgumentError);
    model.dispose();
    await running;
    expect(output.some((value) => value !== 0)).toBe(true);
    await expect(model.run(randomInput(7, 1, 3), output, 1)).rejects.toThrow(UseAfterReleaseError);
  });
});
