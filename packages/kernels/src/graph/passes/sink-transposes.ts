import { elementCount, type Operator, type OperatorNode, type Shape } from '@qedge/core';
import type { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';
import { nodeOfKind } from './node-of-kind.ts';
import { composePermutations, invertPermutation, type Permutation } from './permutation.ts';
import { sinkThroughOperator } from './sink-through-operator.ts';

/**
 * Moves transposes towards the outputs, through every operator that can work on the untransposed value, so that those which importers put
 * around channels-last operators meet their inverse and vanish. Where several inputs come together, others are transposed
 * instead if that moves fewer numbers.
 */
export const sinkTransposes: GraphPass = {
  name: 'sink-transposes',
  rewrite(graph) {
    let moved = 0;
    for (const original of graph.sortedNodes()) {
      const node = graph.producer(original.outputs[0]);
      if (node && node.outputs.length === 1 && sink(graph, node)) moved++;
    }
    return moved;
  },
};

function sink(graph: GraphEditor, node: OperatorNode): boolean {
  const { operator, inputs } = node;
  // Of these every input is data; of others the first.
  const isJoin = operator.kind === 'pointwise' || operator.kind === 'concatenate';
  const data = isJoin ? inputs : inputs.slice(0, 1);
  const tried = new Set<string>();
  for (const input of data) {
    const transpose = transposeMaking(graph, input);
    if (!transpose || tried.has(transpose.permutation.join())) continue;
    tried.add(transpose.permutation.join());
    if (sinkOne(graph, node, data as readonly string[], transpose.permutation)) return true;
  }
  return operator.kind === 'matmul' && transposeSecondOperand(graph, node);
}

interface TransposeOfValue {
  readonly source: string;
  readonly permutation: Permutation;
}

function transposeMaking(graph: GraphEditor, value: string | null | undefined): TransposeOfValue | null {
  const node = nodeOfKind(graph.producer(value), 'transpose');
  return node ? { source: node.inputs[0]!, permutation: node.operator.permutation } : null;
}

function sinkOne(
  graph: GraphEditor,
  node: OperatorNode,
  data: readonly string[],
  permutation: Permutation,
): boolean {
  const shapes = node.inputs.map((input) => (input === null ? null : graph.spec(input).shape));
  const output = graph.spec(node.outputs[0]!).shape;
  const sunk = sinkThroughOperator(node.operator, shapes, output, permutation);
  if (!sunk || !isCheaper(graph, node, data, permutation, sunk.permutation)) return false;
  const inverse = invertPermutation(permutation);
  const sources = data.map((value) => {
    const transpose = transposeMaking(graph, value);
    if (transpose?.permutation.join() === permutation.join()) return transpose.source;
    return untransposed(graph, value, inverse);
  });
  const inputs = [...sources, ...node.inputs.slice(data.length)];
  graph.wrap(node, sunk.operator, inputs, { kind: 'transpose', permutation: sunk.permutation });
  return true;
}

/** A value that, transposed, broadcasts as `value` does. */
function untransposed(graph: GraphEditor, value: string, inverse: Permutation): string {
  const { shape } = graph.spec(value);
  if (elementCount(shape) === 1 && shape.length <= inverse.length) return value;
  const known = transposedAlready(graph, value, inverse);
  if (known) return known.outputs[0]!;
  let source = value;
  if (shape.length < inverse.length) {
    const padded = [...new Array<number>(inverse.length - shape.length).fill(1), ...shape];
    source = graph.addNode(`${value}_aligned`, { kind: 'reshape', shape: padded }, [value]);
  }
  const transpose = transposeMaking(graph, source);
  const operator: Operator = {
    kind: 'transpose',
    permutation: transpose ? composePermutations(transpose.permutation, inverse) : inverse,
  };
  return graph.addNode(`${value}_transposed`, operator, [transpose?.source ?? source]);
}

/** A transpose of a value that is made in any case. */
function transposedAlready(
  graph: GraphEditor,
  value: string,
  permutation: Permutation,
): OperatorNode | undefined {
  const key = permutation.join();
  return [...graph.readers(value)].find((reader) => {
    return nodeOfKind(reader, 'transpose')?.operator.permutation.join() === key;
  });
}

/** Compares how many numbers transposes move before and after. */
function isCheaper(
  graph: GraphEditor,
  node: OperatorNode,
  data: readonly string[],
  permutation: Permutation,
  outer: Permutation,
): boolean {
  let [before, added] = [0, 0];
  const key = permutation.join();
  for (const value of new Set(data)) {
    if (graph.isConstant(value)) continue;
    const { shape } = graph.spec(value);
    const transpose = transposeMaking(graph, value);
    if (transpose?.permutation.join() === key) {
      if (graph.onlyReader(value) === node)
        before += movedNumbers(graph.spec(transpose.source).shape, permutation);
    } else if (elementCount(shape) > 1 && !transposedAlready(graph, value, invertPermutation(permutation))) {
      const aligned = [...new Array<number>(permutation.length - shape.length).fill(1), ...shape];
      added += movedNumbers(aligned, invertPermutation(permutation));
    }
  }
  if (added === 0) return true;
  const readers = [...graph.readers(node.outputs[0]!)];
  const inverse = invertPermutation(outer).join();
  const vanishes =
    !graph.isOutput(node.outputs[0]!) &&
    readers.every((each) => nodeOfKind(each, 'transpose')?.operator.permutation.join() === inverse);
  const after = vanishes ? 0 : elementCount(graph.spec(node.outputs[0]!).shape);
  return added + after < before;
}

/** The elements of a transpose's input; 0 where only axes of size 1 change places, which moves nothing. */
export function movedNumbers(shape: Shape, permutation: Permutation): number {
  const moving = permutation.filter((axis) => shape[axis] !== 1);
  const ascends = moving.every((axis, i) => i === 0 || axis > moving[i - 1]!);
  return ascends ? 0 : elementCount(shape);
}

/** Matrix products read their second operand transposed if its last two axes are swapped. */
function transposeSecondOperand(graph: GraphEditor, node: OperatorNode): boolean {
  if (node.operator.kind !== 'matmul') return false;
  const transpose = transposeMaking(graph, node.inputs[1]);
  if (!transpose) return false;
  const rank = transpose.permutation.length;
  const swaps = transpose.permutation.every((axis, i) => {
    return axis === (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i);
  });
  if (!swaps) return false;
  const inputs = node.inputs.map((input, index) => (index === 1 ? transpose.source : input));
  graph.change(node, { operator: { ...node.operator, transposeB: !node.operator.transposeB }, inputs });
  return true;
}
