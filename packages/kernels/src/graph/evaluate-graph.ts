import {
  elementCount,
  InvalidArgumentError,
  type OperatorModel,
  ShapeMismatchError,
  shapesEqual,
  type ValueSpec,
} from '@qedge/core';
import { loadConstant } from './constant-weights.ts';
import { withNodeName } from './graph-builder.ts';
import type { CustomOperators } from './operators/custom-operator.ts';
import { VALUE_ARRAYS, type ValueData } from './operators/operator-definition.ts';
import { evaluateOperator } from './operators/registry.ts';
import { requireObject, requireOperatorModel } from './require-arguments.ts';

/** Options of {@link evaluateGraph}. */
export interface EvaluateGraphOptions {
  /** Operators of the user that nodes of kind `custom` name. */
  readonly customs?: CustomOperators;
  /** Is told every value that a node computes, in order. The data are lent for the call. */
  readonly trace?: (name: string, value: ValueData) => void;
}

/**
 * Runs a whole graph by the reference: plain loops, sums in float64. For tests and comparisons.
 *
 * @param inputs every input of the graph, by name.
 * @returns the outputs of the graph, by name.
 * @throws InvalidArgumentError or ShapeMismatchError for an input that is missing or does not fit, or naming the node that failed.
 */
export function evaluateGraph(
  model: OperatorModel,
  inputs: Readonly<Record<string, ValueData>>,
  options: EvaluateGraphOptions = {},
): Map<string, ValueData> {
  requireOperatorModel(model);
  requireObject('The inputs', inputs, 'values by name');
  const { graph, weights } = model;
  const values = new Map<string, ValueData>();
  for (const name of graph.inputs) values.set(name, checkedInput(name, inputs, graph.values[name]!));
  for (const name of graph.constants) {
    values.set(name, loadConstant(weights, name, graph.values[name]!));
  }
  const lastUse = new Map<string, number>();
  for (const [i, node] of graph.nodes.entries()) {
    for (const name of node.inputs) if (name !== null) lastUse.set(name, i);
  }
  const keep = new Set(graph.outputs);
  for (const [i, { name, operator, inputs: reads, outputs }] of graph.nodes.entries()) {
    const operands = reads.map((read) => (read === null ? null : values.get(read)!));
    const results = withNodeName(name, operator, () => evaluateOperator(operator, operands, options.customs));
    for (const [j, output] of outputs.entries()) {
      values.set(output, results[j]!);
      options.trace?.(output, results[j]!);
    }
    for (const read of [...reads, ...outputs]) {
      if (read !== null && (lastUse.get(read) ?? i) === i && !keep.has(read)) values.delete(read);
    }
  }
  return new Map(graph.outputs.map((name) => [name, values.get(name)!]));
}

function checkedInput(
  name: string,
  inputs: Readonly<Record<string, ValueData>>,
  { dtype, shape }: ValueSpec,
): ValueData {
  const value = Object.hasOwn(inputs, name) ? inputs[name] : undefined;
  if (!value || value.dtype !== dtype || !(value.data instanceof VALUE_ARRAYS[dtype])) {
    throw new InvalidArgumentError(`The input "${name}" does not fit`, {
      expected: `${dtype}, with data in a ${VALUE_ARRAYS[dtype].name}`,
      actual: value?.dtype ?? 'nothing',
    });
  }
  const fits = value.data.length === elementCount(shape);
  if (fits && shapesEqual(value.shape, shape)) return value;
  throw new ShapeMismatchError(`The input "${name}" has another shape`, {
    expected: shape,
    actual: fits ? value.shape : `${value.data.length} numbers`,
  });
}
