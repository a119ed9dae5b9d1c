import { resolve } from 'node:path';
import { formatTable } from '@qedge/bench';
import { describeMachine } from '@qedge/bench/node';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { attachHandler, type CommandResult, defineCommand, integerOption, listOption } from '../command.ts';
import { PRECISIONS, type Precision, QUANTUM_GROUPS, type QuantumGroup } from '../quantum-benchmark/cases.ts';
import { NativePeers } from '../quantum-benchmark/peers.ts';
import type { QuantumResult } from '../quantum-benchmark/quantum-result.ts';
import { type QuantumReport, runQuantumBenchmark } from '../quantum-benchmark/run-quantum-benchmark.ts';

interface QuantumBenchOptions {
  readonly groups: readonly QuantumGroup[];
  readonly circuits: string;
  readonly qubits?: readonly number[];
  readonly precisions: readonly Precision[];
  readonly threads: readonly ('1' | '2')[];
  readonly python: string;
  readonly peersFrom: string;
  readonly qsim?: 'avx512' | 'avx2';
  readonly rounds: number;
  readonly seed: number;
}

/** `qedge bench quantum`: circuits against native simulators. */
export function benchQuantumCommand(): Command {
  const command = defineCommand(
    'quantum',
    'time quantum circuits against native simulators, taking turns',
    'Runs whole circuits, single gates, gradients, batches and samples on the state-vector simulator and on qsim, Qulacs, Qiskit Aer and PennyLane Lightning, which run in Python processes that sleep while they wait, and prints how many times as fast ours is (best round against best round, with an interval), beside the goal. Amplitudes and gradients are compared too. Simulators that are not installed are named, and ours is timed all the same. A roofline says which share of the peak of fused multiply-adds and of the bandwidth of a streaming pass each circuit reaches. QEDGE_ISA=avx2 measures another way of execution (with --qsim avx2). A goal that is missed gives no exit code: it is part of the answer.',
  )
    .option(
      '--groups <names>',
      `any of ${QUANTUM_GROUPS.join(', ')}`,
      listOption(QUANTUM_GROUPS),
      QUANTUM_GROUPS,
    )
    .option('--circuits <text>', 'only circuits whose names contain this', '')
    .option('--qubits <numbers>', "sizes, instead of each circuit's own", sizesOption)
    .option('--precisions <names>', `any of ${PRECISIONS.join(', ')}`, listOption(PRECISIONS), PRECISIONS)
    .option('--threads <numbers>', '1, 2 or both', listOption(['1', '2'] as const), ['1', '2'] as const)
    .option('--python <path>', 'interpreter that has the native simulators', 'python3')
    .option('--peers-from <folder>', 'folder with serve.py and requirements.txt', 'tooling/peers/quantum')
    .addOption(
      new Option('--qsim <variant>', 'instruction set that qsim must take (default: its choice)').choices([
        'avx512',
        'avx2',
      ]),
    )
    .option('--rounds <n>', 'rounds per case', integerOption(2, 1000), 5)
    .option('--seed <integer>', 'decides angles, pairs and samples', integerOption(0), 0)
    .addHelpText(
      'after',
      `
The native simulators, once:
  $ python3 -m venv peers && peers/bin/pip install -r tooling/peers/quantum/requirements.txt
Examples:
  $ qedge bench quantum --python peers/bin/python
  $ qedge bench quantum --python peers/bin/python --circuits fourier --qubits 24 --threads 2`,
    );
  return attachHandler<[QuantumBenchOptions]>(command, async (context, options): Promise<CommandResult> => {
    using peers = new NativePeers(options.python, resolve(options.peersFrom, 'serve.py'));
    const report = await runQuantumBenchmark({
      groups: options.groups,
      families: options.circuits.toLowerCase(),
      qubits: options.qubits ?? null,
      precisions: options.precisions,
      threads: options.threads.map(Number),
      rounds: options.rounds,
      seed: options.seed,
      peers,
      command: process.argv[1]!,
      qsimVariant: options.qsim ?? null,
      signal: context.signal,
      onProgress: context.onProgress,
    });
    const compares =
      'ratio = best time of the peer over best time of ours for one run from |0...0> to the whole state; ours without planning, which is counted apart';
    const missing = Object.fromEntries(peers.missing);
    return {
      json: { compares, machine: describeMachine(), missing, ...report },
      text: describe(report, missing),
    };
  });
}

function sizesOption(text: string): readonly number[] {
  const sizes = text.split(',').map(Number);
  if (sizes.every((size) => Number.isInteger(size) && size >= 1 && size <= 33)) return sizes;
  throw new InvalidArgumentError(`Expected integers in 1..33, separated by commas, got "${text}".`);
}

/** What only comparisons have. */
function describePeer({
  peer,
  theirsMs,
  ratio,
  interval,
  goal,
  met,
}: QuantumResult): Record<string, string | number> {
  const range = interval === null ? '' : ` (${interval.low.toFixed(2)} to ${interval.high.toFixed(2)})`;
  return {
    peer: peer ?? '',
    'peer ms': theirsMs?.toPrecision(3) ?? '',
    'times as fast': ratio === null ? '' : ratio.toFixed(2) + range,
    goal: goal ?? '',
    verdict: met === null ? '' : met ? 'met' : 'MISSED',
  };
}

function describe(report: QuantumReport, missing: Readonly<Record<string, string>>): string {
  const parts: string[] = [];
  if (report.results.length > 0) {
    const rows = report.results.map((result) => ({
      circuit: result.name,
      qubits: result.qubits,
      precision: result.precision,
      target: result.target,
      threads: result.threads,
      'ours ms': result.oursMs.toPrecision(3),
      ...(report.results.some(({ peer }) => peer !== null) ? describePeer(result) : {}),
      notes: result.notes,
    }));
    parts.push(formatTable(rows));
  }
  if (report.roofline.length > 0) {
    const rows = report.roofline.map((point) => ({
      circuit: point.name,
      qubits: point.qubits,
      precision: point.precision,
      threads: point.threads,
      'GFLOP/s': point.gigaOperations.toFixed(1),
      'of the FMA peak': `${point.shareOfPeak.toFixed(2)} of ${point.peakGigaOperations.toFixed(0)}`,
      'GB/s': point.gigabytes.toFixed(1),
      'of streaming': `${point.shareOfBandwidth.toFixed(2)} of ${point.streamingGigabytes.toFixed(0)}`,
    }));
    parts.push(formatTable(rows));
  }
  for (const sweep of report.singleGates) {
    parts.push(
      `one gate on each of ${sweep.qubits} qubits, ${sweep.precision}, ${sweep.threads} threads: mean ${sweep.meanShare.toFixed(2)}, least ${sweep.leastShare.toFixed(2)} of ${(sweep.streaming / 1e9).toFixed(0)} GB/s (goal 0.9, 0.6)`,
    );
  }
  for (const { qubits, shots, threads, milliseconds, goalMilliseconds } of report.sampling) {
    parts.push(
      `${shots} shots from ${qubits} qubits, ${threads} threads: ${milliseconds.toFixed(0)} ms (goal ${goalMilliseconds})`,
    );
  }
  for (const [name, reason] of Object.entries(missing)) parts.push(`not compared: ${name} (${reason})`);
  return parts.join('\n') || 'nothing was measured: no case fits these options';
}
