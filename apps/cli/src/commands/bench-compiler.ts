import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { formatTable } from '@qedge/bench';
import { describeMachine } from '@qedge/bench/node';
import type { OptimizationLevel } from '@qedge/quantum';
import type { Command } from 'commander';
import { attachHandler, type CommandResult, defineCommand, integerOption, listOption } from '../command.ts';
import { makeCircuits, readCircuitFolder } from '../compiler-benchmark/circuits.ts';
import { type CompilerResult, meanOf } from '../compiler-benchmark/compiler-result.ts';
import { MAP_NAMES } from '../compiler-benchmark/maps.ts';
import { drawScaling } from '../compiler-benchmark/measure-scaling.ts';
import { ReferenceCounts } from '../compiler-benchmark/reference-counts.ts';
import { type CompilerReport, runCompilerBenchmark } from '../compiler-benchmark/run-compiler-benchmark.ts';

interface CompilerBenchOptions {
  readonly maps: readonly string[];
  readonly level: readonly ('0' | '1' | '2' | '3')[];
  readonly seeds: number;
  readonly circuits?: string;
  readonly only: string;
  readonly made: boolean;
  readonly timeBudget?: number;
  readonly verifyQubits: number;
  readonly python?: string;
  readonly peersFrom: string;
  readonly scaling?: boolean;
}

/** `qedge bench compiler`: compiled circuits against Qiskit and tket. */
export function benchCompilerCommand(): Command {
  const command = defineCommand(
    'compiler',
    'count gates and time of compiled circuits beside Qiskit and tket',
    'Compiles OpenQASM 2 programs of a folder, and circuits that it makes itself, for several maps with the basis rz, sx, x, cx, verifies every result, and prints two-qubit gates, depth and time beside those of Qiskit and tket: run now with --python, else the stored counts (reference-*.json) of the folder where there are some. Ratios are ours over theirs, as geometric means: below 1 is fewer. A result that is not equivalent gives exit code 1; losses are part of the answer.',
  )
    .option('--maps <names>', `any of ${MAP_NAMES.join(', ')}`, listOption(MAP_NAMES), [
      'tokyo20',
      'heavyhex27_falcon',
    ])
    .option('--level <numbers>', 'any of 0, 1, 2, 3', listOption(['0', '1', '2', '3'] as const), [
      '3',
    ] as const)
    .option('--seeds <n>', 'how many seeds, from 0', integerOption(1, 100), 3)
    .option('--circuits <folder>', 'OpenQASM 2 programs (default: data/qasm below QEDGE_SHARED)')
    .option('--only <text>', 'only circuits whose names contain this', '')
    .option('--no-made', 'leave out the circuits that are made here')
    .option('--time-budget <ms>', 'of each compilation', integerOption(1))
    .option(
      '--verify-qubits <n>',
      'most qubits of states to verify by; above, other methods',
      integerOption(1, 24),
      20,
    )
    .option('--python <path>', 'interpreter that has Qiskit and tket')
    .option('--peers-from <folder>', 'folder with serve.py and requirements.txt', 'tooling/peers/compiler')
    .option('--scaling', 'also 1,250 to 20,000 gates on 127 qubits at level 1')
    .addHelpText(
      'after',
      `
The native compilers, once:
  $ python3 -m venv compilers && compilers/bin/pip install -r tooling/peers/compiler/requirements.txt
Examples:
  $ qedge bench compiler --python compilers/bin/python --level 2,3
  $ qedge bench compiler --circuits programs --maps grid5x5 --only adder --no-made`,
    );
  return attachHandler<[CompilerBenchOptions]>(command, async (context, options): Promise<CommandResult> => {
    const shared = process.env.QEDGE_SHARED;
    const folder = options.circuits ?? (shared === undefined ? null : resolve(shared, 'data/qasm'));
    const read = folder === null ? [] : await readCircuitFolder(folder);
    const circuits = [...read, ...(options.made ? makeCircuits(1) : [])];
    const report = await runCompilerBenchmark({
      circuits: circuits.filter(({ name }) => name.includes(options.only)),
      maps: options.maps,
      levels: options.level.map((level) => Number(level) as OptimizationLevel),
      seeds: options.seeds,
      timeBudgetMs: options.timeBudget ?? null,
      verifiedQubits: options.verifyQubits,
      python: options.python ?? null,
      script: resolve(options.peersFrom, 'serve.py'),
      references: await ReferenceCounts.read(folder !== null && existsSync(folder) ? folder : '.'),
      scaling: options.scaling === true,
      signal: context.signal,
      onProgress: context.onProgress,
    });
    const failed = report.results.some(({ seeds }) => seeds.some(({ verified }) => verified === false));
    const compares =
      'ratios are ours over theirs; CPU over circuits on which the peer spends more than 50 ms';
    return { json: { compares, machine: describeMachine(), ...report }, text: describe(report), failed };
  });
}

function describe({ results, summaries, scaling, missing }: CompilerReport): string {
  const parts: string[] = [];
  if (results.length > 0) parts.push(formatTable(results.map(row)));
  const ratio = (value: number | null) => value?.toFixed(3) ?? '';
  if (summaries.length > 0) {
    parts.push(
      formatTable(
        summaries.map((summary) => ({
          map: summary.map,
          level: summary.level,
          peer: summary.peer,
          circuits: summary.circuits,
          gates: ratio(summary.twoQubitGates),
          'two-qubit depth': ratio(summary.twoQubitDepth),
          CPU: ratio(summary.cpu),
          wall: ratio(summary.wall),
          'worst seed': ratio(summary.worstSeed),
          losses: summary.losses.length,
        })),
      ),
    );
  }
  for (const { map, level, peer, losses } of summaries) {
    if (losses.length === 0) continue;
    const list = losses.map(({ circuit, ratio: loss }) => `${circuit} ${loss.toFixed(3)}`).join(', ');
    parts.push(`more gates than ${peer} on ${map}, level ${level}: ${list}`);
  }
  if (scaling.length > 0) parts.push(drawScaling(scaling));
  for (const [name, reason] of Object.entries(missing)) parts.push(`not run: ${name} (${reason})`);
  return parts.join('\n\n') || 'nothing was compiled: no circuit fits these options';
}

function row({ circuit, map, level, seeds, peers }: CompilerResult): Record<string, string | number> {
  const counts = seeds.map(({ twoQubitGates }) => twoQubitGates);
  const verdicts = new Set(seeds.map(({ verified }) => verified));
  const verdict = verdicts.has(false) ? 'DIFFERENT' : verdicts.has(null) ? 'undecided' : 'yes';
  return {
    circuit,
    map,
    level,
    'two-qubit gates': counts.join(' '),
    depth: meanOf(seeds, 'twoQubitDepth').toFixed(0),
    'CPU ms': Math.min(...seeds.map(({ cpuMs }) => cpuMs)).toFixed(0),
    'wall ms': Math.min(...seeds.map(({ wallMs }) => wallMs)).toFixed(0),
    verified: verdict,
    peers: peers
      .map(
        ({ name, twoQubitGates, cpuMs }) =>
          `${name} ${twoQubitGates.toFixed(0)} (${cpuMs?.toFixed(0) ?? '?'} ms)`,
      )
      .join(', '),
  };
}
