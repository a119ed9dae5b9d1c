import { InvalidArgumentError, type OperatorModel, QedgeError } from '@qedge/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { KernelEngine } from '../src/engine/kernel-engine.ts';
import * as graph from '../src/graph.ts';
import { graphSource, onnxSource } from '../src/index.ts';
import { compileGraph, createKernelEngine, loadModel, openPreparedModel } from '../src/node.ts';
import { importOnnx, readOnnx } from '../src/onnx.ts';

/** What a program without types may pass, or leave out. */
const WRONG: readonly unknown[] = [undefined, null, 5, {}, () => 0];

function model(): OperatorModel {
  const builder = new graph.GraphBuilder('model');
  const x = builder.input('x', { dtype: 'float32', shape: [2] });
  builder.output(builder.add({ kind: 'softmax', log: false }, [x])[0]);
  return builder.finish();
}

const builder = () => new graph.GraphBuilder('builder');
const floats = { dtype: 'float32', shape: [1], data: new Float32Array(1) } as const;
const softmax = { kind: 'softmax', log: false } as const;

let engine: KernelEngine;

beforeAll(async () => {
  engine = await createKernelEngine({ isa: 'interpreter' });
});

afterAll(() => engine.dispose());

/** What a user would call, with something wrong in the place of each argument that must be there. */
type Call = (wrong: never) => unknown;

const CALLS: Readonly<Record<string, Call>> = {
  'the name of a builder': (wrong) => new graph.GraphBuilder(wrong),
  'the name of an input': (wrong) => builder().input(wrong, floats),
  'the spec of an input': (wrong) => builder().input('x', wrong),
  'the shape of an input': (wrong) => builder().input('x', { dtype: 'float32', shape: wrong }),
  'a constant': (wrong) => builder().constant('x', wrong),
  'the data of a constant': (wrong) => builder().constant('x', { ...floats, data: wrong }),
  'the spec of a constant': (wrong) => builder().constantFrom('x', wrong, () => floats.data),
  'an operator': (wrong) => builder().add(wrong, []),
  'the inputs of a node': (wrong) => builder().add(softmax, wrong),
  'the value of a spec': (wrong) => builder().spec(wrong),
  'an output': (wrong) => builder().output(wrong),
  'the weights of an encoder': (wrong) => graph.bertEncoder(wrong, wrong, wrong),
  'the settings of an encoder': (wrong) => graph.bertEncoder(model().weights, wrong, { batch: 1, tokens: 2 }),
  'the layers of a graph': (wrong) => graph.graphOfLayers(wrong, wrong, wrong),
  'a graph to validate': (wrong) => graph.validateGraph(wrong),
  'a model to optimise': (wrong) => graph.optimizeGraph(wrong),
  'a graph to plan': (wrong) => graph.planExecution(wrong),
  'a graph to search': (wrong) => graph.findQuantizedProducts(wrong),
  'a model to pass': (wrong) => graph.applyPass(wrong, wrong),
  'a model to evaluate': (wrong) => graph.evaluateGraph(wrong, {}),
  'the inputs of an evaluation': (wrong) => graph.evaluateGraph(model(), wrong),
  'an input of an evaluation': (wrong) => graph.evaluateGraph(model(), { x: wrong }),
  'the data of an input': (wrong) =>
    graph.evaluateGraph(model(), { x: { dtype: 'float32', shape: [2], data: wrong } }),
  'the bytes of a model': (wrong) => readOnnx(wrong),
  'an ONNX model': (wrong) => importOnnx(wrong),
  'a model to compile': (wrong) => compileGraph(wrong, engine),
  'the engine of a compilation': (wrong) => compileGraph(model(), wrong),
  'the graph of a source': (wrong) => graphSource(wrong),
  'the file of a source': (wrong) => onnxSource(wrong),
  'a model to load': (wrong) => loadModel(wrong),
  'the path of a prepared model': (wrong) => openPreparedModel(wrong),
};

describe('arguments that are missing or of the wrong kind', () => {
  it.each(Object.entries(CALLS))('are refused by name: %s', async (_, call) => {
    for (const wrong of WRONG) {
      const outcome = await Promise.resolve()
        .then(() => call(wrong as never))
        .catch((error: unknown) => error);
      expect(outcome, String(wrong)).toBeInstanceOf(QedgeError);
    }
  });

  it.each([null, 5, () => 0])('are refused as shapes of a model: %s', async (wrong) => {
    const shapes = [wrong, { x: wrong }];
    for (const inputShapes of shapes) {
      const loading = loadModel(graphSource(model()), { inputShapes: inputShapes as never });
      await expect(loading).rejects.toThrow(QedgeError);
    }
  });

  it('are refused by a compiled graph', () => {
    using compiled = compileGraph(model(), engine);
    for (const wrong of WRONG.slice(0, -1)) {
      expect(() => compiled.runTraced(wrong as never)).toThrow(InvalidArgumentError);
    }
    for (const rounds of [undefined, 0, 1.5, 'text'])
      expect(() => compiled.profile(rounds as number)).toThrow(/rounds/);
  });
});
