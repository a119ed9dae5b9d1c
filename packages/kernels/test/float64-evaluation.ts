import type { ModelGraph, WeightSource } from '@qedge/core';

/** A model graph with its numbers. */
export interface TestModel {
  readonly graph: ModelGraph;
  readonly weights: WeightSource;
}

/** The outputs for a batch, from the definition of each layer in float64. */
export function evaluateInFloat64(
  { graph, weights }: TestModel,
  input: Float32Array,
  batch: number,
): Float64Array {
  const perSample = input.length / batch;
  const rows = Array.from({ length: batch }, (_, row) => {
    let values = [...input.subarray(row * perSample, (row + 1) * perSample)];
    for (const layer of graph.layers) {
      if (layer.kind === 'softmax') {
        const exponentials = values.map((value) => Math.exp(value - Math.max(...values)));
        const sum = exponentials.reduce((total, value) => total + value, 0);
        values = exponentials.map((value) => value / sum);
      }
      if (layer.kind !== 'dense') continue;
      const kernel = weights.load(layer.kernel).data;
      const bias = layer.bias === null ? null : weights.load(layer.bias).data;
      values = Array.from({ length: layer.units }, (_unused, unit) => {
        let sum = bias?.[unit] ?? 0;
        for (let i = 0; i < layer.inputSize; i++) sum += values[i]! * kernel[i * layer.units + unit]!;
        return layer.activation === 'relu' ? Math.max(0, sum) : sum;
      });
    }
    return values;
  });
  return Float64Array.from(rows.flat());
}

/**
 * The greatest difference between values and their expectation, relative to the greatest expected magnitude (at least 1).
 * float32 sums of up to a few thousand products stay below 1e-5 by this measure.
 */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [error, magnitude] = [0, 1];
  for (let i = 0; i < expected.length; i++) {
    magnitude = Math.max(magnitude, Math.abs(expected[i]!));
    const difference = Math.abs(actual[i]! - expected[i]!);
    if (!(difference <= error)) error = difference;
  }
  return error / magnitude;
}
