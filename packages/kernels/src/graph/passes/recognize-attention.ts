import { shapesEqual } from '@qedge/core';
import { composeExpression } from './composed-expression.ts';
import { affineForm } from './expressions/affine-form.ts';
import type { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';
import { type NodeOfKind, nodeOfKind } from './node-of-kind.ts';

/**
 * Finds scaled dot-product attention: `softmax(q * k^T * scale + mask) * v` of `[batch, heads, tokens, size]` (or without the batch), where q, k
 * and v are transposed from `[batch, tokens, heads, size]`. The result of the `attention` node is brought into the order that was read
 * before; other passes remove what that adds.
 */
export const recognizeAttention: GraphPass = {
  name: 'recognize-attention',
  rewrite(graph) {
    let recognized = 0;
    for (const node of graph.nodes()) {
      const product = nodeOfKind(node, 'matmul');
      if (product && graph.has(product) && rewriteAttention(graph, product)) recognized++;
    }
    return recognized;
  },
};

/** The scores before the softmax. */
interface Scores {
  readonly product: NodeOfKind<'matmul'>;
  readonly mask: string | null;
  readonly scale: number;
}

function rewriteAttention(graph: GraphEditor, product: NodeOfKind<'matmul'>): boolean {
  const softmax = nodeOfKind(graph.producer(product.inputs[0]), 'softmax');
  if (!softmax || softmax.operator.log || !isPlainProduct(product) || product.operator.transposeB)
    return false;
  if (graph.onlyReader(softmax.outputs[0]!) !== product) return false;
  const scores = findScores(graph, softmax.inputs[0]!);
  if (!scores) return false;
  const keysAreRows = scores.product.operator.transposeB;
  const [q, k] = scores.product.inputs as readonly [string, string];
  const query = tokensFirst(graph, q, true);
  const key = tokensFirst(graph, k, keysAreRows);
  const value = tokensFirst(graph, product.inputs[1]!, true);
  if (!query || !key || value?.scale !== 1) return false;
  if (!fitsAttention(graph, product, scores, [query.value, key.value, value.value])) return false;
  const inputs = [query, key, value].map((operand) => flatten(graph, operand.value));
  const { shape } = graph.spec(query.value);
  const heads = shape.at(-2)!;
  const scale = scores.scale * query.scale * key.scale;
  const operator = { kind: 'attention', heads, keyHeads: heads, scale, causal: false } as const;
  const mask = scores.mask === null ? [] : [scores.mask];
  const result = graph.addNode(`${product.name}_attention`, operator, [...inputs, ...mask]);
  const output = graph.spec(product.outputs[0]!).shape;
  const split = [...output.slice(0, -3), output.at(-2)!, heads, output.at(-1)!];
  const ordered = graph.addNode(`${product.name}_heads`, { kind: 'reshape', shape: split }, [result]);
  const permutation = output.length === 4 ? [0, 2, 1, 3] : [1, 0, 2];
  graph.change(product, { operator: { kind: 'transpose', permutation }, inputs: [ordered] });
  return true;
}

function isPlainProduct({ operator, inputs }: NodeOfKind<'matmul'>): boolean {
  return !operator.transposeA && operator.alpha === 1 && operator.activation === null && inputs[2] == null;
}

/** The product that makes the scores, directly, scaled, or with a mask added. */
function findScores(graph: GraphEditor, value: string): Scores | null {
  const sum = nodeOfKind(graph.producer(value), 'pointwise');
  const terms = sum && isSum(sum) ? sum.inputs : [value];
  if (terms.length > 1 && graph.readers(value).size !== 1) return null;
  for (const [index, term] of terms.entries()) {
    const { base, expression } = composeExpression(graph, term!);
    const product = nodeOfKind(graph.producer(base), 'matmul');
    const form = affineForm(expression);
    const isScaled = form.base !== null && 'input' in form.base && form.shift === 0;
    if (!product || !isScaled || product.operator.transposeA || product.inputs[2] != null) continue;
    if (product.operator.activation !== null) continue;
    const mask = terms.length === 1 ? null : terms[1 - index]!;
    return { product, mask, scale: product.operator.alpha * form.scale };
  }
  return null;
}

function isSum({ operator, inputs }: NodeOfKind<'pointwise'>): boolean {
  const { expression } = operator;
  const isAddition = 'operation' in expression && expression.operation === 'add';
  return isAddition && inputs.length === 2 && 'input' in expression.a && 'input' in expression.b;
}

interface Operand {
  /** `[batch, tokens, heads, size]`, or without the batch. */
  readonly value: string;
  readonly scale: number;
}

/** What an operand `[..., heads, tokens, size]` (or with the last two axes swapped) is transposed from, and a factor that is applied to it. */
function tokensFirst(graph: GraphEditor, value: string, tokensAreRows: boolean): Operand | null {
  const outer = composeExpression(graph, value);
  const transpose = nodeOfKind(graph.producer(outer.base), 'transpose');
  const expected = tokensAreRows ? ['0,2,1,3', '1,0,2'] : ['0,2,3,1', '1,2,0'];
  if (!transpose || !expected.includes(transpose.operator.permutation.join())) return null;
  const inner = composeExpression(graph, transpose.inputs[0]!);
  const [first, second] = [affineForm(outer.expression), affineForm(inner.expression)];
  for (const form of [first, second]) {
    if (form.base === null || !('input' in form.base) || form.shift !== 0) return null;
  }
  return { value: inner.base, scale: first.scale * second.scale };
}

function fitsAttention(
  graph: GraphEditor,
  product: NodeOfKind<'matmul'>,
  { product: scores, mask }: Scores,
  operands: readonly string[],
): boolean {
  const [q, k, v] = operands.map((operand) => graph.spec(operand).shape);
  const rank = q!.length;
  if (k!.length !== rank || v!.length !== rank || q!.at(-2) !== k!.at(-2)) return false;
  const leading = (shape: readonly number[]) => shape.slice(0, -3);
  if (!shapesEqual(leading(q!), leading(k!)) || !shapesEqual(leading(q!), leading(v!))) return false;
  if (q!.at(-2) !== v!.at(-2) || k!.at(-3) !== v!.at(-3)) return false;
  if (graph.spec(product.outputs[0]!).shape.length !== rank) return false;
  if (mask === null) return true;
  // The mask must not make the scores larger, and without a batch it has three axes, which mean the same.
  const shape = graph.spec(scores.outputs[0]!).shape;
  const own = graph.spec(mask).shape;
  return (
    own.length <= shape.length && own.every((size, i) => size === 1 || size === shape.at(i - own.length))
  );
}

/** `[..., tokens, heads, size]` as `[batch, tokens, heads * size]`. */
function flatten(graph: GraphEditor, value: string): string {
  const { shape } = graph.spec(value);
  const [tokens, heads, size] = shape.slice(-3) as [number, number, number];
  const flat = [shape.length === 4 ? shape[0]! : 1, tokens, heads * size];
  return graph.addNode(`${value}_flat`, { kind: 'reshape', shape: flat }, [value]);
}
