import { Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { evaluateGraph } from '../src/graph/evaluate-graph.ts';
import { GraphBuilder } from '../src/graph/graph-builder.ts';
import { applyPass } from '../src/graph/passes/graph-pass.ts';
import { multiplyWithoutDynamicCodes } from '../src/graph/passes/multiply-without-dynamic-codes.ts';
import { optimizeGraph } from '../src/graph/passes/optimize-graph.ts';
import { importOnnx, readOnnx } from '../src/onnx.ts';
import { codeParametersOf, encodeWeights } from '../src/ort/onnx-quantization.ts';
import { encodeOperatorModelAsOnnx } from '../src/ort.ts';
import { floats, runOnnx } from './operator-cases.ts';

function product() {
  const builder = new GraphBuilder('product');
  const x = builder.input('x', { dtype: 'float32', shape: [3, 20] });
  const matmul = { kind: 'matmul', alpha: 0.5, transposeA: false, transposeB: true } as const;
  const [y] = builder.add({ ...matmul, activation: { kind: 'relu' } }, [
    x,
    builder.constant('w', floats(1, 12, 20)),
    builder.constant('b', floats(2, 12)),
  ]);
  const [z] = builder.add({ ...matmul, activation: null }, [x, builder.constant('v', floats(3, 7, 20))]);
  builder.output(y);
  builder.output(z);
  return { model: builder.finish(), inputs: { x: floats(4, 3, 20) } };
}

function images() {
  const builder = new GraphBuilder('images');
  const x = builder.input('x', { dtype: 'float32', shape: [2, 7, 6, 4] });
  const window = { size: [3, 2], strides: [2, 1], dilations: [1, 1], padding: [1, 0, 1, 1] } as const;
  const [y] = builder.add({ kind: 'convolution', window, groups: 2, activation: { kind: 'relu' } }, [
    x,
    builder.constant('w', floats(1, 3, 2, 2, 6)),
    builder.constant('b', floats(2, 6)),
  ]);
  builder.output(y);
  return { model: builder.finish(), inputs: { x: floats(3, 2, 7, 6, 4) } };
}

function rangesOf(values: Iterable<readonly [string, { readonly data: ArrayLike<number> }]>) {
  return new Map(
    [...values].map(([name, { data }]) => {
      const numbers = Array.from(data);
      return [name, { low: Math.min(...numbers), high: Math.max(...numbers) }] as const;
    }),
  );
}

/** The largest difference of all outputs, in largest magnitudes of the output. */
async function worstDifference(
  { model, inputs }: ReturnType<typeof product | typeof images>,
  file: Uint8Array,
): Promise<number> {
  const expected = [...evaluateGraph(model, inputs).values()];
  const actual = Object.values(await runOnnx(file, inputs));
  expect(actual.length).toBe(expected.length);
  return Math.max(
    ...expected.map(({ data }, i) => {
      const largest = Math.max(...Array.from(data, Math.abs));
      return Math.max(...Array.from(data, (value, j) => Math.abs(value - actual[i]!.data[j]!))) / largest;
    }),
  );
}

describe('an ONNX file on 8-bit integers', () => {
  for (const weights of ['int8', 'uint8'] as const) {
    for (const perColumn of [true, false]) {
      it(`multiplies codes found at run time and ${weights} weights with ${perColumn ? 'a scale per column' : 'one scale'}`, async () => {
        const cases = product();
        const quantization = { ranges: new Map(), weights, perColumn };
        const file = encodeOperatorModelAsOnnx(cases.model, { quantization });
        const { nodes } = readOnnx(file).graph;
        // Both products read the same codes.
        expect(nodes.filter(({ operator }) => operator === 'DynamicQuantizeLinear').length).toBe(1);
        expect(nodes.filter(({ operator }) => operator === 'MatMulInteger').length).toBe(2);
        expect(nodes.some(({ operator }) => operator === 'MatMul')).toBe(false);
        // Steps of 1/127 of the largest weight and 1/255 of the range, of 20 summands that partly cancel.
        expect(await worstDifference(cases, file)).toBeLessThan(0.03);
      });
    }
  }

  it('is imported as products of numbers where codes are found at run time', async () => {
    const { model, inputs } = product();
    const quantization = { ranges: new Map(), weights: 'int8', perColumn: true } as const;
    const file = encodeOperatorModelAsOnnx(model, { quantization });
    const imported = importOnnx(readOnnx(file), { inputShapes: { x: [3, 20] } });
    const optimized = optimizeGraph(imported).model;
    const { nodes, constants } = optimized.graph;
    expect(nodes.map(({ operator }) => operator.kind)).toEqual(['matmul', 'matmul']);
    expect(constants.every((name) => optimized.graph.values[name]!.dtype === 'float32')).toBe(true);
    const exact = [...evaluateGraph(model, inputs).values()];
    for (const [i, { data }] of [...evaluateGraph(optimized, inputs).values()].entries()) {
      const largest = Math.max(...Array.from(exact[i]!.data, Math.abs));
      // What is left is the rounding of weights: half a step of 1/127 of the largest one, 20 times.
      for (const [j, value] of Array.from(data).entries()) {
        expect(Math.abs(value - exact[i]!.data[j]!) / largest).toBeLessThan(0.02);
      }
    }
  });

  it('keeps codes whose scale is given, or that others read', async () => {
    const { model } = product();
    const quantization = { ranges: new Map(), weights: 'int8', perColumn: true } as const;
    const { graph, weights } = importOnnx(readOnnx(encodeOperatorModelAsOnnx(model, { quantization })), {
      inputShapes: { x: [3, 20] },
    });
    const sums = graph.nodes.find(({ operator }) => operator.kind === 'matmul')!.outputs[0]!;
    const shown = { graph: { ...graph, outputs: [...graph.outputs, sums] }, weights };
    const left = optimizeGraph(shown).model.graph.nodes.filter(
      ({ operator }) => operator.kind === 'quantize',
    );
    expect(left.length).toBe(1);
    const scale = graph.nodes.find(({ operator }) => operator.kind === 'quantize')!.inputs[1]!;
    const given = {
      ...graph,
      inputs: [...graph.inputs, scale],
      nodes: graph.nodes.filter(({ outputs }) => !outputs.includes(scale)),
    };
    expect(applyPass({ graph: given, weights }, multiplyWithoutDynamicCodes).graph).toEqual(given);
  });

  it('puts convolutions between codes where ranges are known, and imports them again', async () => {
    const cases = images();
    const ranges = rangesOf([...Object.entries(cases.inputs), ...evaluateGraph(cases.model, cases.inputs)]);
    const quantization = { ranges, weights: 'int8', perColumn: true } as const;
    const file = encodeOperatorModelAsOnnx(cases.model, { quantization });
    expect(await worstDifference(cases, file)).toBeLessThan(0.03);
    const imported = importOnnx(readOnnx(file), { inputShapes: { x: [2, 7, 6, 4] } });
    const codes = [...evaluateGraph(imported, cases.inputs).values()][0]!.data;
    const theirs = Object.values(await runOnnx(file, cases.inputs))[0]!.data;
    const step = codeParametersOf(ranges.get(cases.model.graph.outputs[0]!)!).scale;
    // Sums near the middle between two codes may round to either.
    const apart = Array.from(codes, (value, i) => Math.abs(value - theirs[i]!) / step);
    expect(Math.max(...apart)).toBeLessThan(1.01);
    expect(apart.filter((steps) => steps > 0.01).length).toBeLessThan(codes.length / 50);
  });

  it('leaves convolutions without ranges as they are', () => {
    const { model } = images();
    const quantization = { ranges: new Map(), weights: 'int8', perColumn: true } as const;
    expect(encodeOperatorModelAsOnnx(model, { quantization })).toEqual(encodeOperatorModelAsOnnx(model));
  });
});

describe('codes of weights and ranges', () => {
  it('hold 0 exactly, and every weight within half a step', () => {
    const random = new Random(5);
    const values = Float32Array.from({ length: 60 }, () => random.normal());
    values[3] = 0;
    for (const weights of ['int8', 'uint8'] as const) {
      const zero = weights === 'int8' ? 0 : 128;
      const { codes, scales } = encodeWeights(values, 5, { weights, perColumn: true });
      expect(codes[3]).toBe(zero);
      for (const [i, value] of values.entries()) {
        const step = scales[i % 5]!;
        expect(Math.abs((codes[i]! - zero) * step - value)).toBeLessThanOrEqual(step * 0.5001);
      }
    }
    expect(codeParametersOf({ low: 2, high: 5 })).toEqual({ scale: Math.fround(5 / 255), zeroPoint: 0 });
    expect(codeParametersOf({ low: -5, high: -2 }).zeroPoint).toBe(255);
    expect(codeParametersOf({ low: 0, high: 0 })).toEqual({ scale: 1, zeroPoint: 0 });
    expect(encodeWeights(new Float32Array(4), 2, { weights: 'int8', perColumn: false }).scales[0]).toBe(1);
  });
});

describe('a resize and a transposed convolution written as ONNX', () => {
  it('computes the same', async () => {
    const builder = new GraphBuilder('images');
    const x = builder.input('x', { dtype: 'float32', shape: [1, 4, 5, 3] });
    const window = { size: [3, 2], strides: [2, 2], dilations: [1, 1], padding: [1, 0, 0, 0] } as const;
    const layer = { kind: 'transposed-convolution', window, groups: 1, outputPadding: [1, 0] } as const;
    const [y] = builder.add({ ...layer, activation: { kind: 'relu' } }, [
      x,
      builder.constant('w', floats(1, 3, 2, 2, 3)),
      builder.constant('b', floats(2, 2)),
    ]);
    const resize = { kind: 'resize', size: [8, 10], scales: [2, 2], nearest: 'floor' } as const;
    for (const mode of ['nearest', 'linear'] as const) {
      const coordinates = mode === 'nearest' ? 'asymmetric' : 'half-pixel';
      const [z] = builder.add({ ...resize, mode, coordinates, cubicCoefficient: -0.75 }, [x]);
      builder.output(z);
    }
    builder.output(y);
    const model = builder.finish();
    const inputs = { x: floats(3, 1, 4, 5, 3) };
    // Sums of at most 18 products, in float32 there.
    expect(await worstDifference({ model, inputs }, encodeOperatorModelAsOnnx(model))).toBeLessThan(1e-5);
  });
});
