import type { GraphPass } from './graph-pass.ts';
import { movedNumbers } from './sink-transposes.ts';

/** Makes reshapes, which move nothing, of transposes that only move axes of size 1, and of expansions that add only such axes. */
export const flattenTransposes: GraphPass = {
  name: 'flatten-transposes',
  rewrite(graph) {
    let changes = 0;
    for (const node of graph.nodes()) {
      const { operator, inputs, outputs } = node;
      const input = inputs[0];
      if (input == null) continue;
      const { shape } = graph.spec(outputs[0]!);
      const before = graph.spec(input).shape;
      const count = (sizes: readonly number[]) => sizes.reduce((product, size) => product * size, 1);
      const moves =
        operator.kind === 'transpose'
          ? movedNumbers(before, operator.permutation) > 0
          : operator.kind !== 'expand' || count(before) !== count(shape);
      if (moves) continue;
      graph.change(node, { operator: { kind: 'reshape', shape } });
      changes++;
    }
    return changes;
  },
};
