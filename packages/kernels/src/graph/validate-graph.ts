import {
  elementCount,
  InvalidArgumentError,
  type OperatorGraph,
  type OperatorNode,
  shapesEqual,
  UnsupportedError,
  type ValueSpec,
} from '@qedge/core';
import { withNodeName } from './graph-builder.ts';
import type { CustomOperators } from './operators/custom-operator.ts';
import { VALUE_ARRAYS } from './operators/operator-definition.ts';
import { checkOperatorFields } from './operators/operator-fields.ts';
import { inferOperator } from './operators/registry.ts';

/** Options of {@link validateGraph}. */
export interface ValidateGraphOptions {
  /** Operators of the user that nodes of kind `custom` name. */
  readonly customs?: CustomOperators;
}

/** Values with more axes are refused. */
const MOST_AXES = 32;
/** Nodes with more inputs or outputs are refused. */
const MOST_OPERANDS = 4096;

/**
 * Checks an operator graph that came from outside: every name defined once and before it is read, every operator with its fields, and
 * every shape as the operators infer it. The work is proportional to the size of the graph; no memory is taken for values.
 *
 * @returns the same value, typed.
 * @throws InvalidArgumentError, ShapeMismatchError or UnsupportedError naming the node or value.
 */
export function validateGraph(value: unknown, { customs = {} }: ValidateGraphOptions = {}): OperatorGraph {
  const graph = checkStructure(value);
  const defined = new Map<string, ValueSpec>();
  const define = (name: string) => {
    if (defined.has(name)) refuse(`The value "${name}" is defined twice`, 'single assignment', name);
    defined.set(name, valueSpec(graph, name));
  };
  for (const name of [...graph.inputs, ...graph.constants]) define(name);
  const nodeNames = new Set<string>();
  for (const node of graph.nodes as readonly unknown[]) {
    const checked = checkNode(node);
    if (nodeNames.has(checked.name))
      refuse(`Two nodes are named "${checked.name}"`, 'unique names', checked.name);
    nodeNames.add(checked.name);
    checkShapes(graph, checked, defined, customs);
    for (const name of checked.outputs) define(name);
  }
  if (new Set(graph.outputs).size !== graph.outputs.length || graph.outputs.length === 0) {
    refuse('The outputs of the graph are wrong', 'at least one, none twice', graph.outputs.slice(0, 10));
  }
  for (const name of graph.outputs) {
    if (!defined.has(name)) refuse('An output of the graph is not defined', 'the name of a value', name);
  }
  const unused = Object.keys(graph.values).find((name) => !defined.has(name));
  if (unused !== undefined)
    refuse('A value is described but not defined', 'an input, constant or output', unused);
  return graph;
}

function refuse(message: string, expected: unknown, actual: unknown): never {
  throw new InvalidArgumentError(message, { expected, actual });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string' && name !== '');
}

function checkStructure(value: unknown): OperatorGraph {
  if (!isRecord(value) || value.format !== 'qedge-operator-graph') {
    refuse(
      'Not an operator graph',
      'format "qedge-operator-graph"',
      isRecord(value) ? value.format : typeof value,
    );
  }
  if (value.version !== 1) {
    throw new UnsupportedError('Unknown operator graph version', { expected: 1, actual: value.version });
  }
  if (typeof value.name !== 'string') refuse('A graph needs a name', 'text', typeof value.name);
  for (const list of ['inputs', 'outputs', 'constants'] as const) {
    if (!isNames(value[list]))
      refuse(`The ${list} of the graph are wrong`, 'a list of names', typeof value[list]);
  }
  if (!isRecord(value.values)) refuse('The values of the graph are wrong', 'a record', typeof value.values);
  if (!Array.isArray(value.nodes)) refuse('The nodes of the graph are wrong', 'a list', typeof value.nodes);
  return value as unknown as OperatorGraph;
}

/** What the graph says of a value. */
function valueSpec({ values }: OperatorGraph, name: string): ValueSpec {
  const spec: unknown = Object.hasOwn(values, name) ? values[name] : undefined;
  if (!isRecord(spec)) refuse(`The value "${name}" is not described`, 'dtype and shape', typeof spec);
  const { dtype, shape } = spec;
  if (typeof dtype !== 'string' || !Object.hasOwn(VALUE_ARRAYS, dtype)) {
    refuse(`The value "${name}" has an unknown dtype`, Object.keys(VALUE_ARRAYS).join(', '), dtype);
  }
  if (!Array.isArray(shape) || shape.length > MOST_AXES) {
    refuse(
      `The value "${name}" has an impossible shape`,
      `a list of at most ${MOST_AXES} sizes`,
      typeof shape,
    );
  }
  elementCount(shape);
  return spec as unknown as ValueSpec;
}

function checkNode(node: unknown): OperatorNode {
  if (!isRecord(node) || typeof node.name !== 'string' || node.name === '') {
    refuse('Not a node', 'a record with a name', isRecord(node) ? node.name : typeof node);
  }
  const { name, inputs, outputs } = node;
  const fits = (list: unknown): list is unknown[] => Array.isArray(list) && list.length <= MOST_OPERANDS;
  if (!fits(inputs) || !inputs.every((each) => each === null || typeof each === 'string')) {
    refuse(`The inputs of the node "${name}" are wrong`, 'names or null', typeof inputs);
  }
  if (!fits(outputs) || !isNames(outputs) || outputs.length === 0) {
    refuse(`The outputs of the node "${name}" are wrong`, 'at least one name', typeof outputs);
  }
  try {
    checkOperatorFields(node.operator);
  } catch (cause) {
    const message = `Node "${name}": ${(cause as Error).message}`;
    if (cause instanceof UnsupportedError) throw new UnsupportedError(message, { cause });
    throw new InvalidArgumentError(message, { cause });
  }
  return node as unknown as OperatorNode;
}

/** The stated outputs of a node must be those that its operator makes of its inputs. */
function checkShapes(
  graph: OperatorGraph,
  { name, operator, inputs, outputs }: OperatorNode,
  defined: ReadonlyMap<string, ValueSpec>,
  customs: CustomOperators,
): void {
  withNodeName(name, operator, () => {
    const specs = inputs.map((input) => {
      if (input === null) return null;
      return defined.get(input) ?? refuse('An input is not defined before', 'a value', input);
    });
    const inferred = inferOperator(operator, specs, customs);
    if (inferred.length !== outputs.length) {
      refuse('The number of outputs is wrong', inferred.length, outputs.length);
    }
    for (const [i, { dtype, shape }] of inferred.entries()) {
      const stated = valueSpec(graph, outputs[i]!);
      if (stated.dtype === dtype && shapesEqual(stated.shape, shape)) continue;
      refuse(`The output "${outputs[i]}" is not what the operator makes`, { dtype, shape }, stated);
    }
  });
}
