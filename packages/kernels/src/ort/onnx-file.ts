import { BudgetExceededError } from '@qedge/core';
import { bytesField, floatField, integerField, type Message, message, toBytes } from './protocol-buffer.ts';

/** Protocol buffers count bytes in 32 bits with a sign. */
const MAX_FILE_BYTES = 2 ** 31 - 1;

/** Version of the file format: the first one with all that is written here. */
const IR_VERSION = 8;

/** Element types, with their numbers in TensorProto.DataType. */
const ELEMENT_TYPES = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;

export type OnnxElementType = keyof typeof ELEMENT_TYPES;

/** A value of an attribute: an integer, a list of integers, a number or text. */
export type OnnxAttribute =
  | number
  | readonly number[]
  | { readonly float: number }
  | { readonly text: string };

/** One operator. */
export interface OnnxNode {
  readonly operator: string;
  /** Names of values; empty for an optional one that is left out. */
  readonly inputs: readonly string[];
  readonly output: string | readonly string[];
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  /** Empty for ONNX's own operators, `com.microsoft` for those of ONNX Runtime. */
  readonly domain?: string;
}

/** A constant. The data are borrowed until the file is encoded. */
export interface OnnxTensorData {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

/** An input or output. An axis with a name instead of a size is free. */
export interface OnnxValue {
  readonly name: string;
  readonly type: OnnxElementType;
  readonly shape: readonly (number | string)[];
}

/** A graph of operators, in the order of execution. */
export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly tensors: readonly OnnxTensorData[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
}

/**
 * A graph as the bytes of an ONNX file. Field numbers: `onnx.proto` of ONNX 1.17.
 *
 * @param operatorSet the version of ONNX's operators that the nodes mean.
 * @throws BudgetExceededError when the file would exceed 2 GiB.
 */
export function encodeOnnxFile(graph: OnnxGraph, operatorSet: number): Uint8Array {
  const domains = new Set(graph.nodes.map(({ domain = '' }) => domain).concat(''));
  const operatorSets = [...domains].map((domain) => {
    return message(bytesField(1, domain), integerField(2, domain === '' ? operatorSet : 1));
  });
  const file = message(
    integerField(1, IR_VERSION),
    bytesField(2, 'qedge'),
    ...operatorSets.map((each) => bytesField(8, each)),
    bytesField(7, encodeGraph(graph)),
  );
  if (file.byteLength <= MAX_FILE_BYTES) return toBytes(file);
  throw new BudgetExceededError('The model does not fit an ONNX file', {
    expected: `at most ${MAX_FILE_BYTES} bytes`,
    actual: file.byteLength,
    remedy: 'Use another device.',
  });
}

function encodeGraph({ name, nodes, tensors, inputs, outputs }: OnnxGraph): Message {
  return message(
    ...nodes.map((node) => bytesField(1, encodeNode(node))),
    bytesField(2, name),
    ...tensors.map((tensor) => bytesField(5, encodeTensor(tensor))),
    ...inputs.map((value) => bytesField(11, encodeValue(value))),
    ...outputs.map((value) => bytesField(12, encodeValue(value))),
  );
}

function encodeNode({ operator, inputs, output, attributes = {}, domain = '' }: OnnxNode): Message {
  return message(
    ...inputs.map((input) => bytesField(1, input)),
    ...[output].flat().map((name) => bytesField(2, name)),
    bytesField(4, operator),
    ...Object.entries(attributes).map(([name, value]) => bytesField(5, encodeAttribute(name, value))),
    bytesField(7, domain),
  );
}

function encodeAttribute(name: string, value: OnnxAttribute): Message {
  const [values, type] = encodeAttributeValue(value);
  return message(bytesField(1, name), ...values, integerField(20, type));
}

/** The fields, and the number in AttributeProto.AttributeType. */
function encodeAttributeValue(value: OnnxAttribute): [Message[], number] {
  if (typeof value === 'number') return [[integerField(3, value)], 2];
  if ('float' in value) return [[floatField(2, value.float)], 1];
  if ('text' in value) return [[bytesField(4, value.text)], 3];
  return [value.map((each) => integerField(8, each)), 7];
}

function encodeTensor({ name, type, shape, data }: OnnxTensorData): Message {
  return message(
    ...shape.map((size) => integerField(1, size)),
    integerField(2, ELEMENT_TYPES[type]),
    bytesField(8, name),
    bytesField(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  );
}

function encodeValue({ name, type, shape }: OnnxValue): Message {
  const axes = shape.map((size) => {
    return bytesField(1, typeof size === 'number' ? integerField(1, size) : bytesField(2, size));
  });
  const tensor = message(integerField(1, ELEMENT_TYPES[type]), bytesField(2, message(...axes)));
  return message(bytesField(1, name), bytesField(2, bytesField(1, tensor)));
}
