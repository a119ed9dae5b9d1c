import type { ModelGraph, Precision, WeightSource } from '@qedge/core';
import { ReferenceModel } from './reference-model.ts';

/**
 * Runs a graph once in plain loops: `input` is `[batch, ...inputShape]`, the result `[batch, ...outputShape]`, both row-major.
 * float32 sums are rounded after every operation, in ascending order; integer sums are exact.
 *
 * @throws as `Device.compile` and `CompiledModel.run`.
 */
export function runReference(
  graph: ModelGraph,
  weights: WeightSource,
  input: Float32Array,
  batch: number,
  precision: Precision,
): Float32Array {
  using model = new ReferenceModel('reference', graph, weights, { precision, maxBatch: batch });
  const output = new Float32Array(batch * model.outputSize);
  model.run(input, output, batch);
  return output;
}

/**
 * The exact int32 accumulators of every dense layer, `[batch, units]` each, in order of execution.
 *
 * @throws UnsupportedError at float32; otherwise as {@link runReference}.
 */
export function referenceAccumulators(
  graph: ModelGraph,
  weights: WeightSource,
  input: Float32Array,
  batch: number,
  precision: Precision,
): Int32Array[] {
  using model = new ReferenceModel('reference', graph, weights, { precision, maxBatch: batch });
  return model.accumulators(input, batch);
}
