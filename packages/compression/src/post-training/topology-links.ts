import { InvalidArgumentError } from '@qedge/core';
import type { ModelTopology, TensorReference, TopologyLayer } from '../model/model-topology.ts';

/** A place where a tensor is read. */
export interface TensorUse {
  readonly layer: TopologyLayer;
  readonly call: number;
  /** Which input of the call. */
  readonly input: number;
}

/** Who reads and who makes each tensor of a topology. */
export class TopologyLinks {
  readonly #layers: ReadonlyMap<string, TopologyLayer>;
  readonly #uses = new Map<string, TensorUse[]>();
  readonly #outputs: ReadonlySet<string>;

  constructor(topology: ModelTopology) {
    this.#layers = new Map(topology.layers.map((layer) => [layer.name, layer]));
    this.#outputs = new Set(topology.outputs.map(referenceKey));
    for (const layer of topology.layers) {
      for (const [call, { inputs }] of layer.calls.entries()) {
        for (const [input, reference] of inputs.entries()) {
          const uses = this.#uses.get(referenceKey(reference));
          if (uses) uses.push({ layer, call, input });
          else this.#uses.set(referenceKey(reference), [{ layer, call, input }]);
        }
      }
    }
  }

  /** @throws InvalidArgumentError when there is no layer of that name. */
  layer(name: string): TopologyLayer {
    const layer = this.#layers.get(name);
    if (layer) return layer;
    throw new InvalidArgumentError('The model has no such layer', {
      expected: [...this.#layers.keys()],
      actual: name,
    });
  }

  /** The places that read a tensor, in the order of the layers. */
  usesOf(reference: TensorReference): readonly TensorUse[] {
    return this.#uses.get(referenceKey(reference)) ?? [];
  }

  isModelOutput(reference: TensorReference): boolean {
    return this.#outputs.has(referenceKey(reference));
  }

  /** The one place that reads the only output of a layer's only call, or null (shared, read twice, or an output of the model). */
  onlyUseOf(layer: TopologyLayer): TensorUse | null {
    if (layer.calls.length !== 1 || layer.calls[0]!.outputShapes.length !== 1) return null;
    const reference = { layer: layer.name, call: 0, output: 0 };
    const uses = this.usesOf(reference);
    return uses.length === 1 && !this.isModelOutput(reference) ? uses[0]! : null;
  }
}

/** A topology with other layers in the places of those with the same names. */
export function replaceLayers(
  topology: ModelTopology,
  replacements: ReadonlyMap<string, TopologyLayer>,
): ModelTopology {
  if (replacements.size === 0) return topology;
  return { ...topology, layers: topology.layers.map((layer) => replacements.get(layer.name) ?? layer) };
}

/** Removes a layer of one call, one input and one output: those that read it read its input instead. */
export function bypassLayer(topology: ModelTopology, name: string): ModelTopology {
  const removed = new TopologyLinks(topology).layer(name);
  const source = removed.calls[0]!.inputs[0]!;
  const redirect = (reference: TensorReference) => (reference.layer === name ? source : reference);
  const layers = topology.layers
    .filter((layer) => layer !== removed)
    .map((layer) => {
      const reads = layer.calls.some(({ inputs }) => inputs.some((input) => input.layer === name));
      if (!reads) return layer;
      const calls = layer.calls.map((call) => ({ ...call, inputs: call.inputs.map(redirect) }));
      return { ...layer, calls };
    });
  return { ...topology, layers, outputs: topology.outputs.map(redirect) };
}

function referenceKey({ layer, call, output }: TensorReference): string {
  return `${call}:${output}:${layer}`;
}
