import type { GraphPass } from './graph-pass.ts';

/** Removes nodes whose outputs nobody reads. */
export const removeDeadNodes: GraphPass = {
  name: 'remove-dead-nodes',
  rewrite(graph) {
    let removed = 0;
    for (const node of graph.sortedNodes().reverse()) {
      const read = node.outputs.some((output) => graph.isOutput(output) || graph.readers(output).size > 0);
      if (read) continue;
      graph.remove(node);
      removed++;
    }
    return removed;
  },
};
