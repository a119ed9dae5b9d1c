import { shapesEqual } from '@qedge/core';
import { countOperations, countReads, inputOf, substituteInputs } from './expressions/expression.ts';
import type { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';
import { type NodeOfKind, nodeOfKind } from './node-of-kind.ts';
import { tidyTerms } from './pointwise-node.ts';

/** Each input takes an address and a stride in the kernel, and memory that is read beside the others. */
const MOST_INPUTS = 4;
/** Each operation may hold a register; expressions that grow further are slower than two nodes. */
const MOST_OPERATIONS = 24;

/** Computes trees of pointwise nodes, each read by one other, in one pass over memory. */
export const fusePointwise: GraphPass = {
  name: 'fuse-pointwise',
  rewrite(graph) {
    let fused = 0;
    for (const original of graph.sortedNodes()) {
      let node = nodeOfKind(graph.producer(original.outputs[0]), 'pointwise');
      for (let next = node && fuseOneInput(graph, node); next; next = fuseOneInput(graph, next)) {
        node = next;
        fused++;
      }
    }
    return fused;
  },
};

/** Takes one of the nodes that make the inputs into `node`; undefined when none can be. */
function fuseOneInput(
  graph: GraphEditor,
  node: NodeOfKind<'pointwise'>,
): NodeOfKind<'pointwise'> | undefined {
  const inputs = node.inputs as readonly string[];
  const { shape } = graph.spec(node.outputs[0]!);
  const reads = countReads(node.operator.expression);
  for (const [index, input] of inputs.entries()) {
    const inner = nodeOfKind(graph.producer(input), 'pointwise');
    if (!inner || graph.onlyReader(input) !== node) continue;
    if (!shapesEqual(graph.spec(input).shape, shape)) continue;
    const terms = inlineInput(node, index, inner);
    const tidy = tidyTerms(graph, terms, shape);
    // What is read several times would be computed several times, unless an activation was recognised.
    const repeated = (reads.get(index) ?? 0) > 1;
    const operations = countOperations(tidy.expression);
    const before = countOperations(node.operator.expression) + countOperations(inner.operator.expression);
    if (repeated && operations > before) continue;
    if (tidy.inputs.length > MOST_INPUTS || operations > MOST_OPERATIONS) continue;
    const changed = graph.change(node, {
      operator: { kind: 'pointwise', expression: tidy.expression },
      inputs: tidy.inputs,
    });
    graph.remove(inner);
    return changed as NodeOfKind<'pointwise'>;
  }
  return undefined;
}

/** The terms of `node` with what makes its input `index` written out. Inputs may repeat. */
function inlineInput(node: NodeOfKind<'pointwise'>, index: number, inner: NodeOfKind<'pointwise'>) {
  const own = node.inputs as readonly string[];
  const added = inner.inputs as readonly string[];
  const moved = substituteInputs(inner.operator.expression, (input) => inputOf(own.length + input));
  const expression = substituteInputs(node.operator.expression, (input) =>
    input === index ? moved : inputOf(input),
  );
  return { inputs: [...own, ...added], expression };
}
