import {
  type CompiledModel,
  type Device,
  elementCount,
  type ModelGraph,
  quantileOfSorted,
  Random,
  systemClock,
  throwIfCancelled,
  type WeightSource,
} from '@qedge/core';
import { runReference } from '@qedge/kernels/testing';
import { AGREEMENT_TOLERANCE, type BatchReport, type DeviceReport } from './gpu-report.ts';

const WARM_UP_RUNS = 3;

/** Inputs of one batch size with the outputs that every device must reproduce. */
export interface CheckedBatch {
  readonly batch: number;
  readonly input: Float32Array;
  readonly expected: Float32Array;
}

/** Seeded normal inputs, and what the reference makes of them. @throws as the reference does for a broken model. */
export function checkedBatches(
  graph: ModelGraph,
  weights: WeightSource,
  batches: readonly number[],
  seed: number,
): CheckedBatch[] {
  return batches.map((batch) => {
    const random = new Random(seed).fork(`batch ${batch}`);
    const input = new Float32Array(batch * elementCount(graph.inputShape)).map(() => random.normal());
    return { batch, input, expected: runReference(graph, weights, input, batch, 'float32') };
  });
}

/** Compiles the model on a device, checks every batch against the reference and times it. Does not dispose the device. */
export async function measureDevice(
  device: Device,
  graph: ModelGraph,
  weights: WeightSource,
  batches: readonly CheckedBatch[],
  options: { readonly repeats: number; readonly signal?: AbortSignal },
): Promise<DeviceReport> {
  const { repeats, signal } = options;
  const maxBatch = Math.max(...batches.map(({ batch }) => batch));
  const startMs = systemClock.nowMs();
  const cancellation = signal ? { signal } : {};
  using model = await device.compile(graph, weights, { precision: 'float32', maxBatch, ...cancellation });
  const compileMs = systemClock.nowMs() - startMs;
  const reports: BatchReport[] = [];
  for (const checked of batches) reports.push(await measureBatch(model, checked, repeats, signal));
  const { kind, name, fallbacks } = device;
  return { kind, name, fallbacks, compileMs, ...model.memory, batches: reports };
}

async function measureBatch(
  model: CompiledModel,
  { batch, input, expected }: CheckedBatch,
  repeats: number,
  signal: AbortSignal | undefined,
): Promise<BatchReport> {
  const output = new Float32Array(expected.length);
  const latenciesMs = new Float64Array(repeats);
  for (let run = -WARM_UP_RUNS; run < repeats; run++) {
    throwIfCancelled(signal, 'Measuring a device');
    const startMs = systemClock.nowMs();
    await model.run(input, output, batch);
    if (run >= 0) latenciesMs[run] = systemClock.nowMs() - startMs;
  }
  latenciesMs.sort();
  const latencyMsMedian = quantileOfSorted(latenciesMs, 0.5);
  const error = relativeError(output, expected);
  return {
    batch,
    repeats,
    latencyMsBest: latenciesMs[0]!,
    latencyMsMedian,
    samplesPerSecond: (1000 * batch) / latencyMsMedian,
    relativeError: error,
    agrees: error <= AGREEMENT_TOLERANCE,
  };
}

function relativeError(actual: Float32Array, expected: Float32Array): number {
  let [greatest, magnitude] = [0, 1];
  for (let i = 0; i < expected.length; i++) {
    magnitude = Math.max(magnitude, Math.abs(expected[i]!));
    const difference = Math.abs(actual[i]! - expected[i]!);
    // Not `>`: a NaN must not pass for small.
    if (!(difference <= greatest))
      greatest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return greatest / magnitude;
}
