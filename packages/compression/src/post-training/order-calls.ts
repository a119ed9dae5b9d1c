import type { ModelTopology, TensorReference, TopologyLayer } from '../model/model-topology.ts';

/** A use of a layer on the way from the inputs to the outputs. */
export interface OrderedCall {
  readonly layer: TopologyLayer;
  readonly call: number;
}

/** Every use of every layer that the outputs need, after those that it reads. */
export function orderCalls({ layers, outputs }: ModelTopology): readonly OrderedCall[] {
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const seen = new Set<string>();
  const ordered: OrderedCall[] = [];
  // A stack of its own: deep models would exhaust the one of the language.
  const stack: { reference: TensorReference; isOpened: boolean }[] = [];
  const push = (references: readonly TensorReference[]) => {
    for (const reference of references.toReversed()) stack.push({ reference, isOpened: false });
  };
  push(outputs);
  for (let top = stack.pop(); top; top = stack.pop()) {
    const { reference, isOpened } = top;
    const layer = byName.get(reference.layer)!;
    if (isOpened) {
      ordered.push({ layer, call: reference.call });
      continue;
    }
    const key = `${reference.call} ${reference.layer}`;
    if (seen.has(key)) continue;
    seen.add(key);
    stack.push({ reference, isOpened: true });
    push(layer.calls[reference.call].inputs);
  }
  return ordered;
}
