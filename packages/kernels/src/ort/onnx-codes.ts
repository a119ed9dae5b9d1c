import type { OperatorGraph, OperatorNode, OperatorOf } from '@qedge/core';
import type { OnnxWriter, Writers } from './onnx-of-graph.ts';
import { addFunction } from './onnx-pointwise.ts';
import { outputsFirst } from './onnx-quantization.ts';

/** The axis of a kernel's output channels, here and in ONNX. */
const [OUTPUTS_LAST, OUTPUTS_FIRST] = [3, 0];

/** QuantizeLinear. */
export const writeQuantize: Writers['quantize'] = ({ operator, inputs, outputs }, writer) => {
  writer.add('QuantizeLinear', inputs, axisOf(operator), outputs[0]);
};

/** DequantizeLinear; that of a convolution's weights is written with the convolution. */
export const writeDequantize: Writers['dequantize'] = ({ operator, inputs, outputs }, writer) => {
  if (writer.decodedKernels.has(outputs[0]!)) return;
  writer.add('DequantizeLinear', present(inputs), axisOf(operator), outputs[0]);
};

/** Inputs without those at the end that are left out. */
function present(inputs: readonly (string | null)[]): string[] {
  return inputs.filter((input) => input !== null);
}

function axisOf({ axis }: OperatorOf<'quantize' | 'dequantize'>): Readonly<Record<string, number>> {
  return axis === null ? {} : { axis };
}

/** ONNX Runtime's MatMulNBits. Bias and activation follow it. */
export const writeGroupedMatmul: Writers['grouped-matmul'] = ({ operator, inputs, outputs }, writer) => {
  const { bits, groupSize, columns, activation } = operator;
  const [a, codes, scales, zeroPoints, bias] = inputs as readonly (string | null | undefined)[];
  const operands = [a!, codes!, scales!, ...(zeroPoints ? [zeroPoints] : [])];
  const attributes = { K: writer.shape(a!).at(-1)!, N: columns, bits, block_size: groupSize };
  const product = writer.add('MatMulNBits', operands, attributes, undefined, 'com.microsoft');
  addFunction(writer, activation, bias ? writer.add('Add', [product, bias]) : product, outputs[0]!);
};

/**
 * The nodes that decode constants for convolutions and nothing else, by what they put out. ONNX has kernels with outputs first: their codes are
 * moved, so that the file holds them next to the convolution and once.
 */
export function findDecodedKernels(graph: OperatorGraph): ReadonlyMap<string, OperatorNode<'dequantize'>> {
  const constants = new Set(graph.constants);
  const decoded = new Map<string, OperatorNode<'dequantize'>>();
  for (const node of graph.nodes) {
    const { operator, inputs, outputs } = node;
    if (operator.kind !== 'dequantize' || (operator.axis !== null && operator.axis !== OUTPUTS_LAST))
      continue;
    const [output] = outputs;
    if (graph.outputs.includes(output!) || !present(inputs).every((each) => constants.has(each))) continue;
    const readers = graph.nodes.filter((reader) => reader.inputs.includes(output!));
    const isKernel = readers.every((reader) => {
      return (
        reader.operator.kind === 'convolution' &&
        reader.inputs.every((each, i) => (each === output) === (i === 1))
      );
    });
    if (isKernel) decoded.set(output!, { ...node, operator });
  }
  return decoded;
}

/** The kernel of a convolution in ONNX's order, decoded behind its codes; null for one that is no constant behind `dequantize`. */
export function addDecodedCodes(writer: OnnxWriter, weights: string): string | null {
  const node = writer.decodedKernels.get(weights);
  if (!node) return null;
  const [codes, scale, zeroPoint] = node.inputs;
  const [height, width, channels, outputs] = writer.shape(codes!) as readonly [
    number,
    number,
    number,
    number,
  ];
  const type = writer.type(codes!) as 'int8' | 'uint8';
  const moved = outputsFirst(writer.constant(codes!) as Int8Array | Uint8Array, writer.shape(codes!));
  // Under its own name: the constant itself is read by nobody then.
  const name = writer.moveConstant(codes!, type, [outputs, channels, height, width], moved);
  const operands = present([name, scale!, zeroPoint ?? null]);
  return writer.add('DequantizeLinear', operands, node.operator.axis === null ? {} : { axis: OUTPUTS_FIRST });
}

const PAD_ARRAYS = { float32: Float32Array, int32: Int32Array, int8: Int8Array, uint8: Uint8Array } as const;

/** Pad. ONNX has the same names for its modes. */
export const writePad: Writers['pad'] = ({ operator, inputs, outputs }, writer) => {
  const { before, after, mode, value } = operator;
  const amounts = writer.integers([...before, ...after]);
  const type = writer.type(inputs[0]!);
  const filler = () => writer.tensor(type, [], PAD_ARRAYS[type].of(value));
  const operands = [inputs[0]!, amounts, ...(mode === 'constant' ? [filler()] : [])];
  writer.add('Pad', operands, { mode: { text: mode } }, outputs[0]);
};
