import type { PointwiseExpression } from '@qedge/core';
import type { GraphBuilder } from '../graph-builder.ts';

/** A recurrent layer whose activations the `recurrent` operator does not have. Names of values; shapes as TensorFlow.js keeps them. */
export interface UnrolledLayer {
  readonly name: string;
  readonly cell: 'LSTM' | 'GRU' | 'SimpleRNN';
  /** `[batch, time, size]` */
  readonly x: string;
  /** `[size, gates * units]`; gates i, f, c, o or z, r, h. */
  readonly kernel: string;
  /** `[units, gates * units]` */
  readonly recurrentKernel: string;
  /** `[gates * units]` */
  readonly bias: string | null;
  readonly activation: (x: PointwiseExpression) => PointwiseExpression;
  readonly recurrentActivation: (x: PointwiseExpression) => PointwiseExpression;
  readonly reverse: boolean;
}

interface States {
  readonly h: string;
  /** Of an LSTM. */
  readonly c: string;
}

const PRODUCT = { kind: 'matmul', transposeA: false, transposeB: false, alpha: 1, activation: null } as const;

const plus = (a: PointwiseExpression, b: PointwiseExpression): PointwiseExpression => ({
  operation: 'add',
  a,
  b,
});
const times = (a: PointwiseExpression, b: PointwiseExpression): PointwiseExpression => ({
  operation: 'multiply',
  a,
  b,
});
const input = (index: number): PointwiseExpression => ({ input: index });

/**
 * A recurrent layer step by step, as products and pointwise operators.
 *
 * @returns the outputs `[batch, time, units]`, each at the time of its input, and the states after the last step.
 */
export function unrollRecurrent(
  builder: GraphBuilder,
  layer: UnrolledLayer,
): { sequence: string; states: readonly string[] } {
  const { name, cell, x, reverse } = layer;
  const [batch, time] = builder.spec(x).shape as [number, number, number];
  const units = builder.spec(layer.recurrentKernel).shape[0]!;
  const operands = layer.bias === null ? [x, layer.kernel] : [x, layer.kernel, layer.bias];
  const [inputs] = builder.add(PRODUCT, operands, { name: `${name}/inputs` });
  const width = builder.spec(inputs).shape[2]!;
  const zeros = { dtype: 'float32', shape: [batch, units], data: new Float32Array(batch * units) } as const;
  const zero = builder.constant(`${name}/initial state`, zeros);
  let states: States = { h: zero, c: zero };
  const outputs = new Array<string>(time);
  const step = { LSTM: stepLstm, GRU: stepGru, SimpleRNN: stepSimple }[cell];
  for (let i = 0; i < time; i++) {
    const t = reverse ? time - 1 - i : i;
    const slice = { kind: 'slice', starts: [0, t, 0], steps: [1, 1, 1], sizes: [batch, 1, width] } as const;
    const [cut] = builder.add(slice, [inputs], { name: `${name}/step ${t}` });
    const [gates] = builder.add({ kind: 'reshape', shape: [batch, width] }, [cut], {
      name: `${name}/gates ${t}`,
    });
    states = step(builder, layer, gates, states);
    const shape = [batch, 1, units];
    outputs[t] = builder.add({ kind: 'reshape', shape }, [states.h], { name: `${name}/output ${t}` })[0];
  }
  const [sequence] = builder.add({ kind: 'concatenate', axis: 1 }, outputs, { name: `${name}/sequence` });
  return { sequence, states: cell === 'LSTM' ? [states.h, states.c] : [states.h] };
}

/** Columns `gate * units` and following of a `[batch, gates * units]` value. */
function gate(
  builder: GraphBuilder,
  { name }: UnrolledLayer,
  value: string,
  index: number,
  units: number,
): string {
  const [batch] = builder.spec(value).shape as [number, number];
  const operator = {
    kind: 'slice',
    starts: [0, index * units],
    steps: [1, 1],
    sizes: [batch, units],
  } as const;
  return builder.add(operator, [value], { name: `${name}/gate` })[0];
}

function combine(
  builder: GraphBuilder,
  { name }: UnrolledLayer,
  expression: PointwiseExpression,
  inputs: string[],
) {
  return builder.add({ kind: 'pointwise', expression }, inputs, { name: `${name}/state` })[0];
}

function stepSimple(builder: GraphBuilder, layer: UnrolledLayer, gates: string, { h, c }: States): States {
  const [past] = builder.add(PRODUCT, [h, layer.recurrentKernel], { name: `${layer.name}/past` });
  return { h: combine(builder, layer, layer.activation(plus(input(0), input(1))), [gates, past]), c };
}

function stepLstm(builder: GraphBuilder, layer: UnrolledLayer, gates: string, { h, c }: States): States {
  const { activation, recurrentActivation } = layer;
  const [past] = builder.add(PRODUCT, [h, layer.recurrentKernel], { name: `${layer.name}/past` });
  const sums = combine(builder, layer, plus(input(0), input(1)), [gates, past]);
  const units = builder.spec(h).shape[1]!;
  const [i, f, candidate, o] = [0, 1, 2, 3].map((index) => gate(builder, layer, sums, index, units)) as [
    string,
    string,
    string,
    string,
  ];
  const kept = times(recurrentActivation(input(0)), input(1));
  const added = times(recurrentActivation(input(2)), activation(input(3)));
  const next = combine(builder, layer, plus(kept, added), [f, c, i, candidate]);
  return {
    h: combine(builder, layer, times(recurrentActivation(input(0)), activation(input(1))), [o, next]),
    c: next,
  };
}

function stepGru(builder: GraphBuilder, layer: UnrolledLayer, gates: string, { h, c }: States): States {
  const { activation, recurrentActivation, name } = layer;
  const units = builder.spec(h).shape[1]!;
  const kernel = (first: number, count: number) => {
    const sizes = [units, count * units];
    const operator = { kind: 'slice', starts: [0, first * units], steps: [1, 1], sizes } as const;
    return builder.add(operator, [layer.recurrentKernel], { name: `${name}/kernel` })[0];
  };
  const [past] = builder.add(PRODUCT, [h, kernel(0, 2)], { name: `${name}/past` });
  const sum = recurrentActivation(plus(input(0), input(1)));
  const [update, reset] = [0, 1].map((index) => {
    const parts = [gate(builder, layer, gates, index, units), gate(builder, layer, past, index, units)];
    return combine(builder, layer, sum, parts);
  }) as [string, string];
  const remembered = combine(builder, layer, times(input(0), input(1)), [reset, h]);
  const [pastCandidate] = builder.add(PRODUCT, [remembered, kernel(2, 1)], { name: `${name}/past` });
  const candidate = combine(builder, layer, activation(plus(input(0), input(1))), [
    gate(builder, layer, gates, 2, units),
    pastCandidate,
  ]);
  const rest: PointwiseExpression = { operation: 'subtract', a: { constant: 1 }, b: input(0) };
  const mixed = plus(times(input(0), input(1)), times(rest, input(2)));
  return { h: combine(builder, layer, mixed, [update, h, candidate]), c };
}
