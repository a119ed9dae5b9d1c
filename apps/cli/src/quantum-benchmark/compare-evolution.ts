import { throwIfCancelled, VerificationError } from '@qedge/core';
import type { Circuit, CompiledCircuit, QuantumState } from '@qedge/quantum';
import { bestRatio } from '../kernel-benchmark/best-ratio.ts';
import { bestOfTurn } from './best-of-turn.ts';
import type { EvolutionFamily, Precision } from './cases.ts';
import type { EvolutionPeer, PeerSetting } from './peers.ts';
import { plainCircuit } from './plain-circuit.ts';
import { compareTimes, ownTimes, type QuantumResult } from './quantum-result.ts';

/** One family at one size and precision, with what runs it. */
export interface EvolutionComparison {
  readonly family: EvolutionFamily;
  readonly qubitCount: number;
  readonly precision: Precision;
  readonly threads: number;
  readonly target: string;
  readonly circuit: Circuit;
  readonly compiled: CompiledCircuit;
  readonly peers: readonly EvolutionPeer[];
  readonly rounds: number;
  readonly seed: number;
  readonly signal: AbortSignal;
}

/** Largest difference of an amplitude that two simulators may have, of the same circuit. */
const TOLERANCES: Readonly<Record<Precision, number>> = { f32: 1e-5, f64: 1e-10 };
const CHECKED_AMPLITUDES = 64;

/**
 * Times whole states: ours and every peer take turns; the settings of a peer are tried in the first round, and its best one goes on.
 * Ours includes clearing the state; a peer's call includes what it does with memory, and the notes say what is left without that.
 *
 * @returns a result for each peer; without any, ours alone.
 * @throws VerificationError when amplitudes disagree.
 */
export async function compareEvolution(comparison: EvolutionComparison): Promise<QuantumResult[]> {
  const { peers, rounds, signal } = comparison;
  const ours: number[] = [];
  const contests = peers.map((peer) => ({
    peer,
    setting: null as PeerSetting | null,
    times: [] as number[],
    fixed: [] as number[],
  }));
  const plain = plainCircuit(comparison.circuit);
  for (const { peer } of contests) await peer.simulator.call('prepare', { circuit: plain });
  for (let round = 0; round < rounds; round++) {
    throwIfCancelled(signal, 'The benchmark');
    ours.push(await bestOfTurn(() => timeOurs(comparison.compiled)));
    for (const contest of contests) {
      contest.setting ??= await bestSetting(contest.peer);
      const { parameters } = contest.setting;
      contest.times.push(await bestOfTurn(() => contest.peer.simulator.call<number>('run', parameters)));
      if (contest.peer.tellsFixedCost)
        contest.fixed.push(await contest.peer.simulator.call<number>('run_fixed'));
    }
  }
  for (const { peer } of contests) await requireSameAmplitudes(comparison, peer);
  const { family, qubitCount, precision, threads, target } = comparison;
  const goal = family.goals[precision];
  const run = {
    group: 'evolution',
    name: family.name,
    qubits: qubitCount,
    ...{ precision, threads, target, goal },
  } as const;
  if (contests.length === 0) return [{ ...run, ...ownTimes(ours), notes: '' }];
  return contests.map(({ setting, times, fixed }) => {
    const times_ = compareTimes(ours, times, bestRatio(ours, times, comparison.seed));
    const net = Math.min(...times) - Math.min(...fixed);
    return {
      ...run,
      peer: setting!.name,
      ...times_,
      met: goal === null ? null : times_.ratio >= goal,
      notes:
        fixed.length === 0
          ? ''
          : `${((1000 * net) / times_.oursMs).toFixed(2)} without the peer's cost of memory`,
    };
  });
}

function timeOurs(compiled: CompiledCircuit): number {
  const begin = performance.now();
  const state = compiled.run();
  const seconds = (performance.now() - begin) / 1000;
  state.dispose();
  return seconds;
}

async function bestSetting(peer: EvolutionPeer): Promise<PeerSetting> {
  let [best, least] = [peer.settings[0]!, Number.POSITIVE_INFINITY];
  if (peer.settings.length === 1) return best;
  for (const setting of peer.settings) {
    const first = await peer.simulator.call<number>('run', setting.parameters);
    const seconds = Math.min(first, await peer.simulator.call<number>('run', setting.parameters));
    if (seconds < least) [best, least] = [setting, seconds];
  }
  return best;
}

async function requireSameAmplitudes(comparison: EvolutionComparison, peer: EvolutionPeer): Promise<void> {
  const size = 2 ** comparison.qubitCount;
  const indices = Array.from({ length: CHECKED_AMPLITUDES }, (_, i) =>
    Math.floor((i * 0.618034 * size) % size),
  );
  const theirs = await peer.simulator.call<[number, number][]>('amplitudes', { indices });
  using state: QuantumState = comparison.compiled.run();
  for (const [i, index] of indices.entries()) {
    const own = state.amplitude(index);
    const difference = Math.hypot(own[0] - theirs[i]![0], own[1] - theirs[i]![1]);
    if (!(difference <= TOLERANCES[comparison.precision])) {
      throw new VerificationError(
        `${comparison.family.name}: amplitude ${index} differs from ${peer.name}'s`,
        {
          expected: theirs[i],
          actual: own,
        },
      );
    }
  }
}
