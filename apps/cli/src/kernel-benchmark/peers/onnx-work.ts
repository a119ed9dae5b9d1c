import { encodeOnnxFile, type OnnxElementType, type OnnxNode, type OnnxTensorData } from '@qedge/kernels/ort';
import {
  type ConvolutionWork,
  convolutionOutput,
  type IntegerProductWork,
  type NibbleProductWork,
  type PerceptronWork,
  type ProductWork,
  type Work,
} from '../work.ts';

/** A work as an ONNX file with one input `x` and one output `y`, both of fixed shape. */
export interface OnnxWork {
  readonly file: Uint8Array;
  readonly input: OnnxTensorData;
  readonly outputType: 'float32' | 'int32';
  readonly outputShape: readonly number[];
  /** Turns the output into the order of the work's result. */
  readonly read: (output: ArrayLike<number>) => ArrayLike<number>;
}

/** Version 17 of the operators: the newest that all tested versions of ONNX Runtime know. */
const OPERATOR_SET = 17;

/** Describes a work in ONNX's operators, as a person would who wants ONNX Runtime at its best. */
export function describeInOnnx(work: Work): OnnxWork {
  switch (work.kind) {
    case 'product':
      return product(work);
    case 'integer product':
      return integerProduct(work);
    case 'nibble product':
      return nibbleProduct(work);
    case 'perceptron':
      return perceptron(work);
    case 'convolution':
      return convolution(work);
  }
}

function assemble(
  nodes: readonly OnnxNode[],
  tensors: readonly OnnxTensorData[],
  input: OnnxTensorData,
  outputType: 'float32' | 'int32',
  outputShape: readonly number[],
  read: OnnxWork['read'] = (output) => output,
): OnnxWork {
  const graph = {
    name: 'work',
    nodes,
    tensors,
    inputs: [{ name: 'x', type: input.type, shape: input.shape }],
    outputs: [{ name: 'y', type: outputType, shape: outputShape }],
  };
  return { file: encodeOnnxFile(graph, OPERATOR_SET), input, outputType, outputShape, read };
}

function constant(
  name: string,
  type: OnnxElementType,
  shape: readonly number[],
  data: ArrayBufferView,
): OnnxTensorData {
  return { name, type, shape, data };
}

function product({ m, n, k, a, b }: ProductWork): OnnxWork {
  const node = { operator: 'MatMul', inputs: ['x', 'b'], output: 'y' };
  const weights = constant('b', 'float32', [k, n], b);
  return assemble([node], [weights], constant('x', 'float32', [m, k], a), 'float32', [m, n]);
}

function integerProduct({ m, n, k, a, b }: IntegerProductWork): OnnxWork {
  const node = { operator: 'MatMulInteger', inputs: ['x', 'b'], output: 'y' };
  const type = a instanceof Int8Array ? 'int8' : 'uint8';
  return assemble([node], [constant('b', 'int8', [k, n], b)], constant('x', type, [m, k], a), 'int32', [
    m,
    n,
  ]);
}

function nibbleProduct({ m, n, k, x, codes, scales }: NibbleProductWork): OnnxWork {
  // Accuracy level 4: activations may be quantised to int8, which is what we do too.
  const attributes = { K: k, N: n, bits: 4, block_size: 32, accuracy_level: 4 };
  const node = {
    operator: 'MatMulNBits',
    inputs: ['x', 'b', 'scales'],
    output: 'y',
    attributes,
    domain: 'com.microsoft',
  };
  const tensors = [
    constant('b', 'uint8', [n, k / 32, 16], codes),
    constant('scales', 'float32', [(n * k) / 32], scales),
  ];
  return assemble([node], tensors, constant('x', 'float32', [m, k], x), 'float32', [m, n]);
}

function perceptron({ batch, layers, input }: PerceptronWork): OnnxWork {
  const nodes: OnnxNode[] = [];
  const tensors: OnnxTensorData[] = [];
  let value = 'x';
  for (const [index, { kernel, bias, inputs, units }] of layers.entries()) {
    const last = index === layers.length - 1;
    tensors.push(constant(`w${index}`, 'float32', [inputs, units], kernel));
    tensors.push(constant(`b${index}`, 'float32', [units], bias));
    const sum = last ? 'y' : `sum${index}`;
    nodes.push({ operator: 'Gemm', inputs: [value, `w${index}`, `b${index}`], output: sum });
    if (!last) nodes.push({ operator: 'Relu', inputs: [sum], output: `h${index}` });
    value = `h${index}`;
  }
  const x = constant('x', 'float32', [batch, layers[0]!.inputs], input);
  return assemble(nodes, tensors, x, 'float32', [batch, layers.at(-1)!.units]);
}

/** ONNX wants channels first; the change of order is not part of the timed work. */
function convolution(work: ConvolutionWork): OnnxWork {
  const { height, width, inChannels, outChannels, kernel, stride, padding, groups } = work;
  const { outHeight, outWidth } = convolutionOutput(work);
  const perGroup = inChannels / groups;
  const weights = new Float32Array(work.weights.length);
  for (let o = 0; o < outChannels; o++) {
    for (let i = 0; i < perGroup; i++) {
      for (let at = 0; at < kernel * kernel; at++) {
        weights[(o * perGroup + i) * kernel * kernel + at] =
          work.weights[(at * perGroup + i) * outChannels + o]!;
      }
    }
  }
  const attributes = {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
    group: groups,
  };
  const nodes: OnnxNode[] = [
    { operator: 'Conv', inputs: ['x', 'w', 'b'], output: 'sum', attributes },
    { operator: 'Relu', inputs: ['sum'], output: 'y' },
  ];
  const tensors = [
    constant('w', 'float32', [outChannels, perGroup, kernel, kernel], weights),
    constant('b', 'float32', [outChannels], work.bias),
  ];
  const input = transpose(work.input, height * width, inChannels);
  const x = constant('x', 'float32', [1, inChannels, height, width], input);
  return assemble(nodes, tensors, x, 'float32', [1, outChannels, outHeight, outWidth], (output) => {
    return transpose(output, outChannels, outHeight * outWidth);
  });
}

/** `[rows, columns]` to `[columns, rows]`. */
function transpose(values: ArrayLike<number>, rows: number, columns: number): Float32Array {
  const result = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result[j * rows + i] = values[i * columns + j]!;
  }
  return result;
}
