import { elementCount, type OperatorNode, type Shape, shapesEqual } from '@qedge/core';
import type { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';
import { nodeOfKind } from './node-of-kind.ts';

/**
 * Moves reshapes behind operators that work element by element or row by row, so that these stand beside the product whose epilogue they can
 * be, and reshapes meet their inverse.
 */
export const sinkReshapes: GraphPass = {
  name: 'sink-reshapes',
  rewrite(graph) {
    let moved = 0;
    for (const original of graph.sortedNodes()) {
      const node = graph.producer(original.outputs[0]);
      if (node && sink(graph, node)) moved++;
    }
    return moved;
  },
};

function sink(graph: GraphEditor, node: OperatorNode): boolean {
  const { operator, inputs, outputs } = node;
  const { shape } = graph.spec(outputs[0]!);
  const isRowWise = ['softmax', 'layer-normalization', 'channel-scale'].includes(operator.kind);
  if (operator.kind !== 'pointwise' && !isRowWise) return false;
  const data = isRowWise ? inputs.slice(0, 1) : inputs;
  const source = data
    .map((input) => nodeOfKind(graph.producer(input), 'reshape')?.inputs[0])
    .find((each) => each != null && !shapesEqual(graph.spec(each).shape, shape));
  if (source == null) return false;
  const inner = graph.spec(source).shape;
  if (elementCount(inner) !== elementCount(shape)) return false;
  const keepsRows = inner.length > 0 && inner.at(-1) === shape.at(-1);
  if (isRowWise && !keepsRows) return false;
  const names = data as readonly string[];
  if (!names.every((input) => isReshapable(graph.spec(input).shape, inner, shape, keepsRows))) return false;
  if (!removesReshapes(graph, names, inner, shape)) return false;
  const reshaped = names.map((input) => reshapeTo(graph, input, inner));
  graph.wrap(node, operator, [...reshaped, ...inputs.slice(data.length)], { kind: 'reshape', shape });
  return true;
}

/** Whether more reshapes of inputs vanish than are added: else the next round would move them back. */
function removesReshapes(graph: GraphEditor, names: readonly string[], inner: Shape, output: Shape): boolean {
  let balance = 0;
  for (const name of new Set(names)) {
    if (graph.isConstant(name) || !shapesEqual(graph.spec(name).shape, output)) continue;
    const source = nodeOfKind(graph.producer(name), 'reshape')?.inputs[0];
    balance += source != null && shapesEqual(graph.spec(source).shape, inner) ? 1 : -1;
  }
  return balance > 0;
}

/** Whole values, single numbers, and one number per index of the last axis, if that stays. */
function isReshapable(own: Shape, inner: Shape, output: Shape, keepsRows: boolean): boolean {
  if (shapesEqual(own, output)) return true;
  const count = elementCount(own);
  // A row of the output's last axis; a value of as many elements that broadcasts otherwise is none.
  return count === 1 || (keepsRows && count === own.at(-1) && count === inner.at(-1));
}

function reshapeTo(graph: GraphEditor, value: string, inner: Shape): string {
  const { shape } = graph.spec(value);
  const count = elementCount(shape);
  const wanted = count === elementCount(inner) ? inner : count === 1 ? [] : [count];
  if (shapesEqual(shape, wanted)) return value;
  const reshape = nodeOfKind(graph.producer(value), 'reshape');
  const origin = reshape?.inputs[0] ?? value;
  if (shapesEqual(graph.spec(origin).shape, wanted)) return origin;
  return graph.addNode(`${value}_reshaped`, { kind: 'reshape', shape: wanted }, [origin]);
}
