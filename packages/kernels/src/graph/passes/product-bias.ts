import type { OperatorNode } from '@qedge/core';
import type { GraphEditor } from './graph-editor.ts';

/** Whether there is no bias, or one whose numbers are known. */
export function isFoldableBias(graph: GraphEditor, bias: string | null | undefined): boolean {
  return bias == null || graph.isConstant(bias);
}

/** A new bias, `change(old or 0, channel)` for every channel. */
export function addBias(
  graph: GraphEditor,
  product: OperatorNode,
  bias: string | null,
  count: number,
  change: (sum: number, channel: number) => number,
): string {
  const old = bias === null ? null : graph.constant(bias).data;
  const data = Float32Array.from({ length: count }, (_, channel) => change(old?.[channel] ?? 0, channel));
  return graph.addConstant(bias ?? `${product.name}_bias`, { dtype: 'float32', shape: [count], data });
}
