import type { ModelTopology, TopologyLayer, TopologyWeight } from './model-topology.ts';

/** What multiplies with a kernel. */
export type KernelKind = 'dense' | 'convolution' | 'depthwise';

/**
 * The weight of a layer that compression acts on. Whatever the kind, it is a row-major matrix `[rows, outputs]` whose last axis runs over output
 * channels: dense `[inputs, units]`, convolution `[height * width * inputs, filters]`, depthwise `[height * width, channels * multiplier]`.
 */
export interface KernelWeight {
  readonly kind: KernelKind;
  readonly layer: TopologyLayer;
  readonly weight: TopologyWeight;
  readonly rows: number;
  readonly outputs: number;
}

const KERNEL_ROLES: Readonly<Record<string, { readonly kind: KernelKind; readonly role: string }>> = {
  Dense: { kind: 'dense', role: 'kernel' },
  Conv1D: { kind: 'convolution', role: 'kernel' },
  Conv2D: { kind: 'convolution', role: 'kernel' },
  DepthwiseConv2D: { kind: 'depthwise', role: 'depthwise_kernel' },
};

/** The kernels of a model in the order of its layers; layers of other classes have none. */
export function listKernels(topology: ModelTopology): readonly KernelWeight[] {
  return topology.layers.flatMap((layer) => kernelOf(layer) ?? []);
}

/** The kernel of one layer, or null. */
export function kernelOf(layer: TopologyLayer): KernelWeight | null {
  const known = Object.hasOwn(KERNEL_ROLES, layer.className) ? KERNEL_ROLES[layer.className]! : null;
  const weight = known && layer.weights.find(({ role }) => role === known.role);
  if (!known || !weight) return null;
  const size = weight.data.length;
  const last = weight.shape[weight.shape.length - 1]!;
  const outputs = known.kind === 'depthwise' ? weight.shape[2]! * last : last;
  return { kind: known.kind, layer, weight, rows: outputs === 0 ? 0 : size / outputs, outputs };
}
