import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OperatorModel } from '@qedge/core';
import { openSafetensors } from '@qedge/memory/node';
import * as tf from '@tensorflow/tfjs';
import { Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KernelEngine } from '../src/engine/kernel-engine.ts';
import { evaluateGraph } from '../src/graph/evaluate-graph.ts';
import { type BertConfig, bertEncoder } from '../src/graph/models/bert.ts';
import type { ValueData } from '../src/graph/operators/operator-definition.ts';
import { optimizeGraph } from '../src/graph/passes/optimize-graph.ts';
import { compileGraph, createKernelEngine } from '../src/node.ts';
import { importOnnx, readOnnx } from '../src/onnx.ts';
import { encodeOperatorModelAsOnnx } from '../src/ort.ts';
import { importLayersModel } from '../src/tfjs.ts';
import { runExposed } from './exposed-onnx.ts';
import { compareLayers, type LayerDifference, onnxPeers, worstOf } from './layer-comparison.ts';
import { faceDetectorWeights, mobileNet } from './mobilenet-layers.ts';
import { floats, integers, runOnnx, value } from './operator-cases.ts';
import { REAL_ONNX_MODELS, writtenPage } from './real-models.ts';

type Inputs = Readonly<Record<string, ValueData>>;

/**
 * Both sides round to float32 after every operation (2^-24 = 6e-8 each), in other orders, and every layer stands on what its own side computed
 * before. Ten roundings per layer through 150 layers, all adding up, are 9e-5 of the largest number of a layer.
 */
const TOLERANCE = 1e-4;

let engine: KernelEngine;

beforeAll(async () => {
  engine = await createKernelEngine();
  tf.env().set('PROD', true);
  await tf.setBackend('cpu');
});

afterAll(() => engine.dispose());

/** The optimised graph, whose values have no counterpart, node by node against plain loops with sums in float64. */
function compareOptimized(model: OperatorModel, inputs: Inputs): LayerDifference[] {
  const { model: optimized } = optimizeGraph(model);
  const reference = new Map<string, ValueData>();
  evaluateGraph(optimized, inputs, { trace: (name, computed) => reference.set(name, computed) });
  using compiled = compileGraph(optimized, engine, { optimize: false });
  return compareLayers(compiled, inputs, reference);
}

/** All values of the graph as it was imported, by generated kernels, against those of a peer. */
function compareImported(
  model: OperatorModel,
  inputs: Inputs,
  peer: ReadonlyMap<string, ValueData>,
): LayerDifference[] {
  using compiled = compileGraph(model, engine, { optimize: false });
  return compareLayers(compiled, inputs, peer, onnxPeers(model));
}

function expectNear(layers: readonly LayerDifference[], atLeast: number, tolerance = TOLERANCE): void {
  expect(layers.length).toBeGreaterThanOrEqual(atLeast);
  const { name, relative } = worstOf(layers);
  expect(relative, name).toBeLessThanOrEqual(tolerance);
}

describe('every layer of an ONNX file is what ONNX Runtime computes', () => {
  const state = { shape: [2, 1, 128] };
  const legacyState = { shape: [2, 1, 64] };
  const cases = [
    { name: 'detection', inputs: { x: { shape: [1, 3, 64, 64] } }, compared: 320 },
    { name: 'recognition', inputs: { x: { shape: [1, 3, 48, 64] } }, compared: 390 },
    { name: 'classification', inputs: { x: { shape: [2, 3, 48, 96] } }, compared: 180 },
    { name: 'silero5', inputs: { input: { shape: [1, 512] }, state }, compared: 35 },
    // The probability that noise is speech is the sigmoid of about -9: relative to it, 1e-4 of the 9 are 9e-4.
    { name: 'silero6', inputs: { input: { shape: [1, 512] }, state }, compared: 35, tolerance: 9e-4 },
    {
      name: 'sileroLegacy',
      inputs: { input: { shape: [1, 1536] }, h: legacyState, c: legacyState },
      compared: 75,
    },
  ] as const;

  it.each(cases)('$name', async ({ name, inputs: specs, compared, ...rest }) => {
    const file = REAL_ONNX_MODELS[name]();
    const inputs = Object.fromEntries(
      Object.entries(specs).map(([key, { shape }], seed) => {
        return [key, key === 'x' ? writtenPage(shape) : floats(seed, ...shape)];
      }),
    );
    const shapes = Object.fromEntries(Object.entries(inputs).map(([key, { shape }]) => [key, shape]));
    const voice = name.startsWith('silero');
    const model = importOnnx(readOnnx(file), {
      inputShapes: shapes,
      constants: voice ? { sr: 16000 } : {},
    });
    const feeds = Object.entries(inputs).map(([key, { shape, data }]) => {
      return [key, new Tensor('float32', data as Float32Array, shape)] as const;
    });
    const rate = new Tensor('int64', BigInt64Array.of(16000n), []);
    const peer = await runExposed(file, Object.fromEntries(voice ? [...feeds, ['sr', rate]] : feeds));
    const tolerance = 'tolerance' in rest ? rest.tolerance : TOLERANCE;
    expectNear(compareImported(model, inputs, peer), compared, tolerance);
    expectNear(compareOptimized(model, inputs), 10, tolerance);
  });
});

describe("every layer of face-api's MobileNetV1 is what TensorFlow.js computes", () => {
  it('imported, optimised and compiled', () => {
    const size = 96;
    using weights = faceDetectorWeights();
    const layers = mobileNet(size, weights);
    const model = importLayersModel(layers, { batch: 1 });
    const { graph } = model;
    expect(graph.nodes.length).toBe(layers.layers.length);
    const pixels = floats(3, 1, size, size, 3);
    const inputs = { [graph.inputs[0]!]: pixels };
    const everywhere = tf.model({
      inputs: layers.inputs,
      outputs: layers.layers.map(({ output }) => output as tf.SymbolicTensor),
    });
    const predicted = tf.tidy(() => {
      const outputs = everywhere.predict(tf.tensor(pixels.data as Float32Array, [1, size, size, 3]));
      return (outputs as tf.Tensor[]).map((tensor, i) => {
        const data = tensor.dataSync() as Float32Array;
        return [graph.nodes[i]!.outputs[0]!, { dtype: 'float32', shape: tensor.shape, data }] as const;
      });
    });
    const features = predicted.at(-1)![1];
    expect(features.shape).toEqual([1, 3, 3, 1024]);
    expect(Math.max(...features.data)).toBeGreaterThan(1);
    expectNear(compareImported(model, inputs, new Map(predicted)), layers.layers.length);
    expectNear(compareOptimized(model, inputs), 27);
    using compiled = compileGraph(model, engine);
    expectNear(compareLayers(compiled, inputs, new Map(predicted.slice(-1))), 1);
    layers.dispose();
  });
});

describe('every layer of MiniLM-L6 is what ONNX Runtime computes', () => {
  const folder = process.env.QEDGE_MODELS ?? '';
  const file = join(folder, 'model.safetensors');
  it.skipIf(!existsSync(file))('from its safetensors file (needs QEDGE_MODELS)', async () => {
    const config = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')) as BertConfig;
    using tensors = openSafetensors(file);
    const model = bertEncoder(tensors, config, { batch: 2, tokens: 8 });
    const inputs = {
      input_ids: integers(1, 'int32', [0, config.vocab_size], 2, 8),
      attention_mask: value('int32', [2, 8], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0]),
      token_type_ids: integers(2, 'int32', [0, 2], 2, 8),
    };
    const { graph, weights } = model;
    const exposed = { graph: { ...graph, outputs: graph.nodes.flatMap(({ outputs }) => outputs) }, weights };
    const peer = new Map(Object.entries(await runOnnx(encodeOperatorModelAsOnnx(exposed), inputs)));
    expectNear(compareImported(model, inputs, peer), graph.nodes.length);
    expectNear(compareOptimized(model, inputs), 40);
  });
});
