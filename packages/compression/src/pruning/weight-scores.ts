import { ShapeMismatchError } from '@qedge/core';
import { listKernels } from '../model/kernel-weight.ts';
import type { ModelTopology } from '../model/model-topology.ts';

/** Values of weights by weight name (`TopologyWeight.name`), each row-major in the shape of its weight. Borrowed. */
export type WeightValues = ReadonlyMap<string, Float32Array>;

/**
 * What each element of each weight is worth, by weight name: any finite numbers; those with the least are removed first. A weight
 * that is not in the map is not pruned, so leaving one out protects it.
 */
export type WeightScores = ReadonlyMap<string, Float32Array>;

/** The kernels of a model by weight name: what pruning scores and masks. The arrays are the topology's own. */
export function kernelValues(topology: ModelTopology): Map<string, Float32Array> {
  return new Map(listKernels(topology).map(({ weight }) => [weight.name, weight.data]));
}

/** `|w|`: the score of magnitude pruning (Han et al. 2015, arXiv:1506.02626). */
export function magnitudeScores(weights: WeightValues): Map<string, Float32Array> {
  return new Map(Array.from(weights, ([name, values]) => [name, values.map(Math.abs)]));
}

/**
 * `|w| * rms(input)`: the part of a weight in its layer's output, by the root mean square of the input that it multiplies (Wanda,
 * Sun et al. 2023, arXiv:2306.11695).
 *
 * @param inputRms per weight name, one number for each index of the kernel apart from its last axis, as `measureInputRms` gives it: dense
 *   `[inputs]`, convolution `[height * width * inputs]`, depthwise `[height * width * channels]`. Kernels that it lacks are not scored.
 * @throws ShapeMismatchError when a row of numbers does not fit its kernel.
 */
export function activationScores(
  weights: WeightValues,
  inputRms: ReadonlyMap<string, Float32Array>,
): Map<string, Float32Array> {
  const scores = new Map<string, Float32Array>();
  for (const [name, values] of weights) {
    const rms = inputRms.get(name);
    if (!rms) continue;
    const lastAxis = values.length / rms.length;
    if (!Number.isInteger(lastAxis) && values.length > 0) {
      throw new ShapeMismatchError(`The activation statistics of "${name}" do not fit the kernel`, {
        expected: `a number of rows that divides ${values.length}`,
        actual: rms.length,
      });
    }
    scores.set(
      name,
      values.map((value, at) => Math.abs(value * rms[Math.floor(at / lastAxis)]!)),
    );
  }
  return scores;
}
