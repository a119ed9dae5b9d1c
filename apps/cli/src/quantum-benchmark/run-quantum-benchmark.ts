import { type ProgressListener, throwIfCancelled } from '@qedge/core';
import type { Simulator } from '@qedge/quantum';
import { createStateVectorSimulator } from '@qedge/quantum/node';
import { EVOLUTION_FAMILIES, type Precision, type QuantumGroup } from './cases.ts';
import { compareBatches } from './compare-batches.ts';
import { compareColdRuns } from './compare-cold-runs.ts';
import { compareEvolution } from './compare-evolution.ts';
import { compareGradients } from './compare-gradients.ts';
import { type SingleGateSweep, sweepSingleGates } from './compare-single-gates.ts';
import type { NativePeers } from './peers.ts';
import type { QuantumResult } from './quantum-result.ts';
import { type CircuitRoofline, StateRoofline } from './state-roofline.ts';
import { type SamplingTime, timeSampling } from './time-sampling.ts';

/** How the benchmark runs. */
export interface QuantumBenchmarkOptions {
  readonly groups: readonly QuantumGroup[];
  readonly families: string;
  readonly qubits: readonly number[] | null;
  readonly precisions: readonly Precision[];
  readonly threads: readonly number[];
  readonly rounds: number;
  readonly seed: number;
  readonly peers: NativePeers;
  /** The script of the command line, for runs in processes of their own. */
  readonly command: string;
  /** The instruction set that qsim must take: the one that ours has. */
  readonly qsimVariant: string | null;
  readonly signal: AbortSignal;
  readonly onProgress: ProgressListener;
}

/** Everything that was measured. */
export interface QuantumReport {
  readonly results: readonly QuantumResult[];
  readonly singleGates: readonly (SingleGateSweep & {
    readonly precision: Precision;
    readonly threads: number;
  })[];
  readonly sampling: readonly SamplingTime[];
  /** Of the circuits in `results` whose whole state was asked for. */
  readonly roofline: readonly CircuitRoofline[];
}

/** Runs the chosen groups, each with simulators of its own. @throws VerificationError when two simulators disagree, CancelledError. */
export async function runQuantumBenchmark(options: QuantumBenchmarkOptions): Promise<QuantumReport> {
  const results: QuantumResult[] = [];
  const singleGates: (SingleGateSweep & { precision: Precision; threads: number })[] = [];
  const sampling: SamplingTime[] = [];
  const roofline: CircuitRoofline[] = [];
  const chosen = (group: QuantumGroup) => options.groups.includes(group);
  for (const threads of options.threads) {
    for (const precision of options.precisions) {
      using simulator = await createStateVectorSimulator({ precision, threads });
      if (chosen('evolution')) {
        const evolution = await runEvolution(simulator, precision, threads, options);
        results.push(...evolution.results);
        roofline.push(...evolution.roofline);
      }
      if (chosen('single-gate')) {
        for (const qubits of options.qubits ?? [24]) {
          options.onProgress({ phase: 'single gates', done: 0, total: null, message: `${qubits} qubits` });
          const sweep = sweepSingleGates(simulator, precision, qubits, options.rounds, options.signal);
          singleGates.push({ ...sweep, precision, threads });
        }
      }
      if (precision !== 'f32') continue;
      if (chosen('gradient')) results.push(...(await runGradients(simulator, threads, options)));
      if (chosen('batch')) results.push(...(await runBatches(simulator, threads, options)));
      if (chosen('cold')) {
        const { command, peers, rounds, seed, signal } = options;
        const cold = { qubits: options.qubits ?? [20, 24], threads, rounds, seed, signal };
        results.push(...(await compareColdRuns(command, peers, cold)));
      }
      if (chosen('sampling')) sampling.push(timeSampling(simulator, threads, options.rounds, options.seed));
    }
  }
  return { results, singleGates, sampling, roofline };
}

async function runEvolution(
  simulator: Simulator,
  precision: Precision,
  threads: number,
  options: QuantumBenchmarkOptions,
): Promise<Pick<QuantumReport, 'results' | 'roofline'>> {
  const peers = await options.peers.evolutionPeers(precision, threads, options.qsimVariant);
  const limits = await StateRoofline.measure(simulator, precision);
  const results: QuantumResult[] = [];
  const roofline: CircuitRoofline[] = [];
  for (const family of EVOLUTION_FAMILIES) {
    if (!family.name.toLowerCase().includes(options.families)) continue;
    for (const qubitCount of options.qubits ?? family.qubitCounts) {
      throwIfCancelled(options.signal, 'The benchmark');
      const message = `${family.name}, ${qubitCount} qubits, ${precision}, ${threads} threads`;
      options.onProgress({ phase: 'comparing', done: results.length, total: null, message });
      const circuit = family.build(qubitCount, options.seed);
      using compiled = simulator.compile(circuit);
      const { rounds, seed, signal } = options;
      const target = simulator.target;
      const comparison = {
        family,
        qubitCount,
        precision,
        threads,
        target,
        circuit,
        compiled,
        peers,
        rounds,
        seed,
        signal,
      };
      const compared = await compareEvolution(comparison);
      results.push(...compared);
      const place = limits?.place(family.name, compiled, compared[0]!.oursMs / 1000);
      if (place) roofline.push(place);
    }
  }
  return { results, roofline };
}

async function runGradients(
  simulator: Simulator,
  threads: number,
  options: QuantumBenchmarkOptions,
): Promise<QuantumResult[]> {
  const lightning = await options.peers.simulator('lightning', threads);
  options.onProgress({ phase: 'gradients', done: 0, total: null });
  return compareGradients(simulator, lightning, { ...options, threads, target: simulator.target });
}

async function runBatches(
  simulator: Simulator,
  threads: number,
  options: QuantumBenchmarkOptions,
): Promise<QuantumResult[]> {
  options.onProgress({ phase: 'batches', done: 0, total: null });
  const found = await Promise.all(
    (
      [
        ['Qulacs', 'qulacs', []],
        ['Aer', 'aer', ['precision=float32']],
        ['Lightning, complex64', 'lightning', []],
      ] as const
    ).map(
      async ([title, name, settings]) =>
        [title, await options.peers.simulator(name, threads, settings)] as const,
    ),
  );
  const peers = found.flatMap(([title, peer]) => (peer === null ? [] : [[title, peer] as const]));
  return compareBatches(simulator, peers, { ...options, threads, target: simulator.target });
}
