import type { Float32Model, Float32SoftmaxStep, Float32Step } from '../float32-model.ts';
import { encodeOnnxFile, type OnnxNode, type OnnxTensorData } from './onnx-file.ts';

/** The name of the model's input, `[batch, inputSize]` float32. */
export const ONNX_INPUT = 'input';
/** The name of the model's output, `[batch, outputSize]` float32. */
export const ONNX_OUTPUT = 'output';

/** The first operator set whose Softmax works on one axis. */
const OPERATOR_SET = 13;

/**
 * A float32 model as the bytes of an ONNX file: Gemm, Relu, Softmax and, for a softmax over several rows per sample, Reshape.
 * The batch is a free dimension.
 *
 * @throws BudgetExceededError when the file would exceed 2 GiB.
 */
export function encodeOnnxModel(model: Float32Model): Uint8Array {
  const nodes: OnnxNode[] = [];
  const tensors: OnnxTensorData[] = [];
  let value = ONNX_INPUT;
  for (const [index, step] of model.steps.entries()) {
    const encoded = encodeStep(step, `${index}`, value);
    nodes.push(...encoded.nodes);
    tensors.push(...encoded.tensors);
    value = encoded.output;
  }
  // A graph without steps still needs a node between its input and its output.
  nodes.push({ operator: 'Identity', inputs: [value], output: ONNX_OUTPUT });
  const matrix = (name: string, columns: number) => {
    return { name, type: 'float32', shape: ['batch', columns] } as const;
  };
  const graph = {
    name: model.graph.name || 'model',
    nodes,
    tensors,
    inputs: [matrix(ONNX_INPUT, model.inputSize)],
    outputs: [matrix(ONNX_OUTPUT, model.outputSize)],
  };
  return encodeOnnxFile(graph, OPERATOR_SET);
}

interface EncodedStep {
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensorData[];
  readonly output: string;
}

function encodeStep(step: Float32Step, name: string, input: string): EncodedStep {
  if (step.kind === 'softmax') return encodeSoftmax(step, name, input);
  const { inputSize, units } = step;
  const [kernel, bias, sum] = [`${name} kernel`, `${name} bias`, `${name} sum`];
  const tensors: OnnxTensorData[] = [
    { name: kernel, type: 'float32', shape: [inputSize, units], data: step.kernel },
  ];
  if (step.bias !== null) tensors.push({ name: bias, type: 'float32', shape: [units], data: step.bias });
  const inputs = step.bias === null ? [input, kernel] : [input, kernel, bias];
  const gemm: OnnxNode = { operator: 'Gemm', inputs, output: sum };
  if (!step.relu) return { nodes: [gemm], tensors, output: sum };
  const output = `${name} relu`;
  return { nodes: [gemm, { operator: 'Relu', inputs: [sum], output }], tensors, output };
}

function encodeSoftmax(
  { width, rowsPerSample }: Float32SoftmaxStep,
  name: string,
  input: string,
): EncodedStep {
  const output = `${name} softmax`;
  // Of the two axes, the last one has the number 1.
  const softmax = (from: string, to: string): OnnxNode => {
    return { operator: 'Softmax', inputs: [from], output: to, attributes: { axis: 1 } };
  };
  if (rowsPerSample === 1) return { nodes: [softmax(input, output)], tensors: [], output };
  const reshape = (from: string, shape: string, to: string): OnnxNode => {
    return { operator: 'Reshape', inputs: [from, shape], output: to };
  };
  const shape = (of: string, columns: number): OnnxTensorData => {
    return { name: of, type: 'int64', shape: [2], data: BigInt64Array.of(-1n, BigInt(columns)) };
  };
  const [rows, finished] = [`${name} rows`, `${name} finished`];
  const [rowsShape, sampleShape] = [`${name} rows shape`, `${name} sample shape`];
  return {
    nodes: [reshape(input, rowsShape, rows), softmax(rows, finished), reshape(finished, sampleShape, output)],
    tensors: [shape(rowsShape, width), shape(sampleShape, width * rowsPerSample)],
    output,
  };
}
