import {
  type Operator,
  type OperatorModel,
  type OperatorNode,
  UnsupportedError,
  type ValueSpec,
} from '@qedge/core';
import { encodeOnnxFile, type OnnxAttribute, type OnnxNode, type OnnxTensorData } from './onnx-file.ts';
import { addExpression, addFunction } from './onnx-pointwise.ts';

/** The first operator set with Gelu. */
const OPERATOR_SET = 20;

/** Options of {@link encodeOperatorModelAsOnnx}. */
export interface OnnxOfGraphOptions {
  /** Attention as a chain of matrix products (default), or as ONNX Runtime's own `MultiHeadAttention`. */
  readonly attention?: 'products' | 'fused';
}

/**
 * An operator model as the bytes of an ONNX file with the same inputs, outputs and weights: for comparing results and speed with ONNX Runtime.
 * Images stay channels-last outside of convolutions and pooling, which stand between transpositions.
 *
 * @throws UnsupportedError naming the first node whose kind is not written, BudgetExceededError when the file would exceed 2 GiB.
 */
export function encodeOperatorModelAsOnnx(
  { graph, weights }: OperatorModel,
  { attention = 'products' }: OnnxOfGraphOptions = {},
): Uint8Array {
  const writer = new OnnxWriter(graph.values, attention);
  for (const name of graph.constants) {
    const { dtype, shape } = graph.values[name]!;
    writer.tensors.push({ name, type: dtype, shape, data: weights.load(name).data });
  }
  for (const node of graph.nodes) writeNode(node, writer);
  const outer = (name: string) => {
    const { dtype, shape } = graph.values[name]!;
    return { name, type: dtype, shape };
  };
  // An output that is an input or a constant needs a node between.
  const made = new Set(graph.nodes.flatMap(({ outputs }) => outputs));
  const outputs = graph.outputs.map((name) => {
    if (made.has(name)) return outer(name);
    return { ...outer(name), name: writer.add('Identity', [name]) };
  });
  return encodeOnnxFile(
    {
      name: graph.name || 'graph',
      nodes: writer.nodes,
      tensors: writer.tensors,
      inputs: graph.inputs.map(outer),
      outputs,
    },
    OPERATOR_SET,
  );
}

/** Collects the nodes and constants of a file. */
export class OnnxWriter {
  readonly nodes: OnnxNode[] = [];
  readonly tensors: OnnxTensorData[] = [];
  readonly attention: 'products' | 'fused';
  readonly #values: Readonly<Record<string, ValueSpec>>;
  #count = 0;

  constructor(values: Readonly<Record<string, ValueSpec>>, attention: 'products' | 'fused') {
    this.#values = values;
    this.attention = attention;
  }

  shape(value: string): readonly number[] {
    return this.#values[value]!.shape;
  }

  /** Adds a node; its output has a new name unless one is given. */
  add(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    output: string = this.#name(),
    domain = '',
  ): string {
    this.nodes.push({ operator, inputs, output, attributes, domain });
    return output;
  }

  /** A list of 64-bit integers: shapes, axes, amounts. */
  integers(list: readonly number[]): string {
    const name = this.#name();
    this.tensors.push({ name, type: 'int64', shape: [list.length], data: BigInt64Array.from(list, BigInt) });
    return name;
  }

  /** One float32 number. */
  number(value: number): string {
    const name = this.#name();
    this.tensors.push({ name, type: 'float32', shape: [], data: Float32Array.of(value) });
    return name;
  }

  #name(): string {
    let name = '';
    do name = `#${this.#count++}`;
    while (Object.hasOwn(this.#values, name));
    return name;
  }
}

type NodeOf<Kind extends Operator['kind']> = OperatorNode<Kind> & { readonly inputs: readonly string[] };
type Writers = { readonly [Kind in Operator['kind']]?: (node: NodeOf<Kind>, writer: OnnxWriter) => void };

function writeNode(node: OperatorNode, writer: OnnxWriter): void {
  const write = WRITERS[node.operator.kind] as ((node: OperatorNode, writer: OnnxWriter) => void) | undefined;
  if (write === undefined) {
    throw new UnsupportedError(`Node "${node.name}" is of a kind that is not written as ONNX`, {
      expected: Object.keys(WRITERS).join(', '),
      actual: node.operator.kind,
    });
  }
  write(node, writer);
}

const TO_CHANNELS_FIRST = { perm: [0, 3, 1, 2] } as const;
const TO_CHANNELS_LAST = { perm: [0, 2, 3, 1] } as const;

function windowAttributes({ window }: Extract<Operator, { readonly kind: 'convolution' | 'pooling' }>) {
  const { size, strides, dilations, padding } = window;
  return { kernel_shape: [...size], strides: [...strides], dilations: [...dilations], pads: [...padding] };
}

const writeMatmul: Writers['matmul'] = ({ operator, inputs, outputs }, writer) => {
  const [a, b, bias] = inputs;
  const swapped = (value: string) => {
    const rank = writer.shape(value).length;
    const perm = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
    return writer.add('Transpose', [value], { perm });
  };
  const operands = [operator.transposeA ? swapped(a!) : a!, operator.transposeB ? swapped(b!) : b!];
  let value = writer.add('MatMul', operands);
  if (operator.alpha !== 1) value = writer.add('Mul', [value, writer.number(operator.alpha)]);
  if (bias) value = writer.add('Add', [value, bias]);
  addFunction(writer, operator.activation, value, outputs[0]!);
};

const writeConvolution: Writers['convolution'] = ({ operator, inputs, outputs }, writer) => {
  const [x, weights, bias, residual] = inputs;
  const images = writer.add('Transpose', [x!], TO_CHANNELS_FIRST);
  const kernel = writer.add('Transpose', [weights!], { perm: [3, 2, 0, 1] });
  const operands = bias ? [images, kernel, bias] : [images, kernel];
  const attributes = { ...windowAttributes(operator), group: operator.groups };
  const sums = writer.add('Transpose', [writer.add('Conv', operands, attributes)], TO_CHANNELS_LAST);
  const all = residual ? writer.add('Add', [sums, residual]) : sums;
  addFunction(writer, operator.activation, all, outputs[0]!);
};

const writePooling: Writers['pooling'] = ({ operator, inputs, outputs }, writer) => {
  const images = writer.add('Transpose', [inputs[0]!], TO_CHANNELS_FIRST);
  const max = operator.operation === 'max';
  const attributes = windowAttributes(operator);
  const pooled = writer.add(max ? 'MaxPool' : 'AveragePool', [images], {
    ...attributes,
    ...(max ? {} : { count_include_pad: operator.operation === 'average-with-padding' ? 1 : 0 }),
  });
  writer.add('Transpose', [pooled], TO_CHANNELS_LAST, outputs[0]);
};

/** `softmax(q k^T * scale + mask) v`, head by head. */
const writeAttention: Writers['attention'] = ({ name, operator, inputs, outputs }, writer) => {
  const { heads, keyHeads, scale, causal } = operator;
  if (heads !== keyHeads || causal) {
    throw new UnsupportedError(`Node "${name}" is an attention that is not written as ONNX`, {
      expected: 'as many key heads as heads, not causal',
      actual: { heads, keyHeads, causal },
    });
  }
  const [q, k, v, mask] = inputs;
  if (writer.attention === 'fused') {
    const tokens = [1, 1, writer.shape(q!)[1]!, writer.shape(k!)[1]!];
    const bias = mask ? ['', '', writer.add('Expand', [mask, writer.integers(tokens)])] : [];
    const attributes = { num_heads: heads, scale: { float: scale } };
    writer.add('MultiHeadAttention', [q!, k!, v!, ...bias], attributes, outputs[0], 'com.microsoft');
    return;
  }
  const split = (value: string, perm: readonly number[]) => {
    const [batch, tokens, width] = writer.shape(value) as [number, number, number];
    const shape = writer.integers([batch, tokens, heads, width / heads]);
    return writer.add('Transpose', [writer.add('Reshape', [value, shape])], { perm });
  };
  const products = writer.add('MatMul', [split(q!, [0, 2, 1, 3]), split(k!, [0, 2, 3, 1])]);
  const scores = writer.add('Mul', [products, writer.number(scale)]);
  const shares = writer.add('Softmax', [mask ? writer.add('Add', [scores, mask]) : scores], { axis: -1 });
  const mixed = writer.add('MatMul', [shares, split(v!, [0, 2, 1, 3])]);
  const joined = writer.add('Transpose', [mixed], { perm: [0, 2, 1, 3] });
  writer.add('Reshape', [joined, writer.integers(writer.shape(outputs[0]!))], {}, outputs[0]);
};

const REDUCTIONS = {
  sum: 'ReduceSum',
  mean: 'ReduceMean',
  maximum: 'ReduceMax',
  minimum: 'ReduceMin',
} as const;
const ELEMENT_TYPES = { float32: 1, uint8: 2, int8: 3, int32: 6 } as const;

const WRITERS: Writers = {
  matmul: writeMatmul,
  convolution: writeConvolution,
  pooling: writePooling,
  attention: writeAttention,
  'channel-scale': ({ operator, inputs, outputs }, writer) => {
    const [x, scale, shift] = inputs;
    const sum = writer.add('Add', [writer.add('Mul', [x!, scale!]), shift!]);
    addFunction(writer, operator.activation, sum, outputs[0]!);
  },
  'layer-normalization': ({ operator, inputs, outputs }, writer) => {
    const [x, gamma, beta] = inputs as readonly (string | null)[];
    const size = writer.shape(x!).at(-1)!;
    const ones = () => writer.add('Expand', [writer.number(1), writer.integers([size])]);
    const operands = [x!, gamma ?? ones(), ...(beta ? [beta] : [])];
    const attributes = { axis: -1, epsilon: { float: operator.epsilon } };
    writer.add('LayerNormalization', operands, attributes, outputs[0]);
  },
  pointwise: ({ operator, inputs, outputs }, writer) => {
    const value = addExpression(writer, operator.expression, inputs);
    writer.add('Expand', [value, writer.integers(writer.shape(outputs[0]!))], {}, outputs[0]);
  },
  softmax: ({ operator, inputs, outputs }, writer) => {
    writer.add(operator.log ? 'LogSoftmax' : 'Softmax', inputs, { axis: -1 }, outputs[0]);
  },
  reduction: ({ operator, inputs, outputs }, writer) => {
    const attributes = { keepdims: operator.keepAxes ? 1 : 0, noop_with_empty_axes: 1 };
    const operands = [inputs[0]!, writer.integers(operator.axes)];
    writer.add(REDUCTIONS[operator.operation], operands, attributes, outputs[0]);
  },
  transpose: ({ operator, inputs, outputs }, writer) => {
    writer.add('Transpose', inputs, { perm: operator.permutation }, outputs[0]);
  },
  reshape: ({ operator, inputs, outputs }, writer) => {
    const attributes = { allowzero: operator.shape.includes(0) ? 1 : 0 };
    writer.add('Reshape', [inputs[0]!, writer.integers(operator.shape)], attributes, outputs[0]);
  },
  expand: ({ operator, inputs, outputs }, writer) => {
    writer.add('Expand', [inputs[0]!, writer.integers(operator.shape)], {}, outputs[0]);
  },
  concatenate: ({ operator, inputs, outputs }, writer) => {
    writer.add('Concat', inputs, { axis: operator.axis }, outputs[0]);
  },
  slice: ({ operator: { starts, steps, sizes }, inputs, outputs }, writer) => {
    // An end before index 0 is written as a number that is far enough below.
    const ends = starts.map((start, i) => {
      const end = start + sizes[i]! * steps[i]!;
      return end < 0 ? -(2 ** 31) : end;
    });
    const axes = starts.map((_, axis) => axis);
    const lists = [starts, ends, axes, steps].map((list) => writer.integers(list));
    writer.add('Slice', [inputs[0]!, ...lists], {}, outputs[0]);
  },
  gather: ({ operator, inputs, outputs }, writer) => {
    writer.add('Gather', inputs, { axis: operator.axis }, outputs[0]);
  },
  cast: ({ operator, inputs, outputs }, writer) => {
    writer.add('Cast', inputs, { to: ELEMENT_TYPES[operator.dtype] }, outputs[0]);
  },
};
