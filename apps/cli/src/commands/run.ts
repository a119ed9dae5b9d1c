import { join } from 'node:path';
import { energyText, kilobytes, percent, type Report, runMainJob } from '@qedge-apps/cpu';
import type { Command } from 'commander';
import { attachHandler, type CommandResult, defineCommand, integerOption } from '../command.ts';
import { version } from '../version.ts';

interface RunOptions {
  readonly output: string;
  readonly quick?: boolean;
  readonly seed: number;
  readonly serve?: boolean;
}

export function runCommand(): Command {
  const command = defineCommand(
    'run',
    'the whole job: train, compress, run, watch and report',
    'Trains a network on real handwritten digits, makes it small, runs it frugally on this device, solves a small quantum problem, watches itself doing so, and writes a report (HTML, JSON, Markdown). A second run compares itself with the first. Files appear only when everything has succeeded.',
  )
    .option('-o, --output <folder>', 'where the report goes', 'report')
    .option('--quick', 'fewer epochs: at most half a minute, lower accuracy')
    .option('--seed <integer>', 'decides every random choice', integerOption(0), 0)
    .option('--serve', 'show the job live in the browser while it runs');
  return attachHandler<[RunOptions]>(command, async (context, options): Promise<CommandResult<Report>> => {
    const report = await runMainJob(
      {
        outputDirectory: options.output,
        quick: options.quick === true,
        seed: options.seed,
        serve: options.serve === true,
        signal: context.signal,
        onProgress: context.onProgress,
        onServe: (url) => context.note(`Watch it at ${url}`),
      },
      version,
    );
    return { json: report, text: summarise(report, options.output) };
  });
}

function historyLines({ bench }: Report): string[] {
  const { previousRuns, changes } = bench.comparison;
  if (previousRuns === 0) return [];
  const notable = changes.filter((change) => change.verdict === 'regressed' || change.verdict === 'improved');
  if (notable.length === 0) return [`History    no change against ${previousRuns} earlier`];
  return notable.map((change) => `History    ${change.verdict}: ${change.explanation}`);
}

function summarise(report: Report, folder: string): string {
  const { model, quantum, bench, power, memory } = report;
  const worst = Math.max(...quantum.points.map((point) => Math.abs(point.errorHartree)));
  const single = bench.subjects.filter((subject) => subject.batch === 1);
  return [
    `Model      ${kilobytes(model.bytesFloat32)} -> ${kilobytes(model.bytesCompressed)}, ${model.compressionRatio.toFixed(1)}x smaller; float32 ${percent(model.accuracyFloat32)}, dense control ${percent(model.accuracyDenseControl)}, int4 ${percent(model.accuracyCompressed)}`,
    `Memory     file ${memory.loading} in ${memory.openMs.toFixed(2)} ms; ${memory.steadyState.inferences} inferences grew the heap by ${memory.steadyState.heapGrowthBytes} bytes`,
    ...single.map(
      (subject) =>
        `Latency    ${subject.name.padEnd(24)} p50 ${(subject.summary.p50 * 1000).toFixed(1).padStart(7)} µs, p99 ${(subject.summary.p99 * 1000).toFixed(1).padStart(7)} µs${subject.speedup ? `, ${subject.speedup.ratio.toFixed(1)}x ${bench.peer}` : ''}`,
    ),
    ...power.strategies.map(
      (strategy) =>
        `Power      ${strategy.name.padEnd(24)} ${percent(strategy.accuracy)}, ${energyText(strategy.energy)}`,
    ),
    `Quantum    ${quantum.molecule}: ${quantum.points.length} bond lengths, worst error ${worst.toExponential(1)} hartree; ${quantum.compiled.after.twoQubitGates} two-qubit gates on ${quantum.compiled.target}`,
    `Monitor    ${report.monitor.anomalies.length === 0 ? 'no anomalies' : report.monitor.anomalies.map((a) => a.explanation).join('; ')}`,
    ...historyLines(report),
    `Report     ${join(folder, 'index.html')} (${report.durationSeconds.toFixed(0)} s${report.quick ? '; a quick run: less training, lower accuracy' : ''})`,
  ].join('\n');
}
