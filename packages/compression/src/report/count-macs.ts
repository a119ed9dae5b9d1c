import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import type { LayerCall, ModelTopology, TensorReference, TopologyLayer } from '../model/model-topology.ts';

/** Multiply-accumulate operations of one pass over one sample. */
export interface MacCount {
  readonly total: number;
  /** By layer name, over all uses of the layer; layers that multiply with no kernel are not in it. */
  readonly byLayer: ReadonlyMap<string, number>;
}

/** The shape whose places a kernel visits: those of the output, or for transposed convolution those of the input. */
type VisitedShape = 'output' | 'input';

/** Layers that multiply with kernels: the roles of their kernels, and where these are applied. */
const KERNELS: Readonly<Record<string, { readonly roles: readonly string[]; readonly at: VisitedShape }>> = {
  Dense: { roles: ['kernel'], at: 'output' },
  Conv1D: { roles: ['kernel'], at: 'output' },
  Conv2D: { roles: ['kernel'], at: 'output' },
  Conv3D: { roles: ['kernel'], at: 'output' },
  DepthwiseConv2D: { roles: ['depthwise_kernel'], at: 'output' },
  SeparableConv2D: { roles: ['depthwise_kernel', 'pointwise_kernel'], at: 'output' },
  Conv2DTranspose: { roles: ['kernel'], at: 'input' },
  Conv3DTranspose: { roles: ['kernel'], at: 'input' },
};

/** Layers whose weights of two or more axes are looked up or applied element by element. */
const WITHOUT_KERNEL = new Set(['Embedding', 'PReLU']);

/**
 * Counts multiply-accumulate operations: each element of a kernel is used once at each place of the output (of the input, for transposed
 * convolution), which covers strides, padding, dilation and groups. Places where a window reaches into the padding count in full, as they
 * do in other tools. Biases, activations, pooling and batch normalisation count nothing.
 *
 * @throws UnsupportedError for a layer that multiplies in another way (recurrent, attention, dot), InvalidArgumentError when a size is open
 *   that the count depends on.
 */
export function countMacs(topology: ModelTopology): MacCount {
  const layers = new Map(topology.layers.map((layer) => [layer.name, layer]));
  const byLayer = new Map<string, number>();
  let total = 0;
  for (const layer of topology.layers) {
    const perPlace = kernelElements(layer);
    if (perPlace === null) continue;
    const places = layer.calls.reduce((sum, call) => sum + countPlaces(layer, call, layers), 0);
    byLayer.set(layer.name, perPlace * places);
    total += perPlace * places;
  }
  return { total, byLayer };
}

function kernelElements({ name, className, weights }: TopologyLayer): number | null {
  if (Object.hasOwn(KERNELS, className)) {
    const { roles } = KERNELS[className]!;
    return weights.reduce((sum, { role, data }) => sum + (roles.includes(role) ? data.length : 0), 0);
  }
  const multiplies =
    className === 'Dot' || (!WITHOUT_KERNEL.has(className) && weights.some(({ shape }) => shape.length >= 2));
  if (!multiplies) return null;
  throw new UnsupportedError(`The operations of the layer "${name}" cannot be counted`, {
    expected: [...Object.keys(KERNELS), 'layers without kernels'],
    actual: className,
    facts: { layer: name, className },
  });
}

/** How often one call uses each element of the kernel. */
function countPlaces(
  layer: TopologyLayer,
  call: LayerCall,
  layers: ReadonlyMap<string, TopologyLayer>,
): number {
  const { at } = KERNELS[layer.className]!;
  const shape = at === 'output' ? call.outputShapes[0]! : shapeOf(call.inputs[0]!, layers);
  const channelsFirst = layer.config.dataFormat === 'channelsFirst';
  const places = channelsFirst ? shape.slice(1) : shape.slice(0, -1);
  return places.reduce<number>((product, size) => {
    if (size !== null) return product * size;
    throw new InvalidArgumentError(`The operations of the layer "${layer.name}" depend on the input`, {
      expected: 'fixed sizes apart from the batch',
      actual: shape.map((known) => known ?? 'open'),
      remedy: 'Make the model with a fixed input shape.',
    });
  }, 1);
}

function shapeOf(
  { layer, call, output }: TensorReference,
  layers: ReadonlyMap<string, TopologyLayer>,
): readonly (number | null)[] {
  return layers.get(layer)!.calls[call]!.outputShapes[output]!;
}
