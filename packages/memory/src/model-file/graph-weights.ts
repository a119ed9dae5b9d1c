import { formatShape, graphWeightSpecs, type ModelGraph, type Shape, shapesEqual } from '@qedge/core';

/** The first weight of a graph that is missing or has another shape, or null when all is there. */
export function findUnmetWeight(
  graph: ModelGraph,
  shapeOf: (name: string) => Shape | undefined,
): { readonly name: string; readonly expected: string; readonly actual: string } | null {
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
