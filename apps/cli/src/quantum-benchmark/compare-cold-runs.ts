import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { throwIfCancelled } from '@qedge/core';
import { formatOpenQasm2 } from '@qedge/quantum';
import { bestRatio } from '../kernel-benchmark/best-ratio.ts';
import { brickwork } from './circuits.ts';
import type { NativePeers } from './peers.ts';
import { compareTimes, ownTimes, type QuantumResult } from './quantum-result.ts';

const runFile = promisify(execFile);

/** The part of `qedge simulate --json` that is read here. */
interface SimulateReport {
  readonly timings: {
    readonly parseSeconds: number;
    readonly planSeconds: number;
    readonly compileSeconds: number;
    readonly runSeconds: number;
  };
}

/**
 * Times one run from OpenQASM text to amplitudes in a process that has done nothing before: parsing, planning, code, simulation. Neither
 * side's time to load its library is counted.
 *
 * @param command the script of this command line.
 */
export async function compareColdRuns(
  command: string,
  peers: NativePeers,
  options: {
    readonly qubits: readonly number[];
    readonly threads: number;
    readonly rounds: number;
    readonly seed: number;
    readonly signal: AbortSignal;
  },
): Promise<QuantumResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'qedge-cold-'));
  try {
    const results: QuantumResult[] = [];
    for (const qubits of options.qubits) {
      const text = formatOpenQasm2(brickwork(qubits, 20, options.seed));
      const file = join(folder, `${qubits}.qasm`);
      writeFileSync(file, text);
      const [ours, theirs, phases]: [number[], number[], string[]] = [[], [], []];
      for (let round = 0; round < options.rounds; round++) {
        throwIfCancelled(options.signal, 'The benchmark');
        const { timings } = await simulateOnce(command, file, options.threads, options.signal);
        const { parseSeconds, planSeconds, compileSeconds, runSeconds } = timings;
        ours.push(parseSeconds + planSeconds + compileSeconds + runSeconds);
        phases.push(
          Object.values(timings)
            .map((seconds) => (1000 * seconds).toFixed(0))
            .join(' + '),
        );
        const peer = await peers.fresh('qsim', options.threads);
        if (peer === null) continue;
        using process = peer;
        theirs.push(await process.call<number>('run_text', { text, fusion: 3 }));
      }
      const run = {
        group: 'cold',
        name: 'OpenQASM text to amplitudes, brickwork, depth 20',
        qubits,
        precision: 'f32',
        threads: options.threads,
        target: '',
        goal: 1,
        notes: `parse + plan + compile + run: ${phases[ours.indexOf(Math.min(...ours))]} ms`,
      } as const;
      if (theirs.length === 0) {
        results.push({ ...run, ...ownTimes(ours) });
        continue;
      }
      const times = compareTimes(ours, theirs, bestRatio(ours, theirs, options.seed));
      results.push({ ...run, peer: 'Cirq and qsim, f = 3', ...times, met: times.ratio > 1 });
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function simulateOnce(
  command: string,
  file: string,
  threads: number,
  signal: AbortSignal,
): Promise<SimulateReport> {
  const settings = ['--precision', 'f32', '--threads', String(threads)];
  settings.push('--shots', '0', '--amplitudes', '1', '--json');
  const { stdout } = await runFile(process.execPath, [command, 'simulate', file, ...settings], { signal });
  return JSON.parse(stdout) as SimulateReport;
}
