import { resolve } from 'node:path';
import { formatTable } from '@qedge/bench';
import { describeMachine } from '@qedge/bench/node';
import type { Command } from 'commander';
import { attachHandler, type CommandResult, defineCommand, integerOption, listOption } from '../command.ts';
import { BENCHMARK_CASES, CASE_GROUPS, type CaseGroup } from '../kernel-benchmark/cases.ts';
import { type OurLibrary, openOurLibrary } from '../kernel-benchmark/our-library.ts';
import { loadPeers } from '../kernel-benchmark/peers/load-peers.ts';
import { PEER_NAMES, type PeerName } from '../kernel-benchmark/peers/peer.ts';
import { type ComparisonResult, runKernelBenchmark } from '../kernel-benchmark/run-benchmark.ts';

interface KernelBenchOptions {
  readonly groups: readonly CaseGroup[];
  readonly peers: readonly PeerName[];
  readonly peersFrom?: string;
  readonly rounds: number;
  readonly blockMs: number;
  readonly seed: number;
}

/** `qedge bench kernels`: every kernel against every library that is there. */
export function benchKernelsCommand(): Command {
  const command = defineCommand(
    'kernels',
    'time the generated kernels against other libraries, interleaved in one process',
    'Runs matrix products, perceptrons, int8, int4 and convolutions on random data, in rounds of random order, and prints how many times as fast ours is (best round against best round, with an interval), beside the goal. Libraries that are not installed are named with the command that installs them. QEDGE_ISA=avx2 measures another way of execution. A goal that is missed gives no exit code: it is part of the answer.',
  )
    .option('--groups <names>', `any of ${CASE_GROUPS.join(', ')}`, listOption(CASE_GROUPS), CASE_GROUPS)
    .option('--peers <names>', `any of ${PEER_NAMES.join(', ')}`, listOption(PEER_NAMES), PEER_NAMES)
    .option('--peers-from <folder>', 'where the libraries are installed (default: the current folder)')
    .option('--rounds <n>', 'rounds per case', integerOption(6, 1000), 15)
    .option('--block-ms <n>', 'milliseconds per library and round', integerOption(1, 10_000), 10)
    .option('--seed <integer>', 'decides data and order', integerOption(0), 0);
  return attachHandler<[KernelBenchOptions]>(command, async (context, options): Promise<CommandResult> => {
    const found = await loadPeers(options.peers, [
      resolve(options.peersFrom ?? '.'),
      // What this command itself depends on.
      import.meta.dirname,
    ]);
    const peers = found.flatMap((result) => ('peer' in result ? [result.peer] : []));
    const missing = found.flatMap((result) => ('peer' in result ? [] : [result]));
    const libraries = new Map<string, OurLibrary>();
    const library = async (engine: 'best' | 'wasm', threads: number) => {
      const key = `${engine} ${threads}`;
      const opened = libraries.get(key) ?? (await openOurLibrary(engine, threads));
      libraries.set(key, opened);
      return opened;
    };
    try {
      const results = await runKernelBenchmark({
        cases: BENCHMARK_CASES.filter(({ group }) => options.groups.includes(group)),
        peers,
        library,
        rounds: options.rounds,
        blockMs: options.blockMs,
        seed: options.seed,
        signal: context.signal,
        onProgress: context.onProgress,
      });
      const compares =
        'ratio = best time of the peer over best time of ours, per call, in one process; times in microseconds; data random, weights constant';
      return {
        json: { compares, machine: describeMachine(), missing, results },
        text: describe(results, missing),
      };
    } finally {
      for (const each of libraries.values()) each.dispose();
    }
  });
}

function describe(
  results: readonly ComparisonResult[],
  missing: readonly { readonly name: string; readonly reason: string; readonly remedy: string }[],
): string {
  const table = formatTable(
    results.map((result) => ({
      work: result.name,
      target: result.target,
      threads: result.threads,
      'ours µs': result.oursMicroseconds?.toPrecision(3) ?? '',
      'Gop/s': result.oursGigaOperations?.toPrecision(3) ?? '',
      peer: result.peer,
      'times as fast': `${result.ratio.toFixed(2)} (${result.interval.low.toFixed(2)} to ${result.interval.high.toFixed(2)})`,
      goal: result.goal ?? '',
      verdict: result.met === null ? '' : result.met ? 'met' : 'MISSED',
    })),
  );
  const absent = missing.map(({ name, reason, remedy }) => `not compared: ${name} (${reason}); ${remedy}`);
  return [table, ...absent].join('\n');
}
