import type { OperatorGraph, OperatorNode } from '@qedge/core';
import { requireOperatorGraph } from '../require-arguments.ts';
import { type NodeOfKind, nodeOfKind } from './node-of-kind.ts';

/** Integer codes of a value with the constants that decode them, as names of values. */
export interface QuantizedOperand {
  readonly codes: string;
  readonly scale: string;
  /** Null stands for zeros. */
  readonly zeroPoint: string | null;
  /** The axis that scales run along, or null for one scale. */
  readonly axis: number | null;
  /** The name of the node between codes and numbers. */
  readonly node: string;
}

/** A product whose operands are codes, so that it can be computed on integers, exactly up to the rounding of the last scaling. */
export interface QuantizedProduct {
  readonly product: OperatorNode;
  /** Activations: one scale and zero point. */
  readonly input: QuantizedOperand;
  /** Constant codes: one scale, or one per output channel; zero points 0 or one for all. */
  readonly weights: QuantizedOperand;
  /** The bias as int32 codes, where it is quantised; else the product's own bias is float32 or not there. */
  readonly bias: QuantizedOperand | null;
  /** The codes that the result is needed as, if that is all that reads it. */
  readonly output: QuantizedOperand | null;
}

/**
 * Finds matrix products and convolutions between `dequantize` and `quantize` nodes, in the order of the graph. The nodes stay as they are: computing
 * every node by itself gives the same, slower.
 */
export function findQuantizedProducts(graph: OperatorGraph): QuantizedProduct[] {
  requireOperatorGraph(graph);
  const producers = new Map<string, OperatorNode>();
  const readers = new Map<string, OperatorNode[]>();
  for (const node of graph.nodes) {
    for (const output of node.outputs) producers.set(output, node);
    for (const input of new Set(node.inputs)) {
      if (input !== null) readers.set(input, [...(readers.get(input) ?? []), node]);
    }
  }
  const constants = new Set(graph.constants);
  const outputs = new Set(graph.outputs);
  const found: QuantizedProduct[] = [];
  for (const product of graph.nodes) {
    const { kind } = product.operator;
    if (kind !== 'matmul' && kind !== 'convolution') continue;
    const [input, weights, bias] = product.inputs.map((each) =>
      decodedOperand(producers.get(each ?? ''), constants),
    );
    if (!input || !weights || !constants.has(weights.codes) || input.axis !== null) continue;
    if (graph.values[input.codes]!.dtype === 'int32' || graph.values[weights.codes]!.dtype === 'int32')
      continue;
    if (weights.axis !== null && weights.axis !== outputAxis(graph, product)) continue;
    const [result] = product.outputs;
    const read = outputs.has(result!) ? [] : (readers.get(result!) ?? []);
    const quantize = read.length === 1 ? nodeOfKind(read[0], 'quantize') : undefined;
    found.push({ product, input, weights, bias: bias ?? null, output: encodedOperand(quantize, constants) });
  }
  return found;
}

function decodedOperand(
  node: OperatorNode | undefined,
  constants: ReadonlySet<string>,
): QuantizedOperand | null {
  const decoded = nodeOfKind(node, 'dequantize');
  if (!decoded) return null;
  const [codes, scale, zeroPoint] = decoded.inputs;
  if (!constants.has(scale!) || (zeroPoint != null && !constants.has(zeroPoint))) return null;
  const { axis } = decoded.operator;
  return { codes: codes!, scale: scale!, zeroPoint: zeroPoint ?? null, axis, node: decoded.name };
}

function encodedOperand(
  quantize: NodeOfKind<'quantize'> | undefined,
  constants: ReadonlySet<string>,
): QuantizedOperand | null {
  if (!quantize || quantize.operator.axis !== null) return null;
  const [, scale, zeroPoint] = quantize.inputs;
  if (!constants.has(scale!) || !constants.has(zeroPoint!)) return null;
  return {
    codes: quantize.outputs[0]!,
    scale: scale!,
    zeroPoint: zeroPoint!,
    axis: null,
    node: quantize.name,
  };
}

/** The axis of a product's weights that its output channels run along. */
function outputAxis(graph: OperatorGraph, { operator, inputs }: OperatorNode): number {
  const rank = graph.values[inputs[1]!]!.shape.length;
  return operator.kind === 'matmul' && operator.transposeB ? rank - 2 : rank - 1;
}
