import { InferenceSession, type Tensor } from 'onnxruntime-node';
import { ProtobufReader, WIRE_TYPE } from '../src/graph/onnx/protobuf-reader.ts';
import type { ValueData } from '../src/graph/operators/operator-definition.ts';
import { type OnnxNode, readOnnx } from '../src/onnx.ts';
import { bytesField, integerField, type Message, message, toBytes } from '../src/ort/protocol-buffer.ts';
import { raw } from './onnx-writer.ts';

/** Fields of ModelProto, GraphProto, NodeProto and AttributeProto. */
const MODEL_GRAPH = 7;
const GRAPH = { node: 1, initializer: 5, output: 12 } as const;
const NODE_ATTRIBUTE = 5;
const ATTRIBUTE = { name: 1, graph: 6 } as const;

type Feeds = Readonly<Record<string, Tensor>>;

/**
 * What ONNX Runtime computes for every value of a file, by name: the branch that each `If` takes is put in its place, then every value becomes
 * an output. Graph optimisations are off, so that nothing is fused away.
 */
export async function runExposed(file: Uint8Array, feeds: Feeds): Promise<Map<string, ValueData>> {
  const values = await runWithOutputs(await withoutBranches(file, feeds), feeds, () => true);
  return new Map([...values].flatMap(([name, tensor]) => (isReal(tensor) ? [[name, toValue(tensor)]] : [])));
}

/** Values of 64 bits and truth values are shape arithmetic, which the importer computes. */
function isReal({ type }: Tensor): boolean {
  return ['float32', 'int32', 'int8', 'uint8'].includes(type);
}

function toValue({ type, dims, data }: Tensor): ValueData {
  return { dtype: type as ValueData['dtype'], shape: dims, data: data as Float32Array };
}

/** Runs the file with the values of those nodes as outputs. */
async function runWithOutputs(
  file: Uint8Array,
  feeds: Feeds,
  wanted: (name: string) => boolean,
): Promise<Map<string, Tensor>> {
  const { graph } = readOnnx(file);
  const known = new Set(graph.outputs.map(({ name }) => name));
  const names = graph.nodes.flatMap(({ outputs }) => outputs.filter((name) => name !== '' && wanted(name)));
  const added = names.filter((name) => !known.has(name));
  // Protocol buffers merge a message that comes twice: these outputs are added to the graph.
  const outputs = message(...added.map((name) => bytesField(GRAPH.output, message(bytesField(1, name)))));
  const exposed = toBytes(message(raw(file), bytesField(MODEL_GRAPH, outputs)));
  const session = await InferenceSession.create(exposed, {
    graphOptimizationLevel: 'disabled',
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  try {
    const given = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name));
    return new Map(Object.entries(await session.run(Object.fromEntries(given), names)));
  } finally {
    await session.release();
  }
}

/** The file with the branches that are taken in the place of every `If`, however deep. */
async function withoutBranches(file: Uint8Array, feeds: Feeds): Promise<Uint8Array> {
  let current = file;
  for (;;) {
    const { graph } = readOnnx(current);
    const conditions = new Set(
      graph.nodes.filter(({ operator }) => operator === 'If').map(({ inputs }) => inputs[0]!),
    );
    if (conditions.size === 0) return current;
    const values = await runWithOutputs(current, feeds, (name) => conditions.has(name));
    const isTrue = (name: string) => Boolean((values.get(name) ?? feeds[name])!.data[0]);
    const fields = fieldsOf(current).map((field) => {
      if (field.number !== MODEL_GRAPH) return rewrite(field);
      return bytesField(MODEL_GRAPH, inlineBranches(field.content as Uint8Array, graph.nodes, isTrue));
    });
    current = toBytes(message(...fields));
  }
}

/** One level of branches in the place of the `If` nodes of a graph. */
function inlineBranches(
  graph: Uint8Array,
  nodes: readonly OnnxNode[],
  isTrue: (condition: string) => boolean,
): Message {
  let index = 0;
  const fields = fieldsOf(graph).flatMap((field) => {
    if (field.number !== GRAPH.node) return [rewrite(field)];
    const node = nodes[index++]!;
    if (node.operator !== 'If') return [rewrite(field)];
    const taken = isTrue(node.inputs[0]!) ? 'then_branch' : 'else_branch';
    const { outputs } = node.attributes.get(taken)!.graph!;
    const body = fieldsOf(branchOf(field.content as Uint8Array, taken))
      .filter(({ number }) => number === GRAPH.node || number === GRAPH.initializer)
      .map(rewrite);
    return [...body, ...outputs.map(({ name }, at) => identity(name, node.outputs[at]!))];
  });
  return message(...fields);
}

function branchOf(node: Uint8Array, branch: string): Uint8Array {
  for (const { number, content } of fieldsOf(node)) {
    if (number !== NODE_ATTRIBUTE) continue;
    const fields = fieldsOf(content as Uint8Array);
    const name = fields.find((field) => field.number === ATTRIBUTE.name)!.content as Uint8Array;
    if (new TextDecoder().decode(name) !== branch) continue;
    return fields.find((field) => field.number === ATTRIBUTE.graph)!.content as Uint8Array;
  }
  throw new Error(`The If has no ${branch}`);
}

function identity(from: string, to: string): Message {
  return bytesField(GRAPH.node, message(bytesField(1, from), bytesField(2, to), bytesField(4, 'Identity')));
}

interface Field {
  readonly number: number;
  readonly content: Uint8Array | number;
}

/** The fields of a message that has no fixed-size ones. */
function fieldsOf(bytes: Uint8Array): Field[] {
  const reader = ProtobufReader.open(bytes);
  const fields: Field[] = [];
  while (reader.next()) {
    const content = reader.wireType === WIRE_TYPE.lengthDelimited ? reader.bytes() : reader.wireType;
    if (typeof content !== 'number') fields.push({ number: reader.field, content });
    else if (content === WIRE_TYPE.varint) fields.push({ number: reader.field, content: reader.integer() });
    else reader.skip();
  }
  return fields;
}

function rewrite({ number, content }: Field): Message {
  return typeof content === 'number' ? integerField(number, content) : bytesField(number, content);
}
