import { Random } from '@qedge/core';
import type { ModelTopology, TopologyLayer } from '../../src/tfjs.ts';

/** A topology with kernels of given shapes, one layer each: four axes make a convolution, and its weights are seeded noise. */
export function kernelTopology(
  shapes: Readonly<Record<string, readonly number[]>>,
  seed = 1,
  classNames: Readonly<Record<string, string>> = {},
): ModelTopology {
  const random = new Random(seed);
  const layers = Object.entries(shapes).map(([name, shape]): TopologyLayer => {
    const size = shape.reduce((product, axis) => product * axis, 1);
    const className = classNames[name] ?? (shape.length === 4 ? 'Conv2D' : 'Dense');
    const role = className === 'DepthwiseConv2D' ? 'depthwise_kernel' : 'kernel';
    const data = Float32Array.from({ length: size }, () => random.normal());
    const bias = Float32Array.of(random.normal());
    return {
      name,
      className,
      layerClass: null,
      config: { name },
      calls: [],
      weights: [
        { name: `${name}/${role}`, role, shape, data, trainable: true },
        { name: `${name}/bias`, role: 'bias', shape: [1], data: bias, trainable: true },
      ],
    };
  });
  return { name: 'kernels', layers, inputs: [], outputs: [] };
}
