import type {
  Operator,
  OperatorModel,
  OperatorNode,
  PointwiseExpression,
  PointwiseFunction,
} from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../src/graph/graph-builder.ts';
import { decodeConstants } from '../src/graph/passes/decode-constants.ts';
import { findQuantizedProducts } from '../src/graph/passes/find-quantized-products.ts';
import { flattenTransposes } from '../src/graph/passes/flatten-transposes.ts';
import { foldConstants } from '../src/graph/passes/fold-constants.ts';
import { foldScalesIntoProducers } from '../src/graph/passes/fold-scales-into-producers.ts';
import { foldScalesIntoReaders } from '../src/graph/passes/fold-scales-into-readers.ts';
import { fuseEpilogues } from '../src/graph/passes/fuse-epilogues.ts';
import { fusePointwise } from '../src/graph/passes/fuse-pointwise.ts';
import { applyPass, type GraphPass } from '../src/graph/passes/graph-pass.ts';
import { hoistCodeTransposes } from '../src/graph/passes/hoist-code-transposes.ts';
import { moveSlicesBeforeReshapes } from '../src/graph/passes/move-slices-before-reshapes.ts';
import { optimizeGraph } from '../src/graph/passes/optimize-graph.ts';
import { recognizeAttention } from '../src/graph/passes/recognize-attention.ts';
import { recognizeChannelScales } from '../src/graph/passes/recognize-channel-scales.ts';
import { recognizeLayerNormalizations } from '../src/graph/passes/recognize-layer-normalizations.ts';
import { recognizeSoftmax } from '../src/graph/passes/recognize-softmax.ts';
import { removeDeadNodes } from '../src/graph/passes/remove-dead-nodes.ts';
import { removeIdentities } from '../src/graph/passes/remove-identities.ts';
import { shareCommonSubexpressions } from '../src/graph/passes/share-common-subexpressions.ts';
import { simplifyPointwise } from '../src/graph/passes/simplify-pointwise.ts';
import { sinkReshapes } from '../src/graph/passes/sink-reshapes.ts';
import { sinkTransposes } from '../src/graph/passes/sink-transposes.ts';
import { splitProducts } from '../src/graph/passes/split-products.ts';
import { expectSameMeaning } from './same-meaning.ts';

const x: PointwiseExpression = { input: 0 };
const pointwise = (expression: PointwiseExpression): Operator => ({ kind: 'pointwise', expression });
const fn = (kind: 'relu' | 'sigmoid' | 'exponential' | 'square-root' | 'tanh'): Operator =>
  pointwise({ apply: { kind }, to: x });
const two = (operation: 'add' | 'subtract' | 'multiply' | 'divide'): Operator =>
  pointwise({ operation, a: x, b: { input: 1 } });
const product = (activation: PointwiseFunction | null = null): Operator => ({
  kind: 'matmul',
  ...{ transposeA: false, transposeB: false, alpha: 1, activation },
});
const convolution = (taps: number, padding: number, groups = 1): Operator => ({
  kind: 'convolution',
  window: {
    size: [taps, taps],
    strides: [1, 1],
    dilations: [1, 1],
    padding: [padding, padding, padding, padding],
  },
  groups,
  activation: null,
});
const reduce = (operation: 'mean' | 'sum' | 'maximum', ...axes: number[]): Operator => ({
  kind: 'reduction',
  ...{ operation, axes, keepAxes: true },
});
const transpose = (...permutation: number[]): Operator => ({ kind: 'transpose', permutation });

/** A graph with one input; numbers of constants count up from -0.7 in steps that are not round. */
function build(
  shape: readonly number[],
  body: (
    add: (operator: Operator, ...inputs: (string | null)[]) => string,
    input: string,
    constant: (...shape: number[]) => string,
  ) => readonly string[],
): OperatorModel {
  const builder = new GraphBuilder('test');
  const input = builder.input('x', { dtype: 'float32', shape });
  let next = -0.7;
  const constant = (...sizes: number[]) => {
    const count = sizes.reduce((product, size) => product * size, 1);
    const data = Float32Array.from({ length: count }, () => {
      next = next > 1 ? next - 1.83 : next + 0.137;
      return next;
    });
    return builder.constant('c', { dtype: 'float32', shape: sizes, data });
  };
  const outputs = body((operator, ...inputs) => builder.add(operator, inputs)[0], input, constant);
  for (const output of outputs) builder.output(output);
  return builder.finish();
}

/** Runs a pass (and those before it) and checks that the graph means the same and the original is untouched. */
function run(model: OperatorModel, ...passes: GraphPass[]): readonly OperatorNode[] {
  const before = JSON.stringify(model.graph);
  const after = passes.reduce(applyPass, model);
  expect(JSON.stringify(model.graph)).toBe(before);
  expectSameMeaning(model, after, 1);
  return after.graph.nodes;
}

const kinds = (nodes: readonly OperatorNode[]): string[] => nodes.map(({ operator }) => operator.kind);

describe('passes that remove', () => {
  it('removes nodes that no output needs, and returns the model itself when there are none', () => {
    const model = build([2, 3], (add, input) => {
      add(fn('relu'), add(fn('tanh'), input));
      return [add(fn('sigmoid'), input)];
    });
    expect(run(model, removeDeadNodes)).toHaveLength(1);
    const clean = applyPass(model, removeDeadNodes);
    expect(applyPass(clean, removeDeadNodes)).toBe(clean);
  });

  it('computes equal nodes once, constants of equal numbers included, and keeps both names of outputs', () => {
    const model = build([2, 3], (add, input) => {
      const a = add(fn('tanh'), input);
      const b = add(fn('tanh'), input);
      return [add(two('add'), a, b), add(fn('tanh'), input)];
    });
    const nodes = run(model, shareCommonSubexpressions);
    expect(nodes.filter(({ operator }) => JSON.stringify(operator).includes('tanh'))).toHaveLength(1);
  });

  it('joins reshapes, transposes and slices in a row and removes what does nothing', () => {
    const slice = (start: number, size: number): Operator => ({
      kind: 'slice',
      ...{ starts: [start, 0], steps: [1, 1], sizes: [size, 6] },
    });
    const model = build([6, 6], (add, input) => [
      add({ kind: 'reshape', shape: [6, 6] }, add({ kind: 'reshape', shape: [36] }, input)),
      add(fn('relu'), add(transpose(1, 0), add(transpose(1, 0), input))),
      add(slice(1, 2), add(slice(2, 4), input)),
      add(fn('tanh'), add({ kind: 'pad', before: [0, 0], after: [0, 0], mode: 'edge', value: 0 }, input)),
    ]);
    // The first output is the input: a node must copy it.
    const nodes = run(model, removeIdentities, removeDeadNodes);
    expect(kinds(nodes).sort()).toEqual(['pointwise', 'pointwise', 'reshape', 'slice']);
  });

  it('computes nodes of constants, but not such that make an output or much more than they are made from', () => {
    const model = build([2, 3], (add, input, constant) => {
      const folded = add(fn('tanh'), add({ kind: 'expand', shape: [2, 3] }, constant(1, 3)));
      const large = add({ kind: 'expand', shape: [300, 300] }, constant(1, 1));
      return [add(two('add'), input, folded), large];
    });
    expect(kinds(run(model, foldConstants, removeDeadNodes)).sort()).toEqual(['expand', 'pointwise']);
  });
});

describe('passes over layouts', () => {
  it('removes all transposes of a channels-first residual block with attention to channels but those at the ends', () => {
    const model = build([1, 4, 5, 6], (add, input, constant) => {
      const nchw = (operator: Operator, value: string, ...rest: string[]) =>
        add(transpose(0, 3, 1, 2), add(operator, add(transpose(0, 2, 3, 1), value), ...rest));
      const a = nchw(convolution(3, 1), input, constant(3, 3, 4, 4), constant(4));
      const scaled = add(two('add'), add(two('multiply'), a, constant(1, 4, 1, 1)), constant(4, 1, 1));
      const mean = nchw(reduce('mean', 1, 2), scaled);
      const gate = add(fn('sigmoid'), nchw(convolution(1, 0), mean, constant(1, 1, 4, 4)));
      const b = add(two('multiply'), scaled, gate);
      const c = add({ kind: 'concatenate', axis: 1 }, b, input);
      return [add(fn('relu'), nchw(convolution(1, 0), c, constant(1, 1, 8, 3)))];
    });
    const { model: best, report } = optimizeGraph(model);
    expectSameMeaning(model, best, 1);
    expect(report.transposesLeft).toBe(2);
  });

  it('moves a transpose through slices, pads, reductions, products and reshapes that keep it one', () => {
    const model = build([2, 3, 4, 5], (add, input, constant) => {
      let value = add(transpose(0, 3, 1, 2), input);
      value = add({ kind: 'slice', starts: [0, 1, 2, 3], steps: [1, 1, -1, -1], sizes: [2, 4, 2, 3] }, value);
      value = add(
        { kind: 'pad', before: [0, 1, 0, 0], after: [0, 0, 2, 0], mode: 'constant', value: 1 },
        value,
      );
      value = add({ kind: 'reshape', shape: [2, 5, 4 * 3] }, value);
      value = add({ kind: 'reduction', operation: 'maximum', axes: [0], keepAxes: false }, value);
      value = add(transpose(1, 0), value);
      return [add(product(), value, constant(5, 2))];
    });
    const nodes = run(model, sinkTransposes, sinkTransposes, removeIdentities, removeDeadNodes);
    expect(kinds(nodes)).not.toContain('transpose');
  });

  it('leaves a transpose where the operator needs its order', () => {
    const model = build([2, 3, 4], (add, input) => {
      const transposed = add(transpose(0, 2, 1), input);
      return [
        add({ kind: 'softmax', log: false }, transposed),
        add({ kind: 'reshape', shape: [2, 12] }, transposed),
      ];
    });
    const { model: best, report } = optimizeGraph(model);
    expectSameMeaning(model, best, 1);
    expect(report.transposesLeft).toBe(1);
  });

  it('makes a reshape of a transpose that only moves axes of size 1', () => {
    const model = build([1, 4, 1, 5], (add, input) => [
      add(transpose(1, 0, 2, 3), input),
      add(transpose(0, 3, 2, 1), input),
    ]);
    expect(kinds(run(model, flattenTransposes)).sort()).toEqual(['reshape', 'transpose']);
  });
});

describe('reshapes between products and activations', () => {
  it('move behind the activation, and behind a sum if both terms are reshaped alike', () => {
    const model = build([1, 1, 6, 4], (add, input, constant) => {
      const flat = (value: string) => add({ kind: 'reshape', shape: [6, 4] }, value);
      const image = (value: string) => add({ kind: 'reshape', shape: [1, 1, 6, 4] }, value);
      const a = flat(add(convolution(1, 0), input, constant(1, 1, 4, 4)));
      const b = flat(add(convolution(1, 0), image(add(fn('relu'), a)), constant(1, 1, 4, 4)));
      return [add(fn('tanh'), add(two('add'), add(two('multiply'), a, constant(4)), b))];
    });
    const nodes = run(model, sinkReshapes, removeIdentities, removeDeadNodes);
    expect(kinds(nodes).filter((kind) => kind === 'reshape')).toHaveLength(1);
    const { model: best } = optimizeGraph(model);
    expectSameMeaning(model, best);
    expect(kinds(best.graph.nodes).filter((kind) => kind === 'reshape')).toHaveLength(1);
  });

  it('stay where moving one adds another', () => {
    const model = build([2, 12], (add, input) => {
      const a = add({ kind: 'reshape', shape: [4, 6] }, add(fn('tanh'), input));
      const b = add({ kind: 'reshape', shape: [4, 6] }, add({ kind: 'reshape', shape: [24] }, input));
      return [add(two('add'), a, add({ kind: 'softmax', log: false }, b))];
    });
    expect(kinds(run(model, sinkReshapes))).toEqual(kinds(model.graph.nodes));
  });
});

describe('passes that fold scales', () => {
  const batchNormalized = (operator: Operator, weights: readonly number[], outputs: number) =>
    build([2, 5, 5, 4], (add, input, constant) => {
      const y = add(operator, input, constant(...weights));
      return [add({ kind: 'channel-scale', activation: null }, y, constant(outputs), constant(outputs))];
    });

  it.each([
    ['a convolution', convolution(3, 1), [3, 3, 4, 6], 6],
    ['a depthwise convolution', convolution(3, 1, 4), [3, 3, 1, 4], 4],
    ['a product', product(), [4, 3], 3],
    ['a product with transposed weights', { ...product(), transposeB: true } as Operator, [3, 4], 3],
  ])('folds a batch normalisation into %s before it', (_, operator, weights, outputs) => {
    const model = batchNormalized(operator, weights, outputs);
    expect(run(model, foldScalesIntoProducers)).toHaveLength(1);
  });

  it('keeps a scale whose unscaled value is needed elsewhere', () => {
    const model = build([2, 4], (add, input, constant) => {
      const y = add(product(), input, constant(4, 3));
      return [y, add(two('multiply'), y, constant(3))];
    });
    expect(run(model, foldScalesIntoProducers)).toHaveLength(2);
  });

  it('folds into what follows: a shift only where there is no padding', () => {
    const scaled = (padding: number, shifts: boolean, groups = 1) =>
      build([1, 5, 5, 4], (add, input, constant) => {
        const limited = add(fn('tanh'), input);
        const affine = add(two('multiply'), limited, constant(4));
        const value = shifts
          ? add({ kind: 'channel-scale', activation: null }, affine, constant(4), constant(4))
          : affine;
        return [add(convolution(3, padding, groups), value, constant(3, 3, 4 / groups, 4))];
      });
    expect(run(scaled(1, false), foldScalesIntoReaders)).toHaveLength(2);
    expect(run(scaled(1, false, 4), foldScalesIntoReaders)).toHaveLength(2);
    expect(run(scaled(0, true), foldScalesIntoReaders, foldScalesIntoReaders)).toHaveLength(2);
    expect(run(scaled(1, true), foldScalesIntoReaders)).toHaveLength(4);
  });

  it('makes one scale per channel of what no product takes', () => {
    const model = build([2, 3, 4], (add, input, constant) => [
      add(two('add'), add(two('multiply'), add(fn('tanh'), input), constant(4)), constant(1, 1, 4)),
    ]);
    const nodes = run(model, recognizeChannelScales, foldScalesIntoProducers);
    expect(kinds(nodes)).toContain('channel-scale');
  });
});

describe('passes that fuse', () => {
  it('computes a tree of pointwise nodes in one, and none that others read', () => {
    const model = build([2, 3], (add, input, constant) => {
      const shared = add(fn('tanh'), input);
      const a = add(two('add'), shared, constant(2, 3));
      return [add(two('multiply'), add(fn('sigmoid'), a), shared), shared];
    });
    expect(run(model, simplifyPointwise, fusePointwise)).toHaveLength(2);
  });

  it('lets a convolution add its residual and apply the activation', () => {
    const model = build([1, 5, 5, 4], (add, input, constant) => {
      const residual = add(convolution(1, 0), input, constant(1, 1, 4, 4));
      const y = add(convolution(3, 1), input, constant(3, 3, 4, 4), constant(4));
      return [add(fn('relu'), add(two('add'), residual, y))];
    });
    const nodes = run(model, fusePointwise, fuseEpilogues);
    expect(kinds(nodes)).toEqual(['convolution', 'convolution']);
    expect(nodes[1]!.inputs).toHaveLength(4);
    expect(nodes[1]!.operator).toMatchObject({ activation: { kind: 'relu' } });
  });
});

describe('passes that recognise', () => {
  it.each(['divide', 'multiply by a reciprocal root'])(
    'finds a layer normalisation written with %s',
    (way) => {
      const model = build([2, 3, 6], (add, input, constant) => {
        const centred = add(two('subtract'), input, add(reduce('mean', 2), input));
        const square = add(pointwise({ operation: 'power', a: x, b: { constant: 2 } }), centred);
        const variance = add(
          pointwise({ operation: 'add', a: x, b: { constant: 0.125 } }),
          add(reduce('mean', 2), square),
        );
        const root = add(fn('square-root'), variance);
        const y =
          way === 'divide'
            ? add(two('divide'), centred, root)
            : add(two('multiply'), add(pointwise({ apply: { kind: 'reciprocal' }, to: x }), root), centred);
        return [add(two('add'), add(two('multiply'), y, constant(6)), constant(6))];
      });
      const nodes = run(model, simplifyPointwise, recognizeLayerNormalizations, removeDeadNodes);
      expect(kinds(nodes)).toEqual(['layer-normalization']);
    },
  );

  it('finds a softmax that is written out', () => {
    const model = build([3, 5], (add, input) => {
      const e = add(fn('exponential'), add(two('subtract'), input, add(reduce('maximum', 1), input)));
      return [add(two('divide'), e, add(reduce('sum', 1), e))];
    });
    expect(kinds(run(model, recognizeSoftmax, removeDeadNodes))).toEqual(['softmax']);
  });

  it('finds attention whose queries, keys and values are cut from one product, and computes them apart', () => {
    const model = build([2, 3, 8], (add, input, constant) => {
      const qkv = add(product(), input, constant(8, 24), constant(24));
      const split = add(transpose(2, 0, 3, 1, 4), add({ kind: 'reshape', shape: [2, 3, 3, 2, 4] }, qkv));
      const part = (i: number) => {
        const [starts, steps] = [
          [i, 0, 0, 0, 0],
          [1, 1, 1, 1, 1],
        ];
        const cut = add({ kind: 'slice', starts, steps, sizes: [1, 2, 2, 3, 4] }, split);
        return add({ kind: 'reshape', shape: [2, 2, 3, 4] }, cut);
      };
      const q = add(pointwise({ operation: 'multiply', a: x, b: { constant: 0.5 } }), part(0));
      const scores = add(product(), q, add(transpose(0, 1, 3, 2), part(1)));
      const masked = add(two('add'), scores, constant(2, 1, 1, 3));
      const mixed = add(product(), add({ kind: 'softmax', log: false }, masked), part(2));
      return [add({ kind: 'reshape', shape: [2, 3, 8] }, add(transpose(0, 2, 1, 3), mixed))];
    });
    const { model: best, report } = optimizeGraph(model);
    expectSameMeaning(model, best, 1);
    const names = kinds(best.graph.nodes);
    expect(names.filter((kind) => kind !== 'reshape')).toEqual(['matmul', 'matmul', 'matmul', 'attention']);
    for (const pass of [moveSlicesBeforeReshapes, splitProducts, recognizeAttention]) {
      expect(report.changes[pass.name]).toBeGreaterThan(0);
    }
    const attention = best.graph.nodes.find(({ operator }) => operator.kind === 'attention');
    expect(attention!.operator).toMatchObject({ heads: 2, scale: 0.5 });
  });
});

describe('products on integer codes', () => {
  function quantized(withActivations: boolean): OperatorModel {
    const builder = new GraphBuilder('quantized');
    const input = builder.input('x', { dtype: 'float32', shape: [1, 4, 5, 5] });
    const floats = (...data: number[]) =>
      builder.constant('scale', { dtype: 'float32', shape: [data.length], data: Float32Array.from(data) });
    const zeros = (count: number) =>
      builder.constant('zero', { dtype: 'int8', shape: [count], data: new Int8Array(count) });
    const round = (value: string) => {
      const parameters = [floats(0.03), zeros(1)];
      const [codes] = builder.add({ kind: 'quantize', axis: null, dtype: 'int8' }, [value, ...parameters]);
      return builder.add({ kind: 'dequantize', axis: null }, [codes, ...parameters])[0];
    };
    const data = Int8Array.from({ length: 6 * 4 * 9 }, (_, i) => ((i * 37) % 255) - 127);
    const codes = builder.constant('w', { dtype: 'int8', shape: [6, 4, 3, 3], data });
    const scales = floats(0.01, 0.02, 0.03, 0.01, 0.02, 0.03);
    const [decoded] = builder.add({ kind: 'dequantize', axis: 0 }, [codes, scales, zeros(6)]);
    const [weights] = builder.add(transpose(2, 3, 1, 0), [decoded]);
    const [images] = builder.add(transpose(0, 2, 3, 1), [withActivations ? round(input) : input]);
    const [y] = builder.add(convolution(3, 1), [images, weights]);
    const [result] = builder.add(transpose(0, 3, 1, 2), [y]);
    builder.output(withActivations ? round(result) : result);
    return builder.finish();
  }

  it('are found with the codes of both operands and of the result', () => {
    const model = quantized(true);
    const { model: best } = optimizeGraph(model);
    expectSameMeaning(model, best, 0.5);
    const [found, ...others] = findQuantizedProducts(best.graph);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ weights: { axis: 3 }, input: { axis: null }, bias: null });
    expect(best.graph.values[found!.weights.codes]).toEqual({ dtype: 'int8', shape: [3, 3, 4, 6] });
    expect(found!.output).not.toBeNull();
  });

  it('keep codes of weights through transposes, and weights alone are decoded', () => {
    const nodes = run(quantized(true), hoistCodeTransposes, foldConstants, removeDeadNodes);
    expect(nodes.filter(({ operator }) => operator.kind === 'dequantize')).toHaveLength(3);
    expect(kinds(run(quantized(false), decodeConstants))).not.toContain('dequantize');
  });
});
