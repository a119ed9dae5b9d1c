import type { OperatorNode, PointwiseExpression } from '@qedge/core';
import { foldNode } from './fold-constants.ts';
import type { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';
import { type NodeOfKind, nodeOfKind } from './node-of-kind.ts';

/**
 * Products with constant weights whose other operand becomes codes by a range that is taken from its own numbers, as ONNX's
 * DynamicQuantizeLinear and MatMulInteger make them, become products of the numbers themselves; the weights stay those of the codes. What
 * codes are worth depends on the machine: at precision `int8` the product finds codes again, with a range per row. The result is nearer to
 * that of exact numbers, by the rounding that is left out.
 */
export const multiplyWithoutDynamicCodes: GraphPass = {
  name: 'multiply-without-dynamic-codes',
  rewrite(graph) {
    let changed = 0;
    for (const node of graph.nodes()) {
      const product = nodeOfKind(node, 'matmul');
      if (product && graph.has(node) && rewriteProduct(graph, product)) changed++;
    }
    return changed;
  },
};

function rewriteProduct(graph: GraphEditor, product: NodeOfKind<'matmul'>): boolean {
  const { transposeA, activation } = product.operator;
  const [left, right, bias = null] = product.inputs as readonly [string, string, (string | null)?];
  const quantize = dynamicCodes(graph, left);
  if (transposeA || activation !== null || bias !== null || quantize === null) return false;
  const decoded = nodeOfKind(graph.producer(right), 'dequantize');
  const isConstant = decoded
    ? decoded.inputs.every((input) => input === null || graph.isConstant(input))
    : graph.isConstant(right);
  const scaling = scalingOfSums(graph, product.outputs[0]!, quantize.inputs[1]!);
  if (!isConstant || scaling === null) return false;
  if (decoded && graph.has(decoded)) foldNode(graph, decoded);
  // Folding gives the weights another name.
  const folded = graph.producer(product.outputs[0])!;
  graph.change(folded, { inputs: [quantize.inputs[0]!, folded.inputs[1]!] });
  graph.change(scaling.node, { inputs: [product.outputs[0]!, scaling.weightScale] });
  return true;
}

/** The node that makes codes whose differences from their zero point `value` holds, if their scale comes from the numbers themselves. */
function dynamicCodes(graph: GraphEditor, value: string): NodeOfKind<'quantize'> | null {
  const decode = nodeOfKind(graph.producer(value), 'dequantize');
  if (!decode || graph.constantNumber(decode.inputs[1]) !== 1) return null;
  const quantize = nodeOfKind(graph.producer(decode.inputs[0]), 'quantize');
  if (!quantize || quantize.operator.axis !== null || quantize.inputs[2] !== decode.inputs[2]) return null;
  const [numbers, scale] = quantize.inputs;
  const ranges = nodeOfKind(graph.producer(scale), 'pointwise')?.inputs ?? [];
  const isOwn = ranges.every((range) => {
    return nodeOfKind(graph.producer(range), 'reduction')?.inputs[0] === numbers;
  });
  return ranges.length > 0 && isOwn ? quantize : null;
}

/** The node that multiplies sums with both scales, and the constant one of them. */
function scalingOfSums(
  graph: GraphEditor,
  sums: string,
  scale: string,
): { readonly node: OperatorNode; readonly weightScale: string } | null {
  const integers = nodeOfKind(graph.onlyReader(sums), 'cast');
  const numbers = integers && nodeOfKind(graph.onlyReader(integers.outputs[0]!), 'cast');
  if (integers?.operator.dtype !== 'int32' || numbers?.operator.dtype !== 'float32') return null;
  const node = graph.onlyReader(numbers.outputs[0]!);
  const both = otherFactor(node, numbers.outputs[0]!);
  const weightScale = both && otherFactor(graph.producer(both), scale);
  return node && weightScale && graph.isConstant(weightScale) ? { node, weightScale } : null;
}

/** The other input of a node that multiplies two values and does nothing else. */
function otherFactor(node: OperatorNode | undefined, factor: string): string | null {
  const expression = node && nodeOfKind(node, 'pointwise')?.operator.expression;
  if (!node || !expression || node.inputs.length !== 2 || !isProduct(expression)) return null;
  const [a, b] = node.inputs as readonly [string, string];
  return a === factor && b !== factor ? b : b === factor && a !== factor ? a : null;
}

function isProduct(expression: PointwiseExpression): boolean {
  if (!('operation' in expression) || expression.operation !== 'multiply') return false;
  const { a, b } = expression;
  return 'input' in a && 'input' in b && a.input !== b.input;
}
