import {
  type BenchmarkRecord,
  compareInterleaved,
  compareWithHistory,
  formatTable,
  measureLatency,
  type Subject,
} from '@qedge/bench';
import { appendHistory, describeMachine, readHistory } from '@qedge/bench/node';
import { type CompiledModel, type Precision, Random, UnsupportedError } from '@qedge/core';
import { createCpuDevice, loadTensorflow } from '@qedge/kernels/node';
import { createTfjsDevice } from '@qedge/kernels/tfjs';
import type { Command } from 'commander';
import { attachHandler, type CommandResult, defineCommand, integerOption } from '../command.ts';
import { openModel } from '../model-input.ts';
import { version } from '../version.ts';
import { benchCompilerCommand } from './bench-compiler.ts';
import { benchInferCommand } from './bench-infer.ts';
import { benchKernelsCommand } from './bench-kernels.ts';
import { benchQuantumCommand } from './bench-quantum.ts';
import { benchRooflineCommand } from './bench-roofline.ts';

interface BenchOptions {
  readonly batch: number;
  readonly repeats: number;
  readonly seed: number;
  readonly history?: string;
}

export function benchCommand(): Command {
  const command = defineCommand(
    'bench',
    'time a model file against tfjs, interleaved in one run',
    'Runs the model at every precision that the file supports and on tfjs, in rounds of random order, and prints time ratios with their confidence intervals. With --history the result is kept and compared with earlier ones; a regression gives exit code 1.',
  )
    .addCommand(benchCompilerCommand())
    .addCommand(benchKernelsCommand())
    .addCommand(benchInferCommand())
    .addCommand(benchQuantumCommand())
    .addCommand(benchRooflineCommand())
    .argument('<model>', '.qez file')
    .option('--batch <n>', 'samples per call', integerOption(1, 4096), 1)
    .option('--repeats <n>', 'rounds', integerOption(6, 1000), 30)
    .option('--seed <integer>', 'decides inputs and order', integerOption(0), 0)
    .option('--history <file>', 'JSON lines file of earlier runs');
  return attachHandler<[string, BenchOptions]>(
    command,
    async (context, path, options): Promise<CommandResult> => {
      using file = await openModel(path);
      using device = await createCpuDevice();
      const { tf } = await loadTensorflow();
      using peerDevice = await createTfjsDevice(tf);
      const compile = { maxBatch: options.batch, signal: context.signal };
      const models: CompiledModel[] = [
        await peerDevice.compile(file.graph, file.weights, { ...compile, precision: 'float32' }),
      ];
      try {
        for (const precision of device.precisions)
          models.push(...(await compileIfSupported(device, file, { ...compile, precision })));
        const subjects = models.map((model, index) =>
          makeSubject(model, index === 0 ? model.device : 'qedge', options),
        );
        const comparison = await compareInterleaved(subjects, {
          repeats: options.repeats,
          seed: options.seed,
          signal: context.signal,
          onProgress: context.onProgress,
        });
        const rows = [];
        for (const [index, subject] of subjects.entries()) {
          const { summary, throughputPerSecond } = await measureLatency(subject, {
            durationMs: 500,
            signal: context.signal,
          });
          const { ratio, verdict } = comparison.subjects[index]!;
          rows.push({
            name: subject.name,
            latencyMs: summary,
            samplesPerSecond: throughputPerSecond * options.batch,
            timeRatio: ratio,
            verdict,
          });
        }
        const changes = options.history ? await keepHistory(options.history, path, options.batch, rows) : [];
        const json = { model: path, batch: options.batch, peer: subjects[0]!.name, subjects: rows, changes };
        const regressed = changes.filter((change) => change.verdict === 'regressed');
        return {
          json,
          text: describe(
            rows,
            changes.map((change) => change.explanation),
          ),
          failed: regressed.length > 0,
        };
      } finally {
        for (const model of models) model.dispose();
      }
    },
  );
}

async function compileIfSupported(
  device: Awaited<ReturnType<typeof createCpuDevice>>,
  file: Awaited<ReturnType<typeof openModel>>,
  options: { precision: Precision; maxBatch: number; signal: AbortSignal },
): Promise<CompiledModel[]> {
  try {
    return [await device.compile(file.graph, file.weights, options)];
  } catch (error) {
    if (error instanceof UnsupportedError) return [];
    throw error;
  }
}

function makeSubject(model: CompiledModel, who: string, options: BenchOptions): Subject {
  const random = new Random(options.seed);
  const size = options.batch * model.inputShape.reduce((a, b) => a * b, 1);
  const input = Float32Array.from({ length: size }, () => random.uniform());
  const output = new Float32Array(options.batch * model.outputShape.reduce((a, b) => a * b, 1));
  return { name: `${who} ${model.precision}`, run: () => model.run(input, output, options.batch) };
}

type Row = {
  name: string;
  latencyMs: { p50: number; p95: number; p99: number };
  samplesPerSecond: number;
  timeRatio: { estimate: number; low: number; high: number };
  verdict: string;
};

async function keepHistory(path: string, model: string, batch: number, rows: readonly Row[]) {
  const record: BenchmarkRecord = {
    format: 'qedge-benchmark-record',
    version: 1,
    name: `qedge bench ${model} batch ${batch}`,
    timestampMs: Date.now(),
    machine: describeMachine(),
    versions: { qedge: version },
    metrics: rows.map((row) => ({
      name: `${row.name.replaceAll(' ', '-')}.p50`,
      unit: 'ms',
      value: row.latencyMs.p50,
      better: 'lower',
    })),
  };
  const { records } = await readHistory(path);
  const changes = compareWithHistory(record, records);
  await appendHistory(path, record);
  return changes;
}

function describe(rows: readonly Row[], explanations: readonly string[]): string {
  const table = formatTable(
    rows.map((row, index) => ({
      subject: row.name,
      'p50 µs': (row.latencyMs.p50 * 1000).toFixed(1),
      'p95 µs': (row.latencyMs.p95 * 1000).toFixed(1),
      'p99 µs': (row.latencyMs.p99 * 1000).toFixed(1),
      'samples/s': Math.round(row.samplesPerSecond),
      'times as fast':
        index === 0
          ? 'peer'
          : `${(1 / row.timeRatio.estimate).toFixed(2)} (${(1 / row.timeRatio.high).toFixed(2)} to ${(1 / row.timeRatio.low).toFixed(2)})`,
    })),
  );
  return [table, ...explanations].join('\n');
}
