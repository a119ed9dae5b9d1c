import type { TopologyWeight } from '../model/model-topology.ts';
import type { NormalizationSettings } from './folded-normalization.ts';

/** The weights of a layer by role. */
export function weightData(weights: readonly TopologyWeight[], role: string): Float32Array | null {
  return weights.find((weight) => weight.role === role)?.data ?? null;
}

/** `gamma / sqrt(moving variance + epsilon)` per channel, rounded to float32 after each operation, as the layer computes it. */
export function normalizationFactors(
  weights: readonly TopologyWeight[],
  { epsilon }: NormalizationSettings,
): Float32Array {
  const gamma = weightData(weights, 'gamma');
  const small = Math.fround(epsilon);
  return weightData(weights, 'moving_variance')!.map((variance, channel) => {
    const deviation = Math.fround(Math.sqrt(Math.fround(variance + small)));
    return (gamma ? gamma[channel]! : 1) / deviation;
  });
}

/** A kernel `[rows, outputs]` with every output channel multiplied by its factor. */
export function foldKernel(kernel: Float32Array, outputs: number, factors: Float32Array): Float32Array {
  return kernel.map((value, i) => value * factors[i % outputs]!);
}

/** What a folded layer adds to its sums, rounded as the layer does it. */
export function foldedBias(weights: readonly TopologyWeight[], factors: Float32Array): Float32Array {
  const [bias, beta] = [weightData(weights, 'bias'), weightData(weights, 'beta')];
  return weightData(weights, 'moving_mean')!.map((mean, channel) => {
    const centred = bias ? Math.fround(bias[channel]! - mean) : -mean;
    const moved = Math.fround(centred * factors[channel]!);
    return beta ? moved + beta[channel]! : moved;
  });
}
