import { type OperatorModel, Random, type StoredTensor } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import type { KernelEngine } from '../src/engine/kernel-engine.ts';
import { evaluateGraph } from '../src/graph/evaluate-graph.ts';
import { GraphBuilder } from '../src/graph/graph-builder.ts';
import { type BertConfig, bertEncoder } from '../src/graph/models/bert.ts';
import type { ValueData } from '../src/graph/operators/operator-definition.ts';
import { optimizeGraph } from '../src/graph/passes/optimize-graph.ts';
import { validateGraph } from '../src/graph/validate-graph.ts';
import { compileGraph, createKernelEngine } from '../src/node.ts';
import { importOnnx, readOnnx } from '../src/onnx.ts';
import { encodeOperatorModelAsOnnx, type OnnxOfGraphOptions } from '../src/ort.ts';
import { weightSourceOf } from '../src/testing/index.ts';
import { randomGraph, randomGraphInputs } from '../src/testing/random-graph.ts';
import { RANDOM_OPERATORS, type RandomOperatorKind } from '../src/testing/random-operators.ts';
import { expectClose, floats, integers, largestDifference, runOnnx, value } from './operator-cases.ts';

/** Runs a model here and, written as ONNX, in ONNX Runtime. @returns the largest difference of all outputs. */
async function compareWithOnnx(
  model: ReturnType<GraphBuilder['finish']>,
  inputs: Readonly<Record<string, ValueData>>,
  options: OnnxOfGraphOptions = {},
): Promise<number> {
  validateGraph(structuredClone(model.graph));
  const actual = evaluateGraph(model, inputs);
  const expected = Object.values(await runOnnx(encodeOperatorModelAsOnnx(model, options), inputs));
  expect(expected.length).toBe(actual.size);
  let worst = 0;
  for (const [i, each] of [...actual.values()].entries()) {
    expect([...each.shape]).toEqual([...expected[i]!.shape]);
    worst = Math.max(worst, largestDifference(each.data, expected[i]!.data));
  }
  return worst;
}

describe('a graph written as ONNX', () => {
  it('computes the same images', async () => {
    const builder = new GraphBuilder('images');
    const x = builder.input('x', { dtype: 'float32', shape: [2, 9, 8, 4] });
    const window = { size: [3, 2], strides: [2, 1], dilations: [1, 2], padding: [1, 0, 0, 2] } as const;
    const weights = builder.constant('w', floats(1, 3, 2, 2, 6));
    const bias = builder.constant('b', floats(2, 6));
    const activation = { kind: 'hard-swish' } as const;
    const [a] = builder.add({ kind: 'convolution', window, groups: 2, activation }, [x, weights, bias]);
    const [b] = builder.add({ kind: 'convolution', window, groups: 2, activation: { kind: 'relu6' } }, [
      x,
      weights,
      bias,
      a,
    ]);
    const scale = builder.constant('s', floats(3, 6));
    const [c] = builder.add({ kind: 'channel-scale', activation: { kind: 'silu' } }, [b, scale, bias]);
    const small = { size: [2, 2], strides: [2, 2], dilations: [1, 1], padding: [0, 0, 1, 1] } as const;
    const pooled = (['max', 'average', 'average-with-padding'] as const).map((operation) => {
      return builder.add({ kind: 'pooling', operation, window: small }, [c])[0];
    });
    const [joined] = builder.add({ kind: 'concatenate', axis: 3 }, pooled);
    const sizes = builder.spec(joined).shape;
    const [cut] = builder.add(
      {
        kind: 'slice',
        starts: [0, 0, sizes[2]! - 1, 17],
        steps: [1, 1, -1, -3],
        sizes: [2, sizes[1]!, sizes[2]!, 6],
      },
      [joined],
    );
    const [moved] = builder.add({ kind: 'transpose', permutation: [0, 3, 1, 2] }, [cut]);
    const mean = { kind: 'reduction', operation: 'mean', axes: [2, 3], keepAxes: false } as const;
    const [means] = builder.add(mean, [moved]);
    for (const output of [c, cut, means]) builder.output(output);
    // At most 12 products of numbers below 4 in each sum, in float32 there.
    expect(await compareWithOnnx(builder.finish(), { x: floats(9, 2, 9, 8, 4) })).toBeLessThan(1e-5);
  });

  it('computes the same tokens', async () => {
    const builder = new GraphBuilder('tokens');
    const ids = builder.input('ids', { dtype: 'int32', shape: [2, 5] });
    const table = builder.constant('table', floats(1, 10, 12));
    const [x] = builder.add({ kind: 'gather', axis: 0 }, [table, ids]);
    const [normal] = builder.add({ kind: 'layer-normalization', epsilon: 1e-6 }, [
      x,
      null,
      builder.constant('beta', floats(2, 12)),
    ]);
    const mask = builder.constant('mask', floats(3, 1, 3, 1, 5));
    const attention = { kind: 'attention', heads: 3, keyHeads: 3, scale: 0.5, causal: false } as const;
    const [mixed] = builder.add(attention, [normal, x, x, mask]);
    const product = {
      kind: 'matmul',
      transposeA: true,
      transposeB: true,
      alpha: 0.5,
      activation: { kind: 'gelu-tanh' },
    } as const;
    const [y] = builder.add(product, [
      mixed,
      builder.constant('w', floats(4, 7, 5)),
      builder.constant('b', floats(5, 7)),
    ]);
    const expression = {
      condition: { operation: 'less', a: { input: 0 }, b: { constant: 0.1 } },
      a: { apply: { kind: 'clip', low: -0.05, high: Number.POSITIVE_INFINITY }, to: { input: 0 } },
      b: { apply: { kind: 'leaky-relu', alpha: 0.3 }, to: { input: 0 } },
    } as const;
    const [chosen] = builder.add({ kind: 'pointwise', expression }, [y]);
    const [whole] = builder.add({ kind: 'cast', dtype: 'int32' }, [ids]);
    const [logs] = builder.add({ kind: 'softmax', log: true }, [chosen]);
    for (const output of [chosen, logs, whole]) builder.output(output);
    expect(
      await compareWithOnnx(builder.finish(), { ids: integers(1, 'int32', [-10, 10], 2, 5) }),
    ).toBeLessThan(1e-5);
  });

  it('names the node that cannot be written', () => {
    const builder = new GraphBuilder('resize');
    const x = builder.input('x', { dtype: 'float32', shape: [1, 2, 2, 1] });
    const operator = { kind: 'arg-extremum', operation: 'maximum', axis: 3, keepAxis: false } as const;
    builder.output(builder.add(operator, [x], { name: 'best' })[0]);
    expect(() => encodeOperatorModelAsOnnx(builder.finish())).toThrow(/"best".*arg-extremum/);
  });

  it('computes the same codes, products of weights in groups and borders', async () => {
    const builder = new GraphBuilder('codes');
    const x = builder.input('x', { dtype: 'float32', shape: [2, 5, 4, 6] });
    const scales = (count: number) => Float32Array.from({ length: count }, (_, i) => 0.01 * (i + 1));
    const number = (name: string, value: ValueData) => builder.constant(name, value);
    const step = number('step', { dtype: 'float32', shape: [], data: Float32Array.of(0.02) });
    const zero = number('zero', { dtype: 'uint8', shape: [], data: Uint8Array.of(100) });
    const [codes] = builder.add({ kind: 'quantize', axis: null, dtype: 'uint8' }, [x, step, zero]);
    const [padded] = builder.add(
      { kind: 'pad', before: [0, 1, 0, 0], after: [0, 0, 2, 0], mode: 'constant', value: 100 },
      [codes],
    );
    const [images] = builder.add({ kind: 'dequantize', axis: null }, [padded, step, zero]);
    const kernelCodes = builder.constant('k', integers(3, 'int8', [-127, 127], 3, 3, 6, 5));
    const steps = number('steps', { dtype: 'float32', shape: [5], data: scales(5) });
    const [kernel] = builder.add({ kind: 'dequantize', axis: 3 }, [kernelCodes, steps, null]);
    const window = { size: [3, 3], strides: [1, 1], dilations: [1, 1], padding: [0, 0, 0, 0] } as const;
    const convolution = { kind: 'convolution', window, groups: 1, activation: { kind: 'relu' } } as const;
    const both = [0, 1].map(() => builder.add(convolution, [images, kernel])[0]);
    const [rows] = builder.add({ kind: 'reshape', shape: [32, 5] }, [both[0]!]);
    const grouped = { kind: 'grouped-matmul', bits: 4, groupSize: 16, columns: 3, activation: null } as const;
    const [product] = builder.add(grouped, [
      rows,
      builder.constant('g', integers(4, 'uint8', [0, 255], 3, 1, 8)),
      number('gs', { dtype: 'float32', shape: [3, 1], data: scales(3) }),
      number('gz', { dtype: 'uint8', shape: [3, 1], data: Uint8Array.of(3, 9, 15) }),
      builder.constant('b', floats(5, 3)),
    ]);
    for (const output of [codes, ...both, product]) builder.output(output);
    const model = builder.finish();
    // Sums of at most 54 products of magnitude 10, in float32 there.
    expect(await compareWithOnnx(model, { x: floats(9, 2, 5, 4, 6) })).toBeLessThan(1e-3);
    // Two convolutions share one kernel, which the file holds once, in ONNX's order.
    const { initializers } = readOnnx(encodeOperatorModelAsOnnx(model)).graph;
    expect(initializers.filter(({ name }) => name === 'k').map(({ shape }) => shape)).toEqual([[5, 6, 3, 3]]);
  });
});

/** What ONNX has no node for, or this writer none. */
const UNWRITTEN: readonly RandomOperatorKind[] = ['recurrent', 'extremum', 'attention'];

const WRITTEN = (Object.keys(RANDOM_OPERATORS) as RandomOperatorKind[]).filter(
  (kind) => !UNWRITTEN.includes(kind),
);

const GATES: readonly string[] = ['silu', 'gelu', 'gelu-tanh', 'hard-swish'];

/** Whether a function goes to 0 at -Infinity, where the products that stand for it in ONNX are NaN. */
function hasGates({ graph }: OperatorModel): boolean {
  let found = false;
  JSON.stringify(graph.nodes, (key, part) => {
    if (key === 'kind' && GATES.includes(part)) found = true;
    return part;
  });
  return found;
}

/** Puts NaN, infinities, zeros of both signs and a subnormal in about a sixth of the numbers. */
function withSpecials(inputs: Readonly<Record<string, ValueData>>, seed: number) {
  const random = new Random(seed);
  const specials = [NaN, Infinity, -Infinity, -0, 0, 1e-40];
  const changed = Object.entries(inputs).map(([name, each]) => {
    const data = (each.data as Float32Array).map((number) => {
      return random.uniform() < 1 / 6 ? specials[random.integer(specials.length)]! : number;
    });
    return [name, { ...each, data }] as const;
  });
  return Object.fromEntries(changed);
}

describe('random graphs written as ONNX, imported and compiled', () => {
  const seeds = Array.from({ length: process.env.QEDGE_FULL === '1' ? 1200 : 40 }, (_, index) => index + 1);
  /** Values near 1 through a dozen operators, each of which rounds a few times; relative to the largest number. */
  const tolerance = 1e-3;
  const near = (actual: ArrayLike<number>, expected: ArrayLike<number>, what: string) => {
    const finite = Array.from(expected).filter(Number.isFinite).map(Math.abs);
    const largest = Math.max(1, ...finite);
    expect(largestDifference(actual, expected), what).toBeLessThanOrEqual(tolerance * largest);
  };
  /** The outputs of the imported model, compiled, in order. */
  const run = (model: OperatorModel, engine: KernelEngine, inputs: Readonly<Record<string, ValueData>>) => {
    using compiled = compileGraph(model, engine);
    for (const [name, { data }] of Object.entries(inputs)) compiled.inputs[name]!.data.set(data);
    compiled.run();
    return model.graph.outputs.map((name) => compiled.outputs[name]!.data.slice());
  };

  it('compute what the graphs and ONNX Runtime compute', async () => {
    using engine = await createKernelEngine();
    for (const seed of seeds) {
      const model = randomGraph({ seed, operators: 2 + (seed % 12), kinds: WRITTEN });
      const file = encodeOperatorModelAsOnnx(model);
      const inputs = randomGraphInputs(model, seed);
      const outputs = run(importOnnx(readOnnx(file)), engine, inputs);
      const peer = Object.values(await runOnnx(file, inputs));
      const reference = [...evaluateGraph(model, inputs).values()];
      for (const [index, actual] of outputs.entries()) {
        near(actual, reference[index]!.data, `seed ${seed}, output ${index}`);
        near(actual, peer[index]!.data, `seed ${seed}, output ${index} in ONNX Runtime`);
      }
    }
  });

  it('keep the meaning of NaN and infinity', async () => {
    using engine = await createKernelEngine();
    let compared = 0;
    for (const seed of seeds) {
      const model = randomGraph({ seed, operators: 2 + (seed % 12), kinds: WRITTEN });
      const inputs = withSpecials(randomGraphInputs(model, seed), seed);
      const imported = importOnnx(readOnnx(encodeOperatorModelAsOnnx(model)));
      const outputs = run(imported, engine, inputs);
      const { model: optimized } = optimizeGraph(imported);
      const meanings = [optimized];
      // Where a gate is written as products, recognised, or both, -Infinity gives 0 instead of NaN.
      if (!hasGates(model) && !hasGates(optimized)) meanings.push(model);
      for (const [at, meaning] of meanings.entries()) {
        const reference = [...evaluateGraph(meaning, inputs).values()];
        for (const [index, actual] of outputs.entries()) {
          near(
            actual,
            reference[index]!.data,
            `seed ${seed}, output ${index}, ${['optimised', 'original'][at]}`,
          );
        }
      }
      compared += meanings.length - 1;
    }
    expect(compared).toBeGreaterThan(seeds.length / 3);
  });
});

const SMALL: BertConfig = {
  hidden_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  intermediate_size: 20,
  layer_norm_eps: 1e-12,
  hidden_act: 'gelu',
  max_position_embeddings: 9,
  type_vocab_size: 2,
  vocab_size: 30,
};

/** Random weights of an encoder, under the names of Hugging Face. */
function randomBert(config: BertConfig): StoredTensor[] {
  const { hidden_size: size, intermediate_size: wide } = config;
  const tensors: StoredTensor[] = [];
  const put = (name: string, ...shape: readonly number[]) => {
    tensors.push({ name, ...floats(tensors.length, ...shape) });
  };
  const normalization = (name: string) => [put(`${name}.weight`, size), put(`${name}.bias`, size)];
  const dense = (name: string, to: number, from: number) => [
    put(`${name}.weight`, to, from),
    put(`${name}.bias`, to),
  ];
  put('embeddings.word_embeddings.weight', config.vocab_size, size);
  put('embeddings.position_embeddings.weight', config.max_position_embeddings, size);
  put('embeddings.token_type_embeddings.weight', config.type_vocab_size, size);
  normalization('embeddings.LayerNorm');
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const layer = `encoder.layer.${i}`;
    for (const part of ['query', 'key', 'value']) dense(`${layer}.attention.self.${part}`, size, size);
    dense(`${layer}.attention.output.dense`, size, size);
    normalization(`${layer}.attention.output.LayerNorm`);
    dense(`${layer}.intermediate.dense`, wide, size);
    dense(`${layer}.output.dense`, size, wide);
    normalization(`${layer}.output.LayerNorm`);
  }
  return tensors;
}

function tokenInputs(batch: number, tokens: number, vocabulary: number, visible: readonly number[]) {
  const mask = Array.from({ length: batch * tokens }, (_, i) => {
    return i % tokens < visible[Math.floor(i / tokens)]! ? 1 : 0;
  });
  return {
    input_ids: integers(1, 'int32', [0, vocabulary], batch, tokens),
    attention_mask: value('int32', [batch, tokens], mask),
    token_type_ids: integers(2, 'int32', [0, 2], batch, tokens),
  };
}

describe('bertEncoder', () => {
  const weights = weightSourceOf(randomBert(SMALL));

  it('computes what ONNX Runtime computes with its weights', async () => {
    const model = bertEncoder(weights, SMALL, { batch: 2, tokens: 7 });
    for (const attention of ['products', 'fused'] as const) {
      const difference = await compareWithOnnx(model, tokenInputs(2, 7, 30, [7, 4]), { attention });
      expect(difference).toBeLessThan(2e-5);
    }
  });

  it('does not see padding: a sequence with padding has the embedding of the one without', () => {
    const long = bertEncoder(weights, SMALL, { batch: 1, tokens: 7 });
    const short = bertEncoder(weights, SMALL, { batch: 1, tokens: 4 });
    const inputs = tokenInputs(1, 7, 30, [4]);
    const cut = Object.fromEntries(
      Object.entries(inputs).map(([name, each]) => [
        name,
        { ...each, shape: [1, 4], data: each.data.slice(0, 4) },
      ]),
    );
    const [padded, plain] = [evaluateGraph(long, inputs), evaluateGraph(short, cut)];
    const embedding = plain.get('sentence_embedding')!;
    expectClose(padded.get('sentence_embedding')!, embedding, 1e-6);
    expect(Math.hypot(...embedding.data)).toBeCloseTo(1, 6);
  });

  it('refuses settings that do not fit', () => {
    const build = (config: Partial<BertConfig>, tokens = 4) => {
      return () => bertEncoder(weights, { ...SMALL, ...config }, { batch: 1, tokens });
    };
    expect(build({ hidden_act: 'silu' })).toThrow(/activation.*silu/);
    expect(build({ num_attention_heads: 5 })).toThrow(/heads/);
    expect(build({ vocab_size: 31 })).toThrow(/word_embeddings.*\[31, 12\]/);
    expect(build({}, 10)).toThrow(/at most 9 tokens/);
    expect(build({ num_hidden_layers: 3 })).toThrow(/encoder\.layer\.2/);
  });
});
