import { FileFormatError, InvalidArgumentError } from '@qedge/core';
import { elementTypeOf } from './element-type.ts';
import type {
  OnnxAttribute,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxValueInfo,
  ReadExternalData,
} from './onnx-model.ts';
import { ProtobufReader } from './protobuf-reader.ts';
import { readTensor } from './read-tensor.ts';
import { readStringEntry } from './string-entry.ts';

/** What a model is read from beside its own bytes. */
export interface ReadOnnxOptions {
  /** For models whose weights lie in files of their own, as all beyond 2 GiB do. Called when a weight is loaded, not before. */
  readonly externalData?: ReadExternalData;
}

/**
 * Reads the structure of an ONNX file (`ModelProto` of ONNX 1.17, any IR version). Cheap: weights stay where they lie in `bytes`, which are borrowed for
 * as long as the model and what is imported from it are used.
 *
 * @throws FileFormatError with the byte offset for anything that is not a whole ONNX model.
 */
export function readOnnx(bytes: Uint8Array, { externalData }: ReadOnnxOptions = {}): OnnxModel {
  if (!(bytes instanceof Uint8Array)) {
    throw new InvalidArgumentError('An ONNX model is read from bytes', {
      expected: 'Uint8Array',
      actual: typeof bytes,
    });
  }
  const operatorSets = new Map<string, number>();
  const metadata = new Map<string, string>();
  let [irVersion, producer] = [0, ''];
  let graph: OnnxGraph | null = null;
  // Buffer is a Uint8Array with other methods under the same names.
  const reader = ProtobufReader.open(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  while (reader.next()) {
    if (reader.field === 1) irVersion = reader.integer();
    else if (reader.field === 2) producer = reader.text();
    else if (reader.field === 7) graph = readGraph(reader.message());
    else if (reader.field === 8) readOperatorSet(reader.message(), operatorSets);
    else if (reader.field === 14) readStringEntry(reader.message(), metadata);
    else reader.skip();
  }
  if (graph === null) {
    throw new FileFormatError('The file holds no graph', {
      expected: 'an ONNX model',
      actual: `${bytes.byteLength} bytes without one`,
    });
  }
  const given = new Set(graph.initializers.map(({ name }) => name));
  const inputs = graph.inputs.filter(({ name }) => !given.has(name));
  const operators = countOperators(graph, new Map());
  const { outputs } = graph;
  const files = externalData ?? null;
  return {
    irVersion,
    producer,
    operatorSets,
    metadata,
    inputs,
    outputs,
    operators,
    graph,
    externalData: files,
  };
}

/** The name under which an operator is known: with its domain unless that is ONNX's own. */
export function qualifiedOperator(domain: string, operator: string): string {
  return domain === '' ? operator : `${domain}.${operator}`;
}

function countOperators(graph: OnnxGraph, into: Map<string, number>): Map<string, number> {
  for (const node of graph.nodes) {
    const key = qualifiedOperator(node.domain, node.operator);
    into.set(key, (into.get(key) ?? 0) + 1);
    for (const { graph: inner } of node.attributes.values()) if (inner !== null) countOperators(inner, into);
  }
  return into;
}

function readOperatorSet(reader: ProtobufReader, into: Map<string, number>): void {
  let [domain, version] = ['', 1];
  while (reader.next()) {
    if (reader.field === 1) domain = reader.text();
    else if (reader.field === 2) version = reader.integer();
    else reader.skip();
  }
  into.set(canonicalDomain(domain), version);
}

/** `ai.onnx` is the long name of the default domain. */
function canonicalDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

function readGraph(reader: ProtobufReader): OnnxGraph {
  let name = '';
  const nodes: OnnxNode[] = [];
  const initializers: OnnxGraph['initializers'][number][] = [];
  const inputs: OnnxValueInfo[] = [];
  const outputs: OnnxValueInfo[] = [];
  while (reader.next()) {
    if (reader.field === 1) nodes.push(readNode(reader.message()));
    else if (reader.field === 2) name = reader.text();
    else if (reader.field === 5) initializers.push(readTensor(reader.message()));
    else if (reader.field === 11) inputs.push(readValueInfo(reader.message()));
    else if (reader.field === 12) outputs.push(readValueInfo(reader.message()));
    else if (reader.field === 15) reader.fail('Sparse initializers are not read', 'one');
    else reader.skip();
  }
  return { name, nodes, initializers, inputs, outputs };
}

const NO_ATTRIBUTES: ReadonlyMap<string, OnnxAttribute> = new Map();

function readNode(reader: ProtobufReader): OnnxNode {
  let [name, operator, domain] = ['', '', ''];
  const inputs: string[] = [];
  const outputs: string[] = [];
  let attributes: Map<string, OnnxAttribute> | null = null;
  while (reader.next()) {
    if (reader.field === 1) inputs.push(reader.text());
    else if (reader.field === 2) outputs.push(reader.text());
    else if (reader.field === 3) name = reader.text();
    else if (reader.field === 4) operator = reader.text();
    else if (reader.field === 5) {
      const attribute = readAttribute(reader.message());
      attributes ??= new Map();
      attributes.set(attribute.name, attribute);
    } else if (reader.field === 7) domain = canonicalDomain(reader.text());
    else reader.skip();
  }
  return { name, operator, domain, inputs, outputs, attributes: attributes ?? NO_ATTRIBUTES };
}

function readAttribute(reader: ProtobufReader): OnnxAttribute {
  const attribute = {
    name: '',
    float: null as number | null,
    integer: null as number | null,
    text: null as Uint8Array | null,
    tensor: null as OnnxAttribute['tensor'],
    graph: null as OnnxGraph | null,
    floats: [] as number[],
    integers: [] as number[],
    texts: [] as Uint8Array[],
  };
  while (reader.next()) {
    if (reader.field === 1) attribute.name = reader.text();
    else if (reader.field === 2) attribute.float = reader.float32();
    else if (reader.field === 3) attribute.integer = reader.integer();
    else if (reader.field === 4) attribute.text = reader.bytes();
    else if (reader.field === 5) attribute.tensor = readTensor(reader.message());
    else if (reader.field === 6) attribute.graph = readGraph(reader.message());
    else if (reader.field === 7) reader.floats(attribute.floats);
    else if (reader.field === 8) reader.integers(attribute.integers);
    else if (reader.field === 9) attribute.texts.push(reader.bytes());
    else reader.skip();
  }
  return attribute;
}

function readValueInfo(reader: ProtobufReader): OnnxValueInfo {
  let name = '';
  let tensor: Omit<OnnxValueInfo, 'name'> = { type: null, shape: null };
  while (reader.next()) {
    if (reader.field === 1) name = reader.text();
    else if (reader.field === 2) tensor = readType(reader.message());
    else reader.skip();
  }
  return { name, ...tensor };
}

/** A TypeProto; what is not a dense tensor has no type. */
function readType(reader: ProtobufReader): Omit<OnnxValueInfo, 'name'> {
  let result: Omit<OnnxValueInfo, 'name'> = { type: null, shape: null };
  while (reader.next()) {
    if (reader.field === 1) result = readTensorType(reader.message());
    else reader.skip();
  }
  return result;
}

function readTensorType(reader: ProtobufReader): Omit<OnnxValueInfo, 'name'> {
  let type: OnnxValueInfo['type'] = null;
  let shape: (number | string | null)[] | null = null;
  while (reader.next()) {
    if (reader.field === 1) type = elementTypeOf(reader.integer());
    else if (reader.field === 2) shape = readShape(reader.message());
    else reader.skip();
  }
  return { type, shape };
}

function readShape(reader: ProtobufReader): (number | string | null)[] {
  const shape: (number | string | null)[] = [];
  while (reader.next()) {
    if (reader.field === 1) shape.push(readDimension(reader.message()));
    else reader.skip();
  }
  return shape;
}

function readDimension(reader: ProtobufReader): number | string | null {
  let size: number | string | null = null;
  while (reader.next()) {
    if (reader.field === 1) size = reader.integer();
    else if (reader.field === 2) size = reader.text() || null;
    else reader.skip();
  }
  // Some exporters write -1 or 0 for a free size.
  return typeof size === 'number' && size < 0 ? null : size;
}
