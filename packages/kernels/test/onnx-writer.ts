import { bytesField, integerField, type Message, message, toBytes } from '../src/ort/protocol-buffer.ts';

/** Element types that the writer knows, with their numbers in TensorProto.DataType. */
const CODES = { float32: 1, uint8: 2, int8: 3, int32: 6, int64: 7, bool: 9, float64: 11 } as const;

export type WrittenType = keyof typeof CODES;

/** A tensor of a written model. */
export interface WrittenTensor {
  readonly type: WrittenType;
  readonly shape: readonly number[];
  readonly numbers: readonly number[];
}

/** `{ float }`, `{ floats }` and `{ tensor }` tell floats from integers. */
export type WrittenAttribute =
  | number
  | readonly number[]
  | string
  | readonly string[]
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly tensor: WrittenTensor }
  | { readonly graph: WrittenGraph };

export interface WrittenNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Those that are undefined are left out. */
  readonly attributes?: Readonly<Record<string, WrittenAttribute | undefined>>;
  readonly domain?: string;
  readonly name?: string;
}

export interface WrittenValue {
  readonly name: string;
  readonly type: WrittenType;
  /** Without a shape: any. */
  readonly shape?: readonly (number | string)[];
}

export interface WrittenGraph {
  readonly nodes: readonly WrittenNode[];
  readonly tensors?: Readonly<Record<string, WrittenTensor>>;
  readonly inputs?: readonly WrittenValue[];
  readonly outputs: readonly WrittenValue[];
}

/** A model file of one graph. */
export function writeOnnx(graph: WrittenGraph, operatorSet: number): Uint8Array {
  const domains: readonly (readonly [string, number])[] = [
    ['', operatorSet],
    ['com.microsoft', 1],
  ];
  return toBytes(
    message(
      integerField(1, 8),
      ...domains.map(([domain, version]) =>
        bytesField(8, message(bytesField(1, domain), integerField(2, version))),
      ),
      bytesField(7, writeGraph(graph)),
    ),
  );
}

function writeGraph({ nodes, tensors = {}, inputs = [], outputs }: WrittenGraph): Message {
  return message(
    ...nodes.map((node) => bytesField(1, writeNode(node))),
    bytesField(2, 'graph'),
    ...Object.entries(tensors).map(([name, tensor]) => bytesField(5, writeTensor(tensor, name))),
    ...inputs.map((value) => bytesField(11, writeValue(value))),
    ...outputs.map((value) => bytesField(12, writeValue(value))),
  );
}

function writeNode({
  operator,
  inputs,
  outputs,
  attributes = {},
  domain = '',
  name = '',
}: WrittenNode): Message {
  return message(
    ...inputs.map((input) => bytesField(1, input)),
    ...outputs.map((output) => bytesField(2, output)),
    bytesField(3, name),
    bytesField(4, operator),
    ...Object.entries(attributes).flatMap(([key, value]) => {
      return value === undefined ? [] : [bytesField(5, writeAttribute(key, value))];
    }),
    bytesField(7, domain),
  );
}

function writeAttribute(name: string, value: WrittenAttribute): Message {
  const [type, ...fields] = attributeFields(value);
  return message(bytesField(1, name), ...fields, integerField(20, type));
}

function attributeFields(value: WrittenAttribute): [number, ...Message[]] {
  if (typeof value === 'number') return [2, signedField(3, value)];
  if (typeof value === 'string') return [3, bytesField(4, value)];
  if (Array.isArray(value)) {
    return value.some((each) => typeof each === 'string')
      ? [8, ...value.map((each) => bytesField(9, String(each)))]
      : [7, ...value.map((each) => signedField(8, Number(each)))];
  }
  if ('float' in value) return [1, floatField(2, value.float)];
  if ('floats' in value) return [6, ...value.floats.map((each) => floatField(7, each))];
  if ('tensor' in value) return [4, bytesField(5, writeTensor(value.tensor, ''))];
  if ('graph' in value) return [5, bytesField(6, writeGraph(value.graph))];
  throw new Error('unknown attribute');
}

/** Negative integers take ten bytes. */
export function signedField(field: number, value: number): Message {
  if (value >= 0) return integerField(field, value);
  const head = toBytes(integerField(field, 0)).subarray(0, -1);
  const bytes = [...head];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (let i = 0; i < 9; i++, rest >>= 7n) bytes.push(Number(rest & 127n) + 128);
  return raw(Uint8Array.from([...bytes, Number(rest)]));
}

export function floatField(field: number, value: number): Message {
  const bytes = new Uint8Array(5);
  bytes[0] = field * 8 + 5;
  new DataView(bytes.buffer).setFloat32(1, value, true);
  return raw(bytes);
}

export function raw(bytes: Uint8Array): Message {
  return { pieces: [bytes], byteLength: bytes.byteLength };
}

/** The numbers of a tensor as ONNX Runtime takes them. */
export function typedNumbers({ type, numbers }: WrittenTensor) {
  switch (type) {
    case 'float32':
      return Float32Array.from(numbers);
    case 'float64':
      return Float64Array.from(numbers);
    case 'int64':
      return BigInt64Array.from(numbers, (each) => BigInt(each));
    case 'int32':
      return Int32Array.from(numbers);
    case 'int8':
      return Int8Array.from(numbers);
    default:
      return Uint8Array.from(numbers);
  }
}

export function writeTensor(tensor: WrittenTensor, name: string): Message {
  const { buffer, byteLength } = typedNumbers(tensor);
  return message(
    ...tensor.shape.map((size) => integerField(1, size)),
    integerField(2, CODES[tensor.type]),
    bytesField(8, name),
    bytesField(9, new Uint8Array(buffer as ArrayBuffer, 0, byteLength)),
  );
}

function writeValue({ name, type, shape }: WrittenValue): Message {
  const axes = shape?.map((size) =>
    bytesField(1, typeof size === 'number' ? integerField(1, size) : bytesField(2, size)),
  );
  const dimensions = axes ? [bytesField(2, message(...axes))] : [];
  return message(
    bytesField(1, name),
    bytesField(2, bytesField(1, message(integerField(1, CODES[type]), ...dimensions))),
  );
}
