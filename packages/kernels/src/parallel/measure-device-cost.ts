import { type Clock, type CompiledModel, elementCount } from '@qedge/core';
import type { DeviceCost } from './split-batch.ts';

/** Runs per batch size; the fastest counts. */
const REPEATS = 3;
/** Clocks of browsers tick in steps of up to 0.1 ms; nothing is quicker than this per sample. */
const LEAST_PER_SAMPLE_MS = 1e-6;

/**
 * Measures what a model costs on its device, on zeros: runs of one sample and of `maxBatch`, after one of each to warm up.
 *
 * @throws as `CompiledModel.run`.
 */
export async function measureDeviceCost(model: CompiledModel, clock: Clock): Promise<DeviceCost> {
  const single = await fastestRun(model, 1, clock);
  const { maxBatch } = model;
  const full = maxBatch === 1 ? single : await fastestRun(model, maxBatch, clock);
  const perSampleMs =
    maxBatch === 1 ? single.ms : Math.max((full.ms - single.ms) / (maxBatch - 1), LEAST_PER_SAMPLE_MS);
  return {
    fixedMs: maxBatch === 1 ? 0 : Math.max(0, single.ms - perSampleMs),
    perSampleMs: Math.max(perSampleMs, LEAST_PER_SAMPLE_MS),
    concurrent: full.concurrent,
  };
}

async function fastestRun(
  model: CompiledModel,
  batch: number,
  clock: Clock,
): Promise<{ readonly ms: number; readonly concurrent: boolean }> {
  const input = new Float32Array(batch * elementCount(model.inputShape));
  const output = new Float32Array(batch * elementCount(model.outputShape));
  let ms = Number.POSITIVE_INFINITY;
  let concurrent = false;
  for (let repeat = 0; repeat <= REPEATS; repeat++) {
    const startMs = clock.nowMs();
    const pending = model.run(input, output, batch);
    if (pending) {
      await pending;
      concurrent = true;
    }
    if (repeat > 0) ms = Math.min(ms, clock.nowMs() - startMs);
  }
  return { ms, concurrent };
}
