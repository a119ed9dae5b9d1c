import {
  type CompiledModel,
  type Device,
  InvalidArgumentError,
  type ModelGraph,
  type Precision,
  summarize,
  systemClock,
  throwIfCancelled,
  type WeightSource,
  wilsonInterval,
} from '@qedge/core';
import { createCpuDevice, loadOnnxRuntime, loadTensorflow } from '@qedge/kernels/node';
import { createOrtDevice } from '@qedge/kernels/ort';
import { createTfjsDevice } from '@qedge/kernels/tfjs';
import { EnergyMeter } from '@qedge/power';
import { openPowerSource, processCpuTime } from '@qedge/power/node';
import { energyText, percent } from '@qedge-apps/cpu';
import type { CommandContext, CommandResult } from '../command.ts';
import { readData } from '../data-input.ts';
import type { ModelInput } from '../model-input.ts';

/** Devices that classify. */
export const DEVICE_NAMES = ['cpu', 'tfjs', 'onnxruntime'] as const;

/** What {@link classify} is asked for. */
export interface ClassifyOptions {
  /** `digits`, or a JSON file with features. */
  readonly input: string;
  readonly precision: Precision | 'auto';
  readonly device: (typeof DEVICE_NAMES)[number];
  readonly threads: number;
  readonly batch: number;
  readonly limit?: number;
}

/** Runs a classifier in a `.qez` file over labelled or unlabelled samples: predictions, accuracy, latency, energy. */
export async function classify(
  context: CommandContext,
  input: ModelInput,
  options: ClassifyOptions,
): Promise<CommandResult> {
  const { precision, reason } = choosePrecision(options.precision, input.graph, input.weights);
  const { test, labelled } = await readData(options.input, input.graph.inputShape, context.signal);
  const made = await makeDevice(options.device, options.threads);
  using device = made.device;
  const { target } = made;
  const startMs = systemClock.nowMs();
  using model = await device.compile(input.graph, input.weights, {
    precision,
    maxBatch: options.batch,
    signal: context.signal,
  });
  const planMs = systemClock.nowMs() - startMs;
  const count = Math.min(options.limit ?? test.count, test.count);
  const opened = await openPowerSource();
  using source = opened.source;
  const meter = new EnergyMeter({ source, cpuTime: processCpuTime() });
  const metered = await meter.measure(() =>
    runAll(model, test.features, count, options.batch, context.signal),
  );
  const { predictions, latenciesMs } = metered.result;
  const correct = labelled
    ? predictions.reduce((sum, label, i) => sum + (label === test.labels[i] ? 1 : 0), 0)
    : null;
  const energy = metered.energy ? { ...metered.energy, joules: metered.energy.joules / count } : null;
  const latency = summarize(latenciesMs);
  const json = {
    model: input.path,
    device: device.name,
    target,
    precision,
    reason,
    loading: input.file?.loading ?? null,
    fallbacks: [...(input.file?.fallbacks ?? []), ...device.fallbacks],
    samples: count,
    accuracy: correct === null ? null : wilsonInterval(correct, count),
    batch: options.batch,
    timings: { load: input.loadMs, plan: planMs, firstRun: latenciesMs[0] ?? null, run: latency.p50 },
    memory: {
      mapped: input.file?.loading === 'mapped' ? input.file.fileByteLength : 0,
      resident: process.memoryUsage.rss(),
      ...model.memory,
    },
    latencyMsPerBatch: latency,
    energyPerSample: energy,
    outputs: { predictions },
  };
  return { json, text: describe(json, predictions) };
}

/** What the user names, or the narrowest that the file was made for. */
function choosePrecision(
  asked: Precision | 'auto',
  graph: ModelGraph,
  weights: WeightSource,
): { readonly precision: Precision; readonly reason: string } {
  if (asked !== 'auto') return { precision: asked, reason: 'asked for' };
  const precision = narrowestPrecision(graph, weights);
  const reason =
    precision === 'float32'
      ? 'the file has float32 weights, or no ranges of activations'
      : 'the narrowest that the codes and ranges in the file were made for';
  return { precision, reason };
}

/** What the codes in the file were made for; float32 when there are none or when activation ranges are missing. */
function narrowestPrecision(graph: ModelGraph, weights: WeightSource): Precision {
  const bits = graph.layers.map((layer) =>
    layer.kind === 'dense' && layer.inputQuantization
      ? weights.spec(layer.kernel).quantization?.bits
      : layer.kind === 'dense'
        ? undefined
        : 4,
  );
  if (bits.some((value) => value === undefined)) return 'float32';
  return Math.max(...(bits as number[])) <= 4 ? 'int4' : 'int8';
}

/** The device, and what executes on it: an instruction set, or the library's backend. */
async function makeDevice(
  name: ClassifyOptions['device'],
  threads: number,
): Promise<{ readonly device: Device; readonly target: string }> {
  if (name === 'cpu') {
    const device = await createCpuDevice({ threads });
    return { device, target: device.isa };
  }
  if (name === 'onnxruntime') {
    const { ort, library } = await loadOnnxRuntime();
    return { device: await createOrtDevice(ort), target: library };
  }
  const { tf } = await loadTensorflow();
  return { device: await createTfjsDevice(tf), target: tf.getBackend() };
}

async function runAll(
  model: CompiledModel,
  features: Float32Array,
  count: number,
  batchSize: number,
  signal: AbortSignal,
) {
  const inputSize = model.inputShape.reduce((a, b) => a * b, 1);
  const classes = model.outputShape.reduce((a, b) => a * b, 1);
  if (classes < 1) throw new InvalidArgumentError('The model has no outputs');
  const predictions: number[] = [];
  const latenciesMs: number[] = [];
  for (let start = 0; start < count; start += batchSize) {
    throwIfCancelled(signal, 'Inference');
    const batch = Math.min(batchSize, count - start);
    const input = features.subarray(start * inputSize, (start + batch) * inputSize);
    const output = new Float32Array(batch * classes);
    const startMs = systemClock.nowMs();
    await model.run(input, output, batch);
    // A last, smaller batch would pull the figures down.
    if (batch === Math.min(batchSize, count)) latenciesMs.push(systemClock.nowMs() - startMs);
    for (let i = 0; i < batch; i++) {
      const logits = output.subarray(i * classes, (i + 1) * classes);
      predictions.push(logits.indexOf(Math.max(...logits)));
    }
  }
  return { predictions, latenciesMs };
}

type Described = {
  readonly model: string;
  readonly device: string;
  readonly precision: string;
  readonly loading: string | null;
  readonly fallbacks: readonly { readonly from: string; readonly to: string; readonly why: string }[];
  readonly samples: number;
  readonly accuracy: { readonly estimate: number; readonly low: number; readonly high: number } | null;
  readonly batch: number;
  readonly latencyMsPerBatch: { readonly p50: number; readonly p99: number };
  readonly energyPerSample: Parameters<typeof energyText>[0] | null;
};

function describe(result: Described, predictions: readonly number[]): string {
  const { accuracy, latencyMsPerBatch: latency } = result;
  return [
    `${result.model} at ${result.precision} on ${result.device}${result.loading ? `, file ${result.loading}` : ''}`,
    ...result.fallbacks.map(
      (fallback) => `note: ${fallback.to} instead of ${fallback.from}: ${fallback.why}`,
    ),
    accuracy
      ? `accuracy ${percent(accuracy.estimate)} on ${result.samples} samples (95 % interval ${percent(accuracy.low)} to ${percent(accuracy.high)})`
      : `predictions: ${predictions.slice(0, 20).join(' ')}${predictions.length > 20 ? ' ... (--json has all)' : ''}`,
    `latency per batch of ${result.batch}: p50 ${latency.p50.toFixed(3)} ms, p99 ${latency.p99.toFixed(3)} ms`,
    result.energyPerSample ? `energy per sample ${energyText(result.energyPerSample)}` : 'energy: no source',
  ].join('\n');
}
