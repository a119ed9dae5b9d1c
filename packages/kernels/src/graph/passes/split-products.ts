import type { GraphEditor } from './graph-editor.ts';
import type { GraphPass } from './graph-pass.ts';
import { type NodeOfKind, nodeOfKind } from './node-of-kind.ts';

/**
 * Computes the columns of a product that others only cut out as products of their own, with the columns of the weights and bias: queries, keys and
 * values then lie where they are needed without being copied.
 */
export const splitProducts: GraphPass = {
  name: 'split-products',
  rewrite(graph) {
    let split = 0;
    for (const node of graph.nodes()) {
      const product = nodeOfKind(node, 'matmul');
      if (product && graph.has(product) && splitProduct(graph, product)) split++;
    }
    return split;
  },
};

interface Columns {
  readonly slice: NodeOfKind<'slice'>;
  readonly start: number;
  readonly size: number;
}

function splitProduct(graph: GraphEditor, product: NodeOfKind<'matmul'>): boolean {
  const [a, weights, bias] = product.inputs;
  const output = product.outputs[0]!;
  if (graph.isOutput(output) || !graph.isConstant(weights) || graph.spec(weights).shape.length !== 2)
    return false;
  if (bias != null && !graph.isConstant(bias)) return false;
  const { shape } = graph.spec(output);
  const parts: Columns[] = [];
  for (const reader of graph.readers(output)) {
    const slice = nodeOfKind(reader, 'slice');
    const part = slice && cutColumns(slice, shape);
    if (!part) return false;
    parts.push(part);
  }
  parts.sort((x, y) => x.start - y.start);
  const overlaps = parts.some((part, i) => i > 0 && part.start < parts[i - 1]!.start + parts[i - 1]!.size);
  if (parts.length < 2 || overlaps) return false;
  for (const { slice, start, size } of parts) {
    const { transposeB } = product.operator;
    const [rows, columns] = graph.spec(weights).shape as [number, number];
    const cut = transposeB
      ? { starts: [start, 0], steps: [1, 1], sizes: [size, columns] }
      : { starts: [0, start], steps: [1, 1], sizes: [rows, size] };
    const own = graph.addNode(`${weights}_columns`, { kind: 'slice', ...cut }, [weights]);
    const added = { kind: 'slice', starts: [start], steps: [1], sizes: [size] } as const;
    const ownBias = bias == null ? [] : [graph.addNode(`${bias}_columns`, added, [bias])];
    graph.change(slice, { operator: product.operator, inputs: [a!, own, ...ownBias] });
  }
  return true;
}

/** Which columns a slice takes, if it takes all rows. */
function cutColumns(slice: NodeOfKind<'slice'>, shape: readonly number[]): Columns | null {
  const { starts, steps, sizes } = slice.operator;
  const last = shape.length - 1;
  const isCut = sizes.every((size, axis) => steps[axis] === 1 && (axis === last || size === shape[axis]));
  return isCut ? { slice, start: starts[last]!, size: sizes[last]! } : null;
}
