import type { PointwiseExpression, Shape } from '@qedge/core';
import { activation, apply, binary, type Draw, number, x } from './graph-draft.ts';
import {
  channelAttention,
  channelScale,
  convolution,
  pooling,
  resize,
  transposedConvolution,
} from './random-image-operators.ts';
import { binaryOperation, comparison, unary, writtenActivation } from './random-pointwise-operators.ts';

const matmul: Draw = (draft) => {
  const a = draft.value((shape) => shape.length >= 2 && !shape.includes(0));
  if (a === null) return false;
  const shape = draft.shape(a);
  const [transposeA, transposeB] = [draft.chance(0.2), draft.chance(0.3)];
  const [terms, columns] = [shape.at(transposeA ? -2 : -1)!, draft.between(1, 8)];
  const b = draft.weights(transposeB ? [columns, terms] : [terms, columns], 1 / Math.sqrt(terms));
  const operator = {
    kind: 'matmul',
    transposeA,
    transposeB,
    alpha: draft.choose([1, 1, 0.5]),
    activation: activation(draft),
  } as const;
  return draft.add(operator, [a, b, ...(draft.chance(0.5) ? [draft.weights([columns])] : [])]);
};

const normalization: Draw = (draft) => {
  const value = draft.value((shape) => (shape.at(-1) ?? 0) >= 3);
  if (value === null) return false;
  const channels = draft.shape(value).at(-1)!;
  if (draft.chance(0.5)) {
    const vectors = draft.chance(0.5) ? [draft.weights([channels]), draft.weights([channels])] : [];
    return draft.add({ kind: 'layer-normalization', epsilon: 0.1 }, [value, ...vectors]);
  }
  const mean = {
    kind: 'reduction',
    operation: 'mean',
    axes: [draft.shape(value).length - 1],
    keepAxes: true,
  } as const;
  const node = (expression: PointwiseExpression, ...inputs: string[]) =>
    draft.step({ kind: 'pointwise', expression }, inputs);
  const centred = node(binary('subtract', x, { input: 1 }), value, draft.step(mean, [value]));
  const variance = draft.step(mean, [node(binary('power', x, number(2)), centred)]);
  const deviation = node(apply({ kind: 'square-root' }, x), node(binary('add', x, number(0.1)), variance));
  const quotient = node(binary('divide', x, { input: 1 }), centred, deviation);
  node(binary('multiply', x, { input: 1 }), quotient, draft.weights([channels]));
  return true;
};

const softmax: Draw = (draft) => {
  const value = draft.value((shape) => shape.length > 0);
  return value !== null && draft.add({ kind: 'softmax', log: draft.chance(0.2) }, [value]);
};

const reduction: Draw = (draft) => {
  const value = draft.value((shape) => shape.length > 1 && !shape.includes(0));
  if (value === null) return false;
  const axes = draft.shape(value).flatMap((_, axis) => (draft.chance(0.4) ? [axis] : []));
  if (axes.length === 0) return false;
  const operation = draft.choose(['sum', 'mean', 'maximum', 'minimum'] as const);
  return draft.add({ kind: 'reduction', operation, axes, keepAxes: draft.chance(0.5) }, [value]);
};

const transpose: Draw = (draft) => {
  const value = draft.value((shape) => shape.length > 1);
  if (value === null) return false;
  const permutation = draft.shape(value).map((_, axis) => axis);
  for (let i = permutation.length - 1; i > 0; i--) {
    const j = draft.random.integer(i + 1);
    [permutation[i], permutation[j]] = [permutation[j]!, permutation[i]!];
  }
  return draft.add({ kind: 'transpose', permutation }, [value]);
};

const reshape: Draw = (draft) => {
  const value = draft.value((shape) => shape.length > 0);
  if (value === null) return false;
  const shape = [...draft.shape(value)];
  const at = draft.random.integer(shape.length);
  if (draft.chance(0.4) && shape.length < 5) shape.splice(at, 0, 1);
  else if (at + 1 < shape.length) shape.splice(at, 2, shape[at]! * shape[at + 1]!);
  else if (shape[at]! % 2 === 0 && shape.length < 5) shape.splice(at, 1, 2, shape[at]! / 2);
  else return false;
  return draft.add({ kind: 'reshape', shape }, [value]);
};

const concatenate: Draw = (draft) => {
  const a = draft.value((shape) => shape.length > 0);
  if (a === null) return false;
  const shape = draft.shape(a);
  const axis = draft.random.integer(shape.length);
  const fits = (other: Shape) =>
    other.length === shape.length && other.every((size, each) => each === axis || size === shape[each]);
  const b = draft.value(fits);
  if (b === null || !draft.isSmall([...shape, 4])) return false;
  return draft.add({ kind: 'concatenate', axis }, draft.chance(0.5) ? [a, b] : [b, a]);
};

const slice: Draw = (draft) => {
  const value = draft.value((shape) => shape.length > 0 && !shape.includes(0));
  if (value === null) return false;
  const shape = draft.shape(value);
  const axis = draft.random.integer(shape.length);
  const [starts, steps, sizes] = [shape.map(() => 0), shape.map(() => 1), [...shape]];
  const step = draft.choose([1, 1, 1, 2, -1]);
  const most = Math.ceil(shape[axis]! / Math.abs(step));
  sizes[axis] = draft.between(1, most);
  steps[axis] = step;
  const room = shape[axis]! - 1 - (sizes[axis]! - 1) * Math.abs(step);
  starts[axis] = step > 0 ? draft.between(0, room) : shape[axis]! - 1 - draft.between(0, room);
  return draft.add({ kind: 'slice', starts, steps, sizes }, [value]);
};

const pad: Draw = (draft) => {
  const value = draft.value((shape) => shape.length > 0 && shape.length < 5 && draft.isSmall([...shape, 4]));
  if (value === null) return false;
  const around = () => draft.shape(value).map(() => (draft.chance(0.3) ? 1 : 0));
  return draft.add({ kind: 'pad', before: around(), after: around(), mode: 'constant', value: 0.5 }, [value]);
};

const expand: Draw = (draft) => {
  const value = draft.value((shape) => shape.includes(1) && draft.isSmall([...shape, 3]));
  if (value === null) return false;
  const shape = [...draft.shape(value)];
  shape[shape.indexOf(1)] = draft.between(1, 3);
  return draft.add({ kind: 'expand', shape }, [value]);
};

const gather: Draw = (draft) => {
  const value = draft.value((shape) => shape.length > 0 && !shape.includes(0));
  if (value === null) return false;
  const axis = draft.random.integer(draft.shape(value).length);
  const size = draft.shape(value)[axis]!;
  const data = Int32Array.from(
    { length: draft.between(1, size) },
    () => draft.random.integer(2 * size) - size,
  );
  const indices = draft.builder.constant('indices', { dtype: 'int32', shape: [data.length], data });
  return draft.add({ kind: 'gather', axis }, [value, indices]);
};

/** Self-attention, written out with its transposes or as the operator. */
const attention: Draw = (draft) => {
  const value = draft.value((shape) => shape.length === 3 && shape[2]! % 2 === 0 && !shape.includes(0));
  if (value === null) return false;
  const [batch, tokens, width] = draft.shape(value) as [number, number, number];
  const product = {
    kind: 'matmul',
    transposeA: false,
    transposeB: false,
    alpha: 1,
    activation: null,
  } as const;
  const projected = (columns: number) =>
    draft.step(product, [value, draft.weights([width, columns], 1 / Math.sqrt(width))]);
  if (draft.chance(0.3)) {
    const operator = {
      kind: 'attention',
      heads: 2,
      keyHeads: 2,
      scale: 0.5,
      causal: draft.chance(0.5),
    } as const;
    return draft.add(operator, [projected(width), projected(width), projected(width)]);
  }
  const split = { kind: 'reshape', shape: [batch, tokens, 2, width / 2] } as const;
  const heads = (permutation: number[]) =>
    draft.step({ kind: 'transpose', permutation }, [draft.step(split, [projected(width)])]);
  const scores = draft.step(product, [heads([0, 2, 1, 3]), heads([0, 2, 3, 1])]);
  const scaled = draft.step({ kind: 'pointwise', expression: binary('divide', x, number(1.5)) }, [scores]);
  const mask = { kind: 'pointwise', expression: binary('add', x, { input: 1 }) } as const;
  const masked = draft.chance(0.5) ? draft.step(mask, [scaled, draft.weights([1, 1, tokens])]) : scaled;
  const mixed = draft.step(product, [
    draft.step({ kind: 'softmax', log: false }, [masked]),
    heads([0, 2, 1, 3]),
  ]);
  const merged = draft.step({ kind: 'transpose', permutation: [0, 2, 1, 3] }, [mixed]);
  return draft.add({ kind: 'reshape', shape: [batch, tokens, width] }, [merged]);
};

const recurrent: Draw = (draft) => {
  const value = draft.value((shape) => shape.length === 3 && !shape.includes(0));
  if (value === null) return false;
  const [, , size] = draft.shape(value) as [number, number, number];
  const [cell, hidden] = [draft.choose(['lstm', 'gru'] as const), draft.between(1, 4)];
  const direction = draft.choose(['forward', 'reverse', 'bidirectional'] as const);
  const [directions, gates] = [direction === 'bidirectional' ? 2 : 1, cell === 'lstm' ? 4 : 3];
  const weights = [
    draft.weights([directions, gates * hidden, size], 0.5),
    draft.weights([directions, gates * hidden, hidden], 0.5),
  ];
  const operator = {
    kind: 'recurrent',
    cell,
    direction,
    hiddenSize: hidden,
    linearBeforeReset: draft.chance(0.5),
  } as const;
  return draft.add(operator, [
    value,
    ...weights,
    ...(draft.chance(0.5) ? [draft.weights([directions, 2 * gates * hidden])] : []),
  ]);
};

/** Codes of an input and back. */
const quantization: Draw = (draft) => {
  const constant = (data: Int8Array | Float32Array, dtype: 'int8' | 'float32') =>
    draft.builder.constant('quantization', { dtype, shape: [1], data });
  const parameters = [constant(Float32Array.of(0.05), 'float32'), constant(Int8Array.of(3), 'int8')];
  const codes = draft.builder.add({ kind: 'quantize', axis: null, dtype: 'int8' }, [
    draft.input(),
    ...parameters,
  ])[0];
  return draft.add({ kind: 'dequantize', axis: null }, [codes, ...parameters]);
};

const extremum: Draw = (draft) => {
  const value = draft.input();
  const axis = draft.random.integer(draft.shape(value).length);
  const operation = draft.choose(['maximum', 'minimum'] as const);
  return draft.add({ kind: 'arg-extremum', operation, axis, keepAxis: draft.chance(0.5) }, [value]);
};

/** Ways to add operators to a random graph, by what they are about. Each says whether it found values that it fits. */
export const RANDOM_OPERATORS = {
  ...{
    unary,
    binaryOperation,
    comparison,
    writtenActivation,
    convolution,
    transposedConvolution,
    pooling,
    resize,
  },
  ...{
    channelScale,
    channelAttention,
    matmul,
    normalization,
    softmax,
    reduction,
    transpose,
    reshape,
    concatenate,
  },
  ...{ slice, pad, expand, gather, attention, recurrent, quantization, extremum },
} satisfies Record<string, Draw>;

/** What {@link RANDOM_OPERATORS} knows. */
export type RandomOperatorKind = keyof typeof RANDOM_OPERATORS;
