import {
  type Operator,
  type OperatorModel,
  type OperatorNode,
  type OperatorOf,
  UnsupportedError,
  type ValueSpec,
} from '@qedge/core';
import { loadConstant } from '../graph/constant-weights.ts';
import {
  findDecodedKernels,
  writeDequantize,
  writeGroupedMatmul,
  writePad,
  writeQuantize,
} from './onnx-codes.ts';
import { encodeOnnxFile, type OnnxAttribute, type OnnxNode, type OnnxTensorData } from './onnx-file.ts';
import { writeConvolution, writePooling, writeResize, writeTransposedConvolution } from './onnx-images.ts';
import { addExpression, addFunction } from './onnx-pointwise.ts';
import {
  addDynamicCodes,
  addDynamicProduct,
  type DynamicCodes,
  type OnnxQuantization,
} from './onnx-quantization.ts';

/** The first operator set with Gelu. */
const OPERATOR_SET = 20;

/** Options of {@link encodeOperatorModelAsOnnx}. */
export interface OnnxOfGraphOptions {
  /** Attention as a chain of matrix products (default), or as ONNX Runtime's own `MultiHeadAttention`. */
  readonly attention?: 'products' | 'fused';
  /**
   * Products on integers of 8 bits; default: all is float32. Matrix products with constant weights get the codes of their other operand when they
   * run, one scale for all.
   */
  readonly quantization?: OnnxQuantization;
}

/**
 * An operator model as the bytes of an ONNX file with the same inputs, outputs and weights: for comparing results and speed with ONNX Runtime.
 * Images stay channels-last outside of convolutions and pooling, which stand between transpositions.
 *
 * @throws UnsupportedError naming the first node whose kind is not written, BudgetExceededError when the file would exceed 2 GiB.
 */
export function encodeOperatorModelAsOnnx(
  model: OperatorModel,
  options: OnnxOfGraphOptions = {},
): Uint8Array {
  const { graph, weights } = model;
  const writer = new OnnxWriter(model, options);
  for (const node of graph.nodes) writeNode(node, writer);
  const read = new Set([...graph.outputs, ...writer.nodes.flatMap(({ inputs }) => inputs)]);
  for (const name of graph.constants.filter((each) => read.has(each) && !writer.moved.has(each))) {
    const { dtype, shape } = graph.values[name]!;
    writer.tensors.push({
      name,
      type: dtype,
      shape,
      data: loadConstant(weights, name, graph.values[name]!).data,
    });
  }
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
  readonly quantization: OnnxQuantization | null;
  /** Nodes that decode kernels of convolutions, by what they put out: convolutions write them. */
  readonly decodedKernels: ReadonlyMap<string, OperatorNode<'dequantize'>>;
  /** Constants that were written in another order. */
  readonly moved = new Set<string>();
  readonly #values: Readonly<Record<string, ValueSpec>>;
  readonly #constants: ReadonlySet<string>;
  readonly #weights: OperatorModel['weights'];
  readonly #dynamicCodes = new Map<string, DynamicCodes>();
  #count = 0;

  constructor(
    { graph, weights }: OperatorModel,
    { attention = 'products', quantization }: OnnxOfGraphOptions,
  ) {
    this.attention = attention;
    this.quantization = quantization ?? null;
    this.decodedKernels = findDecodedKernels(graph);
    this.#values = graph.values;
    this.#constants = new Set(graph.constants);
    this.#weights = weights;
  }

  /** The numbers of a constant; null for a value that is computed. */
  constant(value: string): ArrayLike<number> | null {
    if (!this.#constants.has(value)) return null;
    return loadConstant(this.#weights, value, this.#values[value]!).data;
  }

  /** The codes of a value, which all products that read it share. */
  dynamicCodes(value: string): DynamicCodes {
    const codes = this.#dynamicCodes.get(value) ?? addDynamicCodes(this, value);
    this.#dynamicCodes.set(value, codes);
    return codes;
  }

  shape(value: string): readonly number[] {
    return this.#values[value]!.shape;
  }

  type(value: string): ValueSpec['dtype'] {
    return this.#values[value]!.dtype;
  }

  /** Adds a node; its output has a new name unless one is given. */
  add(
    operator: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
    output: string | readonly string[] = this.newName(),
    domain = '',
  ): string {
    this.nodes.push({ operator, inputs, output, attributes, domain });
    return typeof output === 'string' ? output : output[0]!;
  }

  /** Adds a constant. */
  tensor(type: OnnxTensorData['type'], shape: readonly number[], data: OnnxTensorData['data']): string {
    const name = this.newName();
    this.tensors.push({ name, type, shape, data });
    return name;
  }

  /** Writes a constant in another order under its own name, once. @returns the name. */
  moveConstant(
    name: string,
    type: OnnxTensorData['type'],
    shape: readonly number[],
    data: OnnxTensorData['data'],
  ): string {
    if (!this.moved.has(name)) this.tensors.push({ name, type, shape, data });
    this.moved.add(name);
    return name;
  }

  /** A list of 64-bit integers: shapes, axes, amounts. */
  integers(list: readonly number[]): string {
    return this.tensor('int64', [list.length], BigInt64Array.from(list, BigInt));
  }

  /** One float32 number. */
  number(value: number): string {
    return this.tensor('float32', [], Float32Array.of(value));
  }

  /** A name that no value has. */
  newName(): string {
    let name = '';
    do name = `#${this.#count++}`;
    while (Object.hasOwn(this.#values, name));
    return name;
  }
}

/** A node without inputs that are left out in the middle. */
export type NodeOf<Kind extends Operator['kind']> = OperatorNode<Kind> & {
  readonly inputs: readonly string[];
};
/** What writes the nodes of a kind. */
export type Writers = {
  readonly [Kind in Operator['kind']]?: (node: NodeOf<Kind>, writer: OnnxWriter) => void;
};

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

const writeMatmul: Writers['matmul'] = ({ operator, inputs, outputs }, writer) => {
  const [a, b, bias] = inputs;
  const swapped = (value: string) => {
    const rank = writer.shape(value).length;
    const perm = Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
    return writer.add('Transpose', [value], { perm });
  };
  if (writeDynamicMatmul(operator, inputs, outputs[0]!, writer)) return;
  const operands = [operator.transposeA ? swapped(a!) : a!, operator.transposeB ? swapped(b!) : b!];
  let value = writer.add('MatMul', operands);
  if (operator.alpha !== 1) value = writer.add('Mul', [value, writer.number(operator.alpha)]);
  if (bias) value = writer.add('Add', [value, bias]);
  addFunction(writer, operator.activation, value, outputs[0]!);
};

/** A product on codes, where weights are constant. @returns whether it was written. */
function writeDynamicMatmul(
  { transposeA, transposeB, alpha, activation }: OperatorOf<'matmul'>,
  [a, b, bias]: readonly string[],
  output: string,
  writer: OnnxWriter,
): boolean {
  const { quantization } = writer;
  const values = writer.constant(b!);
  const shape = writer.shape(b!);
  if (quantization === null || values === null || shape.length !== 2 || transposeA) return false;
  const [k, n] = (transposeB ? [shape[1]!, shape[0]!] : shape) as [number, number];
  const scaled = Float32Array.from(
    values,
    (_, i) => alpha * values[transposeB ? (i % n) * k + Math.floor(i / n) : i]!,
  );
  const weights = { values: scaled, shape: [k, n] as const };
  const product = addDynamicProduct(writer, writer.dynamicCodes(a!), weights, bias ?? null, quantization);
  addFunction(writer, activation, product, output);
  return true;
}

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
  resize: writeResize,
  'transposed-convolution': writeTransposedConvolution,
  attention: writeAttention,
  quantize: writeQuantize,
  dequantize: writeDequantize,
  'grouped-matmul': writeGroupedMatmul,
  pad: writePad,
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
