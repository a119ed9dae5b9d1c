import {
  elementCount,
  summarize,
  systemClock,
  throwIfCancelled,
  UnsupportedError,
  wilsonInterval,
} from '@qedge/core';
import type { InputValues, OptimizedInferenceEngine } from '@qedge/kernels';
import { loadModel, openModelSource } from '@qedge/kernels/node';
import { percent } from '@qedge-apps/cpu';
import type { CommandContext, CommandResult } from '../command.ts';
import { readData } from '../data-input.ts';
import type { ClassifyOptions } from './classify.ts';

/**
 * Runs a classifier that is an operator graph (`.onnx`, or a `.qez` of more than dense layers) over samples: predictions, accuracy, latency. The
 * largest number of its output is the class.
 *
 * @throws UnsupportedError for a model of several inputs or outputs, or whose samples leave a size open; what reading and running throw.
 */
export async function classifyGraph(
  context: CommandContext,
  path: string,
  options: Omit<ClassifyOptions, 'device'>,
): Promise<CommandResult> {
  const startMs = systemClock.nowMs();
  const source = await openModelSource(path, {});
  const [input] = source.inputs;
  const [batch, ...sample] = input?.shape ?? [];
  if (source.inputs.length !== 1 || !input || input.dtype !== 'float32' || sample.includes(null)) {
    source.dispose();
    throw new UnsupportedError(`${path} does not classify samples`, {
      expected: 'one float32 input, every size but the batch given',
      actual: source.inputs.map(({ name, dtype, shape }) => `${name} ${dtype} [${shape.join(', ')}]`),
      remedy: 'Run it on tensors: --input random, a .safetensors file, or JSON {"inputs": {...}}.',
    });
  }
  const loadMs = systemClock.nowMs() - startMs;
  const shape = [batch ?? options.batch, ...(sample as number[])];
  const precision = options.precision === 'auto' ? 'float32' : options.precision;
  using engine = await loadModel(source, {
    inputShapes: { [input.name]: shape },
    precision,
    threads: options.threads,
  });
  const { test, labelled } = await readData(options.input, sample as number[], context.signal);
  const count = Math.min(options.limit ?? test.count, test.count);
  const { predictions, latenciesMs } = runAll(
    engine,
    input.name,
    shape,
    test.features,
    count,
    context.signal,
  );
  const correct = predictions.filter((label, i) => label === test.labels[i]).length;
  const { isa, threads, fallbacks } = engine.report();
  const latency = summarize(latenciesMs);
  const json = {
    model: path,
    device: `cpu, ${threads} ${threads === 1 ? 'thread' : 'threads'}`,
    target: isa,
    precision,
    reason:
      options.precision === 'auto' ? 'operator graphs run in float32 unless asked otherwise' : 'asked for',
    fallbacks,
    samples: count,
    accuracy: labelled ? wilsonInterval(correct, count) : null,
    batch: shape[0]!,
    timings: { load: loadMs, firstRun: latenciesMs[0] ?? null, run: latency.p50 },
    latencyMsPerBatch: latency,
    outputs: { predictions },
  };
  return { json, text: describe(json) };
}

function runAll(
  engine: OptimizedInferenceEngine,
  name: string,
  shape: readonly number[],
  features: Float32Array,
  count: number,
  signal: AbortSignal,
) {
  const [batch] = shape as [number];
  const size = elementCount(shape) / batch;
  const predictions: number[] = [];
  const latenciesMs: number[] = [];
  for (let start = 0; start < count; start += batch) {
    throwIfCancelled(signal, 'Inference');
    const rows = Math.min(batch, count - start);
    // A batch of fixed size is filled up with zeros.
    const data = new Float32Array(batch * size);
    data.set(features.subarray(start * size, (start + rows) * size));
    const values: InputValues = { [name]: data };
    const startMs = systemClock.nowMs();
    const outputs = Object.values(engine.run(values));
    latenciesMs.push(systemClock.nowMs() - startMs);
    if (outputs.length !== 1) {
      throw new UnsupportedError('The model does not classify samples', {
        expected: 'one output',
        actual: outputs.length,
      });
    }
    const logits = outputs[0]!.data;
    const classes = logits.length / batch;
    for (let row = 0; row < rows; row++) {
      const own = Array.from(logits.slice(row * classes, (row + 1) * classes));
      predictions.push(own.indexOf(Math.max(...own)));
    }
  }
  return { predictions, latenciesMs };
}

interface Described {
  readonly model: string;
  readonly precision: string;
  readonly device: string;
  readonly samples: number;
  readonly accuracy: { readonly estimate: number; readonly low: number; readonly high: number } | null;
  readonly batch: number;
  readonly latencyMsPerBatch: { readonly p50: number; readonly p99: number };
  readonly outputs: { readonly predictions: readonly number[] };
}

function describe(result: Described): string {
  const { accuracy, latencyMsPerBatch: latency, outputs } = result;
  return [
    `${result.model} at ${result.precision} on ${result.device}`,
    accuracy
      ? `accuracy ${percent(accuracy.estimate)} on ${result.samples} samples (95 % interval ${percent(accuracy.low)} to ${percent(accuracy.high)})`
      : `predictions: ${outputs.predictions.slice(0, 20).join(' ')}${outputs.predictions.length > 20 ? ' ... (--json has all)' : ''}`,
    `latency per batch of ${result.batch}: p50 ${latency.p50.toFixed(3)} ms, p99 ${latency.p99.toFixed(3)} ms`,
  ].join('\n');
}
