import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import { listKernels } from '../model/kernel-weight.ts';
import type { ModelTopology, TopologyLayer } from '../model/model-topology.ts';
import type { PruningMasks } from './sparsity-masks.ts';

/**
 * A model whose removed weights are exactly 0. The given one is not changed; layers without a mask are shared with it.
 *
 * @throws InvalidArgumentError for a mask of a weight that the model lacks, ShapeMismatchError for one of another length.
 */
export function applyMasks(topology: ModelTopology, masks: PruningMasks): ModelTopology {
  assertMasksFit(topology, masks);
  const layers = topology.layers.map((layer) =>
    layer.weights.some(({ name }) => masks.has(name)) ? maskLayer(layer, masks) : layer,
  );
  return { ...topology, layers };
}

/** Masks that keep what is not 0 in the kernels of a model: they hold the zeros of one that was pruned elsewhere. */
export function masksFromZeros(topology: ModelTopology): Map<string, Uint8Array> {
  return new Map(
    listKernels(topology).map(({ weight }) => [
      weight.name,
      Uint8Array.from(weight.data, (value) => (value === 0 ? 0 : 1)),
    ]),
  );
}

/** Fraction of all elements that masks remove; 0 without elements. */
export function maskSparsity(masks: PruningMasks): number {
  let kept = 0;
  let count = 0;
  for (const mask of masks.values()) {
    count += mask.length;
    for (const bit of mask) kept += bit;
  }
  return count === 0 ? 0 : 1 - kept / count;
}

/** @throws InvalidArgumentError for a mask of a weight that the model lacks, ShapeMismatchError for one of another length. */
function assertMasksFit(topology: ModelTopology, masks: PruningMasks): void {
  const lengths = new Map(
    topology.layers.flatMap(({ weights }) => weights.map(({ name, data }) => [name, data.length] as const)),
  );
  for (const [name, mask] of masks) {
    const length = lengths.get(name);
    if (length === undefined) {
      throw new InvalidArgumentError(`There is a mask for "${name}", which the model lacks`, {
        expected: [...lengths.keys()],
        actual: name,
      });
    }
    if (mask.length !== length) {
      throw new ShapeMismatchError(`The mask of "${name}" does not fit`, {
        expected: length,
        actual: mask.length,
      });
    }
  }
}

function maskLayer(layer: TopologyLayer, masks: PruningMasks): TopologyLayer {
  const weights = layer.weights.map((weight) => {
    const mask = masks.get(weight.name);
    return mask ? { ...weight, data: weight.data.map((value, at) => (mask[at] === 0 ? 0 : value)) } : weight;
  });
  return { ...layer, weights };
}
