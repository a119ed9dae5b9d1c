import {
  type Clock,
  type CompiledModel,
  elementCount,
  energyOver,
  type Fallback,
  type InferenceResult,
  type PowerFigure,
  systemClock,
} from '@qedge/core';

/** Options of {@link inferOnce}. */
export interface InferOnceOptions {
  /** Default: the machine's own clock. */
  readonly clock?: Clock;
  /** The power drawn while the model runs; gives the result's energy. */
  readonly power?: PowerFigure;
  /** What was lost when the device was made; passed on into the result. */
  readonly fallbacks?: readonly Fallback[];
}

/**
 * Runs a model once and returns everything worth knowing. Allocates the output; loops that must not allocate call
 * `model.run` themselves. The latency covers `run` alone, until an asynchronous device has finished.
 *
 * @param input `[batch, ...inputShape]`, row-major; borrowed.
 * @throws as `CompiledModel.run`.
 */
export async function inferOnce(
  model: CompiledModel,
  input: Float32Array,
  batch: number,
  options: InferOnceOptions = {},
): Promise<InferenceResult> {
  const clock = options.clock ?? systemClock;
  // An impossible batch is left to `run`, which refuses it with a full explanation.
  const possible = Number.isSafeInteger(batch) && batch > 0 && batch <= model.maxBatch;
  const outputSize = possible ? batch * elementCount(model.outputShape) : 0;
  const output = new Float32Array(outputSize);
  const startMs = clock.nowMs();
  const pending = model.run(input, output, batch);
  if (pending) await pending;
  const latencyMs = clock.nowMs() - startMs;
  return {
    output,
    batch,
    precision: model.precision,
    device: model.device,
    latencyMs,
    energy: options.power ? energyOver(options.power, latencyMs) : null,
    fallbacks: options.fallbacks ?? [],
  };
}
