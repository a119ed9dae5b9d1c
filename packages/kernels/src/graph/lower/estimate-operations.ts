import { elementCount, type OperatorGraph, type OperatorNode } from '@qedge/core';
import { valueByteLength } from '../plan/value-bytes.ts';

/** Operations per element of nodes that are no products; a rough figure. */
const OPERATIONS_PER_ELEMENT = 8;

/** About how many additions and multiplications a node takes. */
export function operationsOf({ values }: OperatorGraph, { operator, inputs, outputs }: OperatorNode): number {
  const elements = outputs.reduce((sum, name) => sum + elementCount(values[name]!.shape), 0);
  const shape = (index: number) => values[inputs[index]!]!.shape;
  switch (operator.kind) {
    case 'matmul':
      return 2 * elements * shape(0).at(operator.transposeA ? -2 : -1)!;
    case 'grouped-matmul':
      return 2 * elements * shape(0).at(-1)!;
    case 'convolution':
      return 2 * elements * elementCount(shape(1).slice(0, 3));
    case 'transposed-convolution':
      return 2 * elementCount(shape(0)) * elementCount(shape(1).slice(0, 3));
    case 'attention':
      return 4 * elements * shape(1)[1]!;
    case 'recurrent':
      return 2 * shape(0)[0]! * (elementCount(shape(1)) + elementCount(shape(2))) * shape(0)[1]!;
    default:
      return elements * OPERATIONS_PER_ELEMENT;
  }
}

/** About how many additions and multiplications a graph takes. */
export function estimateOperations(graph: OperatorGraph): number {
  return graph.nodes.reduce((sum, node) => sum + operationsOf(graph, node), 0);
}

/** Bytes of inputs, weights and outputs of a node, each counted once. */
export function bytesOfNode({ values }: OperatorGraph, { inputs, outputs }: OperatorNode): number {
  const names = new Set([...inputs.filter((name) => name !== null), ...outputs]);
  return [...names].reduce((sum, name) => sum + valueByteLength(values[name]!), 0);
}
