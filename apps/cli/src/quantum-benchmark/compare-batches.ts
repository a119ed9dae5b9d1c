import { Random, throwIfCancelled } from '@qedge/core';
import type { Simulator } from '@qedge/quantum';
import { bestRatio } from '../kernel-benchmark/best-ratio.ts';
import type { PythonPeer } from '../python-peer.ts';
import { bestOfTurn } from './best-of-turn.ts';
import { rotationChain } from './circuits.ts';
import { withParameters } from './compare-gradients.ts';
import { plainCircuit } from './plain-circuit.ts';
import { type ComparisonSetting, compareTimes, ownTimes, type QuantumResult } from './quantum-result.ts';

const [QUBITS, LAYERS, CIRCUITS] = [8, 4, 1000];
const GOAL = 20;

/** Times 1,000 circuits of 8 qubits that differ in their parameters, per circuit. */
export async function compareBatches(
  simulator: Simulator,
  peers: readonly (readonly [string, PythonPeer])[],
  options: ComparisonSetting,
): Promise<QuantumResult[]> {
  const numeric = rotationChain(QUBITS, LAYERS, options.seed);
  const { circuit, values } = withParameters(numeric);
  const random = new Random(options.seed);
  const batch = Float64Array.from({ length: CIRCUITS * values.length }, () => random.uniform() * Math.PI);
  const rows = Array.from({ length: CIRCUITS }, (_, i) =>
    Array.from(batch.subarray(i * values.length, (i + 1) * values.length)),
  );
  using compiled = simulator.compile(circuit);
  const ours: number[] = [];
  const theirs = new Map(peers.map(([name]) => [name, [] as number[]]));
  for (let round = 0; round < options.rounds; round++) {
    throwIfCancelled(options.signal, 'The benchmark');
    const run = () => {
      const begin = performance.now();
      compiled.runBatch(batch, () => {});
      return (performance.now() - begin) / 1000;
    };
    ours.push((await bestOfTurn(run)) / CIRCUITS);
    for (const [name, peer] of peers) {
      const request = { circuit: plainCircuit(numeric), parameters: rows };
      const runTheirs = async () => CIRCUITS * (await peer.call<number>('run_batch', request));
      theirs.get(name)!.push((await bestOfTurn(runTheirs)) / CIRCUITS);
    }
  }
  const run = {
    group: 'batch',
    name: `${CIRCUITS} circuits with new parameters, per circuit`,
    qubits: QUBITS,
    precision: 'f32',
    threads: options.threads,
    target: options.target,
    goal: GOAL,
    notes: '',
  } as const;
  if (peers.length === 0) return [{ ...run, ...ownTimes(ours) }];
  return peers.map(([name]) => {
    const times = compareTimes(ours, theirs.get(name)!, bestRatio(ours, theirs.get(name)!, options.seed));
    return { ...run, peer: name, ...times, met: times.ratio >= GOAL };
  });
}
