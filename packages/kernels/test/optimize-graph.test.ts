import { describe, expect, it } from 'vitest';
import { optimizeGraph } from '../src/graph/passes/optimize-graph.ts';
import { planExecution } from '../src/graph/plan/plan-execution.ts';
import { importOnnx, readOnnx } from '../src/onnx.ts';
import { randomGraph } from '../src/testing/random-graph.ts';
import { REAL_ONNX_MODELS } from './real-models.ts';
import { expectSameMeaning } from './same-meaning.ts';

describe('optimising', () => {
  it('keeps the meaning of random graphs and gives the same every time', () => {
    for (let seed = 1000; seed < 1080; seed++) {
      const model = randomGraph({ seed, operators: 2 + (seed % 20) });
      const { model: best, report } = optimizeGraph(model);
      expectSameMeaning(model, best, 1, seed);
      expect(report.nodesAfter).toBe(best.graph.nodes.length);
      expect(optimizeGraph(model).model.graph).toEqual(best.graph);
    }
  });

  // Detection alone takes the reference too long for every run of the suite.
  it.each([
    ['classification', [1, 3, 48, 32], { convolution: 53, pointwise: 9, transpose: 1 }, 80],
    ['recognition', [1, 3, 48, 16], { attention: 2, 'layer-normalization': 5, transpose: 1, softmax: 1 }, 90],
  ] as const)('keeps the meaning of text %s and finds what it is made of', (name, shape, kinds, most) => {
    const onnx = readOnnx(REAL_ONNX_MODELS[name]());
    const model = importOnnx(onnx, { inputShapes: { x: shape } });
    const { model: best, report } = optimizeGraph(model);
    expectSameMeaning(model, best);
    expect(report.nodesAfter).toBeLessThanOrEqual(most);
    for (const [kind, count] of Object.entries(kinds)) {
      expect(best.graph.nodes.filter(({ operator }) => operator.kind === kind).length, kind).toBe(count);
    }
    const plan = planExecution(best.graph);
    expect(plan.arenaBytes).toBeLessThan(plan.unsharedBytes / 4);
  });

  it('leaves no transpose in voice activity detection, and activations to its convolutions', () => {
    const inputShapes = { input: [1, 512], state: [2, 1, 128] };
    const model = importOnnx(readOnnx(REAL_ONNX_MODELS.silero5()), { inputShapes, constants: { sr: 16000 } });
    const { model: best, report } = optimizeGraph(model);
    // The state of a cell is amplified by the exponentials of its gates.
    expectSameMeaning(model, best, 10);
    expect(report.transposesLeft).toBe(0);
    expect(report.nodesAfter).toBeLessThanOrEqual(24);
  });

  it('makes text detection channels-last but for its input, and its arena a fifth of its values', () => {
    const model = importOnnx(readOnnx(REAL_ONNX_MODELS.detection()), {
      inputShapes: { x: [1, 3, 640, 640] },
    });
    const { model: best, report } = optimizeGraph(model);
    expect(report.transposesLeft).toBe(1);
    expect(report.nodesAfter).toBeLessThanOrEqual(110);
    const plan = planExecution(best.graph);
    expect(plan.arenaBytes * 5).toBeLessThan(plan.unsharedBytes);
  });
});
