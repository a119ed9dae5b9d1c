import './relaxed-simd.ts';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CancelledError,
  FileFormatError,
  FileNotFoundError,
  InvalidArgumentError,
  ShapeMismatchError,
  UnsupportedError,
  UseAfterReleaseError,
  type ValueSpec,
} from '@qedge/core';
import { saveModelFile } from '@qedge/memory/node';
import { afterAll, describe, expect, it } from 'vitest';
import { GraphBuilder, type ValueData } from '../src/graph.ts';
import { graphSource, onnxSource } from '../src/index.ts';
import {
  compileGraph,
  createKernelEngine,
  loadModel,
  openModelSource,
  savePreparedModel,
} from '../src/node.ts';
import { importOnnx, readOnnx } from '../src/onnx.ts';
import { bytesField, integerField, message, toBytes } from '../src/ort/protocol-buffer.ts';
import { encodeOnnxFile } from '../src/ort.ts';
import { randomInput, randomModel, runReference } from '../src/testing/index.ts';
import { REAL_ONNX_MODELS } from './real-models.ts';
import { findAllocation } from './steady-state.ts';

const folder = mkdtempSync(join(tmpdir(), 'qedge-inference-'));
afterAll(() => rmSync(folder, { recursive: true }));

const perceptron = randomModel({ sizes: [12, 9, 4], seed: 6 });

async function perceptronFile(): Promise<string> {
  const path = join(folder, 'perceptron.qez');
  await saveModelFile(path, { graph: perceptron.graph, tensors: perceptron.tensors });
  return path;
}

function expected(input: Float32Array, batch: number): number[] {
  return Array.from(runReference(perceptron.graph, perceptron.weights, input, batch, 'float32'));
}

function expectClose(actual: ArrayLike<number>, wanted: ArrayLike<number>, tolerance = 2e-5): void {
  expect(actual.length).toBe(wanted.length);
  for (let at = 0; at < wanted.length; at++) {
    expect(Math.abs(actual[at]! - wanted[at]!), `value ${at}`).toBeLessThan(
      tolerance * (1 + Math.abs(wanted[at]!)),
    );
  }
}

/** A file whose one output `y` is a float32 tensor `[size]` in another file. */
function onnxWithExternalTensor(size: number, location: string, offset: number): Uint8Array {
  const entry = (key: string, value: string) => {
    return bytesField(13, message(bytesField(1, key), bytesField(2, value)));
  };
  const place = [entry('location', location), entry('offset', String(offset)), integerField(14, 1)];
  const tensor = message(integerField(1, size), integerField(2, 1), ...place, bytesField(8, 'y'));
  const output = message(bytesField(1, 'y'), bytesField(2, bytesField(1, integerField(1, 1))));
  const version = message(bytesField(1, ''), integerField(2, 17));
  const graph = message(bytesField(5, tensor), bytesField(12, output));
  return toBytes(message(integerField(1, 8), bytesField(8, version), bytesField(7, graph)));
}

describe('an inference engine', () => {
  it('runs any batch of a model file, told by the length of its input', async () => {
    using engine = await loadModel(await perceptronFile());
    for (const batch of [1, 3, 8, 3]) {
      const input = randomInput(12, batch, batch);
      const [output] = Object.values(engine.run({ input }));
      expect(output!.shape).toEqual([batch, 4]);
      expectClose(output!.data, expected(input, batch));
    }
    expect(engine.report().variants.map(({ batch, precision }) => [batch, precision])).toEqual([
      [1, 'float32'],
      [3, 'float32'],
      [8, 'float32'],
    ]);
  });

  it('chooses the precision per run', async () => {
    using engine = await loadModel(await perceptronFile());
    const input = randomInput(12, 2, 1);
    for (const [precision, tolerance] of [
      ['float32', 1e-4],
      ['float16', 5e-3],
      ['int8', 0.2],
    ] as const) {
      const [output] = Object.values(engine.run({ input }, { precision }));
      expectClose(output!.data, expected(input, 2), tolerance);
    }
    expect(() => engine.run({ input }, { precision: 'int2' as never })).toThrow(InvalidArgumentError);
  });

  it('runs many samples in batches and gives each its own outputs', async () => {
    using engine = await loadModel(await perceptronFile());
    const all = randomInput(12, 10, 4);
    const samples = Array.from({ length: 10 }, (_, at) => ({ input: all.subarray(at * 12, (at + 1) * 12) }));
    const progress: number[] = [];
    const results = await engine.runBatch(samples, {
      batch: 4,
      onProgress: ({ done }) => progress.push(done),
    });
    expect(progress).toEqual([4, 8, 10]);
    expectClose(
      results.flatMap((result) => Array.from(Object.values(result)[0]!.data)),
      expected(all, 10),
    );
    expect(await engine.runBatch([])).toEqual([]);
    const stop = new AbortController();
    const cancelled = engine.runBatch(samples, {
      batch: 2,
      signal: stop.signal,
      onProgress: () => stop.abort(),
    });
    await expect(cancelled).rejects.toThrow(CancelledError);
    expect(() => engine.warm({ batch: 5, signal: AbortSignal.abort() })).toThrow(CancelledError);
  });

  it('says what does not fit, by name', async () => {
    using engine = await loadModel(await perceptronFile());
    expect(() => engine.run({})).toThrow(/"input" is missing/);
    const input = randomInput(12, 1, 1);
    expect(() => engine.run({ input, image: input })).toThrow(/no input "image"/);
    for (const value of [null, [1, 2], { data: input }] as never[]) {
      expect(() => engine.run({ input: value })).toThrow(/"input" is no typed array/);
    }
    for (const inputs of [undefined, null, 3, input] as never[]) {
      expect(() => engine.run(inputs)).toThrow(InvalidArgumentError);
    }
    for (const samples of [undefined, { input }, [null], [{ input }, {}]] as never[]) {
      await expect(engine.runBatch(samples)).rejects.toThrow(InvalidArgumentError);
    }
    expect(() => engine.run({ input: new Float32Array(13) })).toThrow(ShapeMismatchError);
    expect(() => engine.run({ input: new Float32Array(0) })).toThrow(ShapeMismatchError);
    expect(() => engine.run({ input: new Int32Array(12) })).toThrow(/wrong type/);
    await expect(loadModel(join(folder, 'none.onnx'))).rejects.toThrow(FileNotFoundError);
    writeFileSync(join(folder, 'damaged.onnx'), 'nothing');
    await expect(loadModel(join(folder, 'damaged.onnx'))).rejects.toThrow(FileFormatError);
    await expect(loadModel(join(folder, 'damaged.onnx'))).rejects.toThrow(/damaged\.onnx/);
    await expect(loadModel(join(folder, 'model.h5'))).rejects.toThrow(UnsupportedError);
    await expect(loadModel(join(folder, 'model.safetensors'))).rejects.toThrow(/bertEncoder/);
    for (const model of [undefined, null, 3, {}, new URL('file:///model.onnx')] as never[]) {
      await expect(loadModel(model)).rejects.toThrow(InvalidArgumentError);
    }
  });

  it('refuses a precision that there is not, before it compiles', async () => {
    using kernels = await createKernelEngine();
    const builder = new GraphBuilder('softmax');
    const x = builder.input('x', { dtype: 'float32', shape: [2, 3] });
    builder.output(builder.add({ kind: 'softmax', log: false }, [x])[0]!);
    const unknown = { precision: 'fp16' as never };
    expect(() => compileGraph(builder.finish(), kernels, unknown)).toThrow(InvalidArgumentError);
    await expect(loadModel(await perceptronFile(), unknown)).rejects.toThrow(InvalidArgumentError);
  });

  it('asks for the sizes that a model leaves open', async () => {
    const source = () => onnxSource(readOnnx(REAL_ONNX_MODELS.classification()));
    await expect(loadModel(source())).rejects.toThrow(
      /inputShapes: \{ "x": \[a size, 3, a size, a size\] \}/,
    );
    await expect(loadModel(source(), { inputShapes: { y: [1] } })).rejects.toThrow(/no input "y"/);
    await expect(loadModel(source(), { inputShapes: { x: [1, 4, 48, 96] } })).rejects.toThrow(
      ShapeMismatchError,
    );
    using engine = await loadModel(source(), { inputShapes: { x: [1, 3, 48, 96] } });
    const [output] = Object.values(engine.run({ x: randomInput(3 * 48 * 96, 2, 3) }));
    expect(output!.shape).toEqual([2, 2]);
    expect(output!.data[0]! + output!.data[1]!).toBeCloseTo(1, 5);
  });

  it('finds the batch in the first input that has one, and divides no other', async () => {
    const multiply = { operation: 'multiply', a: { input: 0 }, b: { input: 1 } } as const;
    const make = (batch: number) => {
      const builder = new GraphBuilder('scaled');
      const scale = builder.input('scale', { dtype: 'float32', shape: [1] });
      const x = builder.input('x', { dtype: 'float32', shape: [batch, 3] });
      const [y] = builder.add({ kind: 'pointwise', expression: multiply }, [x, scale]);
      builder.output(y!);
      return builder.finish();
    };
    using engine = await loadModel({
      ...graphSource(make(1)),
      inputs: [
        { name: 'scale', dtype: 'float32', shape: [1] },
        { name: 'x', dtype: 'float32', shape: [null, 3] },
      ],
      specialize: ({ x }) => make(x![0]!),
    });
    const [y] = Object.values(
      engine.run({ scale: Float32Array.of(2), x: Float32Array.of(1, 2, 3, 4, 5, 6) }),
    );
    expect(y).toMatchObject({ shape: [2, 3], data: Float32Array.of(2, 4, 6, 8, 10, 12) });
    const sample = { scale: Float32Array.of(3), x: Float32Array.of(1, 2, 3) };
    await expect(engine.runBatch([sample, sample])).rejects.toThrow(/input "scale" cannot be divided/);
    const [alone] = await engine.runBatch([sample, sample], { batch: 1 });
    expect(Object.values(alone!)[0]!.data).toEqual(Float32Array.of(3, 6, 9));
  });

  it('runs samples of a model of a fixed batch one by one', async () => {
    const builder = new GraphBuilder('fixed');
    const x = builder.input('x', { dtype: 'float32', shape: [1, 2] });
    const negate = { operation: 'subtract', a: { constant: 0 }, b: { input: 0 } } as const;
    builder.output(builder.add({ kind: 'pointwise', expression: negate }, [x])[0]!);
    using engine = await loadModel(graphSource(builder.finish()));
    const results = await engine.runBatch([{ x: Float32Array.of(1, 2) }, { x: Float32Array.of(3, 4) }]);
    expect(results.map((result) => [...Object.values(result)[0]!.data])).toEqual([
      [-1, -2],
      [-3, -4],
    ]);
    expect(() => engine.run({ x: new Float32Array(4) })).toThrow(/no whole number of samples/);
  });

  it('reads weights beside an ONNX file, and refuses those that are not there before it makes room for them', async () => {
    writeFileSync(join(folder, 'weights.bin'), new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer));
    const load = async (size: number, location: string, offset: number) => {
      const path = join(folder, 'external.onnx');
      writeFileSync(path, onnxWithExternalTensor(size, location, offset));
      using source = await openModelSource(path);
      const { graph, weights } = source.specialize({});
      return Array.from(weights.load(graph.constants[0]!).data);
    };
    expect(await load(2, 'weights.bin', 8)).toEqual([3, 4]);
    await expect(load(2 ** 38, 'weights.bin', 0)).rejects.toThrow(/too short/);
    await expect(load(2, 'weights.bin', 2 ** 52)).rejects.toThrow(/too short/);
    await expect(load(2, '../weights.bin', 0)).rejects.toThrow(/outside of its folder/);
    await expect(load(2, 'other.bin', 0)).rejects.toThrow(FileNotFoundError);
  });

  it('says why a file is not mapped', async () => {
    const builder = new GraphBuilder('copied');
    builder.output(builder.input('x', { dtype: 'float32', shape: [1, 2] }));
    const fallback = { from: 'mmap', to: 'reading on demand', why: 'no koffi' };
    using engine = await loadModel({
      ...graphSource(builder.finish()),
      file: { loading: 'copied', byteLength: 8, fallbacks: [fallback] },
    });
    expect(engine.report().fallbacks).toContainEqual(fallback);
  });

  it('names operators that are missing when the model is loaded, and takes them from the user', async () => {
    const file = encodeOnnxFile(
      {
        name: 'strange',
        nodes: [
          { operator: 'Relu', inputs: ['x'], output: 'r' },
          { operator: 'Frobnicate', domain: 'com.example', inputs: ['r'], output: 'y' },
        ],
        tensors: [],
        inputs: [{ name: 'x', type: 'float32', shape: [2] }],
        outputs: [{ name: 'y', type: 'float32', shape: [2] }],
      },
      17,
    );
    const path = join(folder, 'strange.onnx');
    writeFileSync(path, file);
    await expect(loadModel(path)).rejects.toThrow(/com\.example\.Frobnicate \(y\)/);
    const customs = {
      'com.example.Frobnicate': {
        infer: ([x]: readonly (ValueSpec | null)[]) => [x!],
        evaluate: ([x]: readonly (ValueData | null)[], [y]: readonly ValueData[]) => {
          for (let at = 0; at < y!.data.length; at++) y!.data[at] = 2 * x!.data[at]!;
        },
      },
    };
    using engine = await loadModel(path, { customs });
    expect(engine.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: [2] }]);
    expect(Array.from(engine.run({ x: Float32Array.of(-1, 3) }).y!.data)).toEqual([0, 6]);
  });

  it('checks shapes and threads before it makes an engine', async () => {
    const source = () => onnxSource(readOnnx(REAL_ONNX_MODELS.classification()));
    // An engine would fail on this folder, which is no file.
    const tuning = { file: folder };
    const inputShapes = { x: [1, 3, 48, 64] };
    await expect(loadModel(source(), { tuning, inputShapes: { x: [1, 3, 48] } })).rejects.toThrow(
      ShapeMismatchError,
    );
    for (const threads of [0, 1.5, 100_000]) {
      const loading = loadModel(source(), { tuning, inputShapes, threads });
      await expect(loading).rejects.toThrow(/number of threads.*processors/);
    }
    await expect(loadModel(source(), { tuning, inputShapes })).rejects.not.toThrow(ShapeMismatchError);
  });

  it('says when a precision has to be packed because the file was not prepared for it', async () => {
    const path = join(folder, 'float32-only.qez');
    const builder = new GraphBuilder('product');
    const x = builder.input('x', { dtype: 'float32', shape: [1, 64] });
    const w = builder.constant('w', { dtype: 'float32', shape: [64, 64], data: randomInput(64, 64, 1) });
    const product = {
      kind: 'matmul',
      transposeA: false,
      transposeB: false,
      alpha: 1,
      activation: null,
    } as const;
    builder.output(builder.add(product, [x, w])[0]);
    using kernels = await createKernelEngine();
    await savePreparedModel(path, builder.finish(), kernels);
    using engine = await loadModel(path);
    const told = () => engine.report().fallbacks.filter(({ from }) => from.includes('weights of the file'));
    engine.warm();
    expect(told()).toEqual([]);
    engine.warm({ precision: 'int8' });
    expect(told()).toEqual([
      {
        from: 'int8 weights of the file',
        to: 'weights packed when they were first asked for',
        why: 'the file was prepared for float32',
      },
    ]);
  });

  it('refuses to work after dispose', async () => {
    const engine = await loadModel(await perceptronFile());
    engine.warm();
    const compiled = engine.prepare(1);
    engine.dispose();
    engine.dispose();
    expect(() => engine.run({ input: new Float32Array(12) })).toThrow(UseAfterReleaseError);
    expect(() => compiled.run()).toThrow(UseAfterReleaseError);
  });

  it('allocates nothing over 10,000 runs, in the heap and outside', async () => {
    const builder = new GraphBuilder('steady');
    const x = builder.input('x', { dtype: 'float32', shape: [1, 6, 6, 4] });
    const weights = builder.constant('w', {
      dtype: 'float32',
      shape: [3, 3, 4, 8],
      data: randomInput(288, 1, 1),
    });
    const window = { size: [3, 3], strides: [1, 1], dilations: [1, 1], padding: [1, 1, 1, 1] } as const;
    const [y] = builder.add({ kind: 'convolution', window, groups: 1, activation: { kind: 'relu' } }, [
      x,
      weights,
    ]);
    const [z] = builder.add({ kind: 'reduction', operation: 'mean', axes: [1, 2], keepAxes: false }, [y]);
    builder.output(z);
    using engine = await loadModel(graphSource(builder.finish()));
    const inputs = { x: randomInput(144, 1, 2) };
    expect(findAllocation(() => engine.run(inputs))).toBeNull();
  });

  it('notices before a run that its mapped file was replaced', async () => {
    const path = join(folder, 'classifier.qez');
    const model = importOnnx(readOnnx(REAL_ONNX_MODELS.classification()), {
      inputShapes: { x: [1, 3, 48, 64] },
    });
    using kernels = await createKernelEngine();
    await savePreparedModel(path, model, kernels);
    using engine = await loadModel(path);
    const inputs = { x: randomInput(3 * 48 * 64, 1, 5) };
    const before = Object.values(engine.run(inputs))[0]!.data.slice();
    using plain = await loadModel(graphSource(model));
    expectClose(before, Object.values(plain.run(inputs))[0]!.data, 1e-6);
    const { mappedBytes } = engine.report().variants[0]!.memory;
    await saveModelFile(path, { graph: perceptron.graph, tensors: perceptron.tensors });
    if (mappedBytes > 0) expect(() => engine.run(inputs)).toThrow(FileFormatError);
    else expect(Object.values(engine.run(inputs))[0]!.data).toEqual(before);
  });
});
