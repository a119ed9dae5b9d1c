import { formatShape, graphWeightSpecs, type Shape, shapesEqual } from '@qedge/core';
import type { ModelFileGraph } from './graph-json.ts';

/**
 * The first weight of a model graph that is missing or has another shape, or null when all is there. Nothing is asked of operator
 * graphs: their constants may be there as packed sections alone.
 */
export function findUnmetWeight(
  graph: ModelFileGraph,
  shapeOf: (name: string) => Shape | undefined,
): { readonly name: string; readonly expected: string; readonly actual: string } | null {
  if (graph.format !== 'qedge-model-graph') return null;
  for (const { name, shape } of graphWeightSpecs(graph)) {
    const found = shapeOf(name);
    if (found && shapesEqual(found, shape)) continue;
    return {
      name,
      expected: `a tensor of shape ${formatShape(shape)}`,
      actual: found ? formatShape(found) : 'none',
    };
  }
  return null;
}
