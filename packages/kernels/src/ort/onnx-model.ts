import { BudgetExceededError } from '@qedge/core';
import type { Float32Model, Float32SoftmaxStep, Float32Step } from '../float32-model.ts';
import { bytesField, integerField, type Message, message, toBytes } from './protocol-buffer.ts';

/** The name of the model's input, `[batch, inputSize]` float32. */
export const ONNX_INPUT = 'input';
/** The name of the model's output, `[batch, outputSize]` float32. */
export const ONNX_OUTPUT = 'output';

/** Protocol buffers count bytes in 32 bits with a sign. */
const MAX_MODEL_BYTES = 2 ** 31 - 1;

/** Version of the file format, and of the operators: the first pair with Softmax over one axis (operator set 13). */
const [IR_VERSION, OPERATOR_SET] = [8, 13];

// Numbers of TensorProto.DataType and AttributeProto.AttributeType.
const [FLOAT, INT64, ATTRIBUTE_INTEGER] = [1, 7, 2];

/**
 * A float32 model as the bytes of an ONNX file: Gemm, Relu, Softmax and, for a softmax over several rows per sample, Reshape.
 * The batch is a free dimension. Field numbers: `onnx.proto` of ONNX 1.17.
 *
 * @throws BudgetExceededError when the file would exceed 2 GiB.
 */
export function encodeOnnxModel(model: Float32Model): Uint8Array {
  const graph = encodeGraph(model);
  const operators = message(bytesField(1, ''), integerField(2, OPERATOR_SET));
  const file = message(
    integerField(1, IR_VERSION),
    bytesField(2, 'qedge'),
    bytesField(8, operators),
    bytesField(7, graph),
  );
  if (file.byteLength <= MAX_MODEL_BYTES) return toBytes(file);
  throw new BudgetExceededError('The model does not fit an ONNX file', {
    expected: `at most ${MAX_MODEL_BYTES} bytes`,
    actual: file.byteLength,
    remedy: 'Use another device.',
  });
}

function encodeGraph(model: Float32Model): Message {
  const nodes: Message[] = [];
  const initializers: Message[] = [];
  let value = ONNX_INPUT;
  for (const [index, step] of model.steps.entries()) {
    const encoded = encodeStep(step, `${index}`, value);
    nodes.push(...encoded.nodes);
    initializers.push(...encoded.initializers);
    value = encoded.output;
  }
  // A graph without steps still needs a node between its input and its output.
  nodes.push(node('Identity', [value], ONNX_OUTPUT));
  return message(
    ...nodes.map((each) => bytesField(1, each)),
    bytesField(2, model.graph.name || 'model'),
    ...initializers.map((each) => bytesField(5, each)),
    bytesField(11, matrixInfo(ONNX_INPUT, model.inputSize)),
    bytesField(12, matrixInfo(ONNX_OUTPUT, model.outputSize)),
  );
}

interface EncodedStep {
  readonly nodes: readonly Message[];
  readonly initializers: readonly Message[];
  readonly output: string;
}

function encodeStep(step: Float32Step, name: string, input: string): EncodedStep {
  if (step.kind === 'softmax') return encodeSoftmax(step, name, input);
  const [kernel, bias, sum] = [`${name} kernel`, `${name} bias`, `${name} sum`];
  const initializers = [tensor(kernel, FLOAT, [step.inputSize, step.units], step.kernel)];
  if (step.bias !== null) initializers.push(tensor(bias, FLOAT, [step.units], step.bias));
  const gemm = node('Gemm', step.bias === null ? [input, kernel] : [input, kernel, bias], sum);
  if (!step.relu) return { nodes: [gemm], initializers, output: sum };
  const output = `${name} relu`;
  return { nodes: [gemm, node('Relu', [sum], output)], initializers, output };
}

function encodeSoftmax(
  { width, rowsPerSample }: Float32SoftmaxStep,
  name: string,
  input: string,
): EncodedStep {
  const output = `${name} softmax`;
  // Of the two axes, the last one has the number 1.
  const softmax = (from: string, to: string) => node('Softmax', [from], to, { axis: 1 });
  if (rowsPerSample === 1) return { nodes: [softmax(input, output)], initializers: [], output };
  const [rowsShape, sampleShape, rows, finished] = ['rows shape', 'sample shape', 'rows', 'finished'].map(
    (part) => `${name} ${part}`,
  ) as [string, string, string, string];
  const shape = (of: string, columns: number) => {
    return tensor(of, INT64, [2], BigInt64Array.of(-1n, BigInt(columns)));
  };
  return {
    nodes: [
      node('Reshape', [input, rowsShape], rows),
      softmax(rows, finished),
      node('Reshape', [finished, sampleShape], output),
    ],
    initializers: [shape(rowsShape, width), shape(sampleShape, width * rowsPerSample)],
    output,
  };
}

function node(
  operator: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, number>> = {},
): Message {
  return message(
    ...inputs.map((input) => bytesField(1, input)),
    bytesField(2, output),
    bytesField(4, operator),
    ...Object.entries(attributes).map(([name, value]) => {
      return bytesField(
        5,
        message(bytesField(1, name), integerField(3, value), integerField(20, ATTRIBUTE_INTEGER)),
      );
    }),
  );
}

function tensor(
  name: string,
  type: number,
  dims: readonly number[],
  data: Float32Array | BigInt64Array,
): Message {
  return message(
    ...dims.map((dim) => integerField(1, dim)),
    integerField(2, type),
    bytesField(8, name),
    bytesField(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  );
}

/** Declares a float32 matrix with as many rows as the batch has. */
function matrixInfo(name: string, columns: number): Message {
  const shape = message(bytesField(1, bytesField(2, 'batch')), bytesField(1, integerField(1, columns)));
  const type = message(integerField(1, FLOAT), bytesField(2, shape));
  return message(bytesField(1, name), bytesField(2, bytesField(1, type)));
}
