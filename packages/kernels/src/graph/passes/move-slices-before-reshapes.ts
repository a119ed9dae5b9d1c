import type { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';
import { type NodeOfKind, nodeOfKind } from './node-of-kind.ts';
import { groupAxes } from './sink-through-reshape.ts';

/**
 * Cuts before axes are split instead of after it, so that `reshape(x)[..., i, ...]` is a slice of one axis of `x`: how the queries, keys and
 * values are taken from one product.
 */
export const moveSlicesBeforeReshapes: GraphPass = {
  name: 'move-slices-before-reshapes',
  rewrite(graph) {
    let moved = 0;
    for (const node of graph.nodes()) {
      const slice = nodeOfKind(node, 'slice');
      if (slice && moveSlice(graph, slice)) moved++;
    }
    return moved;
  },
};

function moveSlice(graph: GraphEditor, slice: NodeOfKind<'slice'>): boolean {
  const reshape = nodeOfKind(graph.producer(slice.inputs[0]), 'reshape');
  if (!reshape) return false;
  const { starts, steps, sizes } = slice.operator;
  const { shape } = graph.spec(slice.inputs[0]!);
  const cut = shape.flatMap((size, axis) => (sizes[axis] === size && steps[axis] === 1 ? [] : [axis]));
  const axis = cut[0];
  if (cut.length !== 1 || axis === undefined || steps[axis] !== 1) return false;
  const source = reshape.inputs[0]!;
  const before = graph.spec(source).shape;
  const group = groupAxes(before, shape)?.find(({ to }) => to.includes(axis));
  const whole = group?.from.filter((each) => before[each] !== 1) ?? [];
  // The cut axis is the outermost of those that one axis is split into.
  const isOutermost = group?.to.every((each) => each >= axis || shape[each] === 1);
  if (!group || whole.length !== 1 || !isOutermost) return false;
  const inner = group.to.reduce((product, each) => (each > axis ? product * shape[each]! : product), 1);
  const at = whole[0]!;
  const operator = {
    kind: 'slice',
    starts: before.map((_, each) => (each === at ? starts[axis]! * inner : 0)),
    steps: before.map(() => 1),
    sizes: before.map((size, each) => (each === at ? sizes[axis]! * inner : size)),
  } as const;
  graph.wrap(slice, operator, [source], { kind: 'reshape', shape: sizes });
  return true;
}
