import {
  elementCount,
  type Operator,
  type PointwiseExpression,
  type PointwiseFunction,
  type PointwiseOperation,
  type Random,
  type Shape,
  type WindowSpec,
} from '@qedge/core';
import type { GraphBuilder } from '../graph/graph-builder.ts';

/** Values stay smaller than this, so that plain-loop references are quick. */
const MOST_ELEMENTS = 3000;

/** A graph that is being drawn. */
export class GraphDraft {
  readonly builder: GraphBuilder;
  readonly random: Random;
  readonly #values: string[] = [];
  readonly #read = new Set<string>();
  readonly #inputs: string[] = [];

  constructor(builder: GraphBuilder, random: Random) {
    this.builder = builder;
    this.random = random;
    const channels = 1 + random.integer(6);
    this.#addInput([1 + random.integer(2), 2 + random.integer(5), 1 + random.integer(5), channels]);
    this.#addInput([2 + random.integer(4), channels]);
    this.#addInput([1 + random.integer(4), 1 + random.integer(2), 1 + random.integer(5)]);
  }

  #addInput(shape: Shape): void {
    const name = this.builder.input(`input${this.#inputs.length}`, { dtype: 'float32', shape });
    this.#inputs.push(name);
    this.#values.push(name);
  }

  shape(value: string): Shape {
    return this.builder.spec(value).shape;
  }

  /** A number in `low..high`. */
  between(low: number, high: number): number {
    return low + this.random.integer(high - low + 1);
  }

  choose<Choice>(choices: readonly Choice[]): Choice {
    return choices[this.random.integer(choices.length)]!;
  }

  chance(probability: number): boolean {
    return this.random.uniform() < probability;
  }

  /** A float32 value; of those with the rank, or the shape, if given. Late ones are more likely. */
  value(fits: (shape: Shape) => boolean = () => true): string | null {
    const found = this.#values.filter(
      (name) => this.builder.spec(name).dtype === 'float32' && fits(this.shape(name)),
    );
    if (found.length === 0) return null;
    const recent = this.chance(0.6) ? found.slice(-3) : found;
    return this.choose(recent);
  }

  /** An input of the graph: its numbers are the same on every device. */
  input(): string {
    return this.choose(this.#inputs);
  }

  /** A constant with normal numbers, times `scale`. */
  weights(shape: Shape, scale = 1): string {
    const data = Float32Array.from({ length: elementCount(shape) }, () => this.random.normal() * scale);
    return this.builder.constant('weights', { dtype: 'float32', shape, data });
  }

  /** Adds a node unless it would be too large; returns whether it was added. */
  add(operator: Operator, inputs: readonly (string | null)[]): boolean {
    const outputs = this.builder.add(operator, inputs);
    for (const input of inputs) if (input !== null) this.#read.add(input);
    // What is too large ends here, as an output.
    this.#values.push(...outputs);
    return true;
  }

  /** Adds a node whose output is read by the next one only. */
  step(operator: Operator, inputs: readonly (string | null)[]): string {
    const [output] = this.builder.add(operator, inputs);
    for (const input of inputs) if (input !== null) this.#read.add(input);
    this.#values.push(output);
    return output;
  }

  isSmall(shape: Shape): boolean {
    return elementCount(shape) <= MOST_ELEMENTS;
  }

  /** Values made by nodes that no node reads. */
  unread(): string[] {
    return this.#values.filter((value) => !this.#read.has(value) && !this.#inputs.includes(value));
  }
}

type Draw = (draft: GraphDraft) => boolean;

const FUNCTIONS: readonly PointwiseFunction[] = [
  ...(['relu', 'relu6', 'sigmoid', 'tanh', 'gelu', 'gelu-tanh', 'silu', 'hard-swish'] as const).map(
    (kind) => ({ kind }),
  ),
  ...(['softplus', 'absolute', 'negate', 'error-function'] as const).map((kind) => ({ kind })),
  { kind: 'clip', low: -0.5, high: 1.25 },
  { kind: 'leaky-relu', alpha: 0.1 },
  { kind: 'elu', alpha: 1 },
  { kind: 'hard-sigmoid', alpha: 0.2, beta: 0.5 },
];

const apply = (fn: PointwiseFunction, to: PointwiseExpression): PointwiseExpression => ({ apply: fn, to });
const binary = (
  operation: PointwiseOperation,
  a: PointwiseExpression,
  b: PointwiseExpression,
): PointwiseExpression => ({ operation, a, b });
const x: PointwiseExpression = { input: 0 };
const number = (constant: number): PointwiseExpression => ({ constant });
const activation = (draft: GraphDraft) => (draft.chance(0.3) ? draft.choose(FUNCTIONS) : null);

/** One function or one operation with a number, as importers write them. */
const unary: Draw = (draft) => {
  const value = draft.value();
  if (value === null) return false;
  const constant = number(draft.choose([0.5, 2, 3, -1, 1, 0.25]));
  const operation = draft.choose(['add', 'subtract', 'multiply', 'divide', 'maximum', 'minimum'] as const);
  const expression = draft.chance(0.5) ? apply(draft.choose(FUNCTIONS), x) : binary(operation, x, constant);
  return draft.add({ kind: 'pointwise', expression }, [value]);
};

/** Two values of the same shape, or one and a constant that broadcasts. */
const binaryOperation: Draw = (draft) => {
  const a = draft.value((shape) => shape.length > 0);
  if (a === null) return false;
  const shape = draft.shape(a);
  const same = draft.value((other) => other.join() === shape.join());
  const part = shape.map((size) => (draft.chance(0.5) ? size : 1)).slice(draft.random.integer(shape.length));
  const b = same !== null && draft.chance(0.6) ? same : draft.weights(part);
  const operation = draft.choose(['add', 'subtract', 'multiply', 'maximum', 'minimum'] as const);
  const expression = draft.chance(0.5)
    ? binary(operation, x, { input: 1 })
    : binary(operation, { input: 1 }, x);
  return draft.add({ kind: 'pointwise', expression }, [a, b]);
};

/** Jumps, on inputs only. */
const comparison: Draw = (draft) => {
  const condition = binary(draft.choose(['less', 'greater', 'equal'] as const), x, number(0.25));
  const expression = draft.chance(0.5)
    ? apply({ kind: draft.choose(['floor', 'ceiling', 'round', 'sign'] as const) }, x)
    : ({ condition, a: apply({ kind: 'tanh' }, x), b: number(-0.5) } as const);
  return draft.add({ kind: 'pointwise', expression }, [draft.input()]);
};

/** Hard-swish, silu or gelu written out node by node. */
const writtenActivation: Draw = (draft) => {
  const value = draft.value();
  if (value === null) return false;
  const node = (expression: PointwiseExpression, ...inputs: string[]) =>
    draft.step({ kind: 'pointwise', expression }, inputs);
  const product = binary('multiply', x, { input: 1 });
  const times = (factor: number) => binary('multiply', x, number(factor));
  switch (draft.random.integer(4)) {
    case 0: {
      const limited = node(
        apply({ kind: 'clip', low: 0, high: 6 }, x),
        node(binary('add', x, number(3)), value),
      );
      const gated = draft.chance(0.5) ? node(product, limited, value) : node(product, value, limited);
      node(binary('divide', x, number(6)), gated);
      return true;
    }
    case 1:
      node(product, value, node(apply({ kind: 'sigmoid' }, x), value));
      return true;
    case 2: {
      const erf = node(
        apply({ kind: 'error-function' }, x),
        node(binary('divide', x, number(Math.SQRT2)), value),
      );
      node(product, node(times(0.5), value), node(binary('add', x, number(1)), erf));
      return true;
    }
    default: {
      const cube = node(binary('power', x, number(3)), value);
      const sum = node(binary('add', x, { input: 1 }), value, node(times(0.044715), cube));
      const tanh = node(apply({ kind: 'tanh' }, x), node(times(Math.sqrt(2 / Math.PI)), sum));
      node(times(0.5), node(product, value, node(binary('add', x, number(1)), tanh)));
      return true;
    }
  }
};

function windowFor(draft: GraphDraft, [, height, width]: Shape, strides = true): WindowSpec {
  const size = [draft.between(1, Math.min(3, height!)), draft.between(1, Math.min(3, width!))] as const;
  const pad = draft.chance(0.5) ? size.map((taps) => Math.floor(taps / 2)) : [0, 0];
  const stride = () => (strides ? draft.between(1, 2) : 1);
  return {
    size,
    strides: [stride(), stride()],
    dilations: [1, 1],
    padding: [pad[0]!, pad[1]!, pad[0]!, pad[1]!],
  };
}

/** In the channels-first order of many sources half of the time: with transposes around it. */
function onImages(draft: GraphDraft, build: (images: string, shape: Shape) => string | null): boolean {
  const value = draft.value((shape) => shape.length === 4 && !shape.includes(0));
  if (value === null) return false;
  if (draft.chance(0.5)) return build(value, draft.shape(value)) !== null;
  const images = draft.step({ kind: 'transpose', permutation: [0, 2, 3, 1] }, [value]);
  const result = build(images, draft.shape(images));
  if (result !== null) draft.step({ kind: 'transpose', permutation: [0, 3, 1, 2] }, [result]);
  return true;
}

const convolution: Draw = (draft) =>
  onImages(draft, (images, shape) => {
    const channels = shape[3]!;
    const groups = draft.chance(0.3) ? channels : 1;
    const outputs = groups === 1 ? draft.between(1, 8) : channels;
    const window = windowFor(draft, shape);
    const terms = window.size[0] * window.size[1] * (channels / groups);
    const weights = draft.weights([...window.size, channels / groups, outputs], 1 / Math.sqrt(terms));
    const bias = draft.chance(0.5) ? [draft.weights([outputs])] : [];
    const operator = { kind: 'convolution', window, groups, activation: activation(draft) } as const;
    return draft.step(operator, [images, weights, ...bias]);
  });

const transposedConvolution: Draw = (draft) =>
  onImages(draft, (images, shape) => {
    if (!draft.isSmall([...shape, 8])) return null;
    const [channels, outputs] = [shape[3]!, draft.between(1, 4)];
    const weights = draft.weights([2, 2, outputs, channels], 1 / Math.sqrt(channels * 4));
    const window = { size: [2, 2], strides: [2, 2], dilations: [1, 1], padding: [0, 0, 0, 0] } as const;
    const operator = {
      kind: 'transposed-convolution',
      window,
      groups: 1,
      outputPadding: [0, 0],
      activation: activation(draft),
    } as const;
    return draft.step(operator, [images, weights, ...(draft.chance(0.5) ? [draft.weights([outputs])] : [])]);
  });

const pooling: Draw = (draft) =>
  onImages(draft, (images, shape) => {
    const operation = draft.choose(['max', 'average', 'average-with-padding'] as const);
    return draft.step({ kind: 'pooling', operation, window: windowFor(draft, shape) }, [images]);
  });

const resize: Draw = (draft) =>
  onImages(draft, (images, shape) => {
    if (!draft.isSmall([...shape, 4])) return null;
    const operator = {
      kind: 'resize',
      size: [shape[1]! * 2, shape[2]! * 2],
      scales: [2, 2],
      mode: draft.choose(['nearest', 'linear'] as const),
      coordinates: draft.choose(['half-pixel', 'asymmetric'] as const),
      nearest: 'floor',
      cubicCoefficient: -0.75,
    } as const;
    return draft.step(operator, [images]);
  });

const channelScale: Draw = (draft) =>
  onImages(draft, (images, shape) => {
    const vectors = [draft.weights([shape[3]!]), draft.weights([shape[3]!])];
    return draft.step({ kind: 'channel-scale', activation: activation(draft) }, [images, ...vectors]);
  });

/** A gate per channel, from their means. */
const channelAttention: Draw = (draft) =>
  onImages(draft, (images, shape) => {
    const reduce = { kind: 'reduction', operation: 'mean', axes: [1, 2], keepAxes: true } as const;
    const mean = draft.step(reduce, [images]);
    const window = { size: [1, 1], strides: [1, 1], dilations: [1, 1], padding: [0, 0, 0, 0] } as const;
    const weights = draft.weights([1, 1, shape[3]!, shape[3]!], 0.5);
    const gate = draft.step({ kind: 'convolution', window, groups: 1, activation: { kind: 'sigmoid' } }, [
      mean,
      weights,
    ]);
    return draft.step({ kind: 'pointwise', expression: binary('multiply', x, { input: 1 }) }, [images, gate]);
  });

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
