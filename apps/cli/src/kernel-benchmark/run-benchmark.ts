import type { Subject } from '@qedge/bench';
import { type Interval, type ProgressListener, Random, throwIfCancelled } from '@qedge/core';
import { bestRatio } from './best-ratio.ts';
import { type BenchmarkCase, CONVOLUTION_GOAL, PEAK_SHARE_GOAL, SCALING_GOAL } from './cases.ts';
import { describeDifference } from './compare-results.ts';
import type { OurLibrary } from './our-library.ts';
import type { Peer, PreparedWork } from './peers/peer.ts';
import { timeRounds } from './time-rounds.ts';
import { operationCount } from './work.ts';

/** One comparison. `ratio` is their time over ours: 2 means that ours is twice as fast. */
export interface ComparisonResult {
  readonly name: string;
  readonly group: string;
  /** How ours was executed: `avx512`, `avx2`, `wasm`, ... */
  readonly target: string;
  readonly threads: number;
  /** A library, `fma peak` (share of what the core did on registers alone) or `one thread`. */
  readonly peer: string;
  readonly peerVersion: string;
  readonly ratio: number;
  readonly interval: { readonly low: number; readonly high: number };
  readonly goal: number | null;
  readonly met: boolean | null;
  /** Best time of ours and theirs, in microseconds; null for derived rows. */
  readonly oursMicroseconds: number | null;
  readonly theirsMicroseconds: number | null;
  /** 10^9 multiplications and additions per second of ours at its best; null for derived rows. */
  readonly oursGigaOperations: number | null;
  /** Microseconds per call of every round, in order. */
  readonly samples: { readonly ours: readonly number[]; readonly theirs: readonly number[] } | null;
}

/** How a benchmark runs. */
export interface BenchmarkOptions {
  readonly cases: readonly BenchmarkCase[];
  readonly peers: readonly Peer[];
  /** Ours on the best way of execution and on WebAssembly, for one and two threads. */
  readonly library: (engine: 'best' | 'wasm', threads: number) => Promise<OurLibrary>;
  /** Rounds per case, at least 6. */
  readonly rounds: number;
  /** Time per subject and round, in milliseconds. */
  readonly blockMs: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onProgress: ProgressListener;
}

/**
 * Runs every case against every library that can do it, in rounds of random order within one process, on random data. Results are
 * compared before and after the timing.
 *
 * @throws VerificationError when two libraries disagree, CancelledError.
 */
export async function runKernelBenchmark(options: BenchmarkOptions): Promise<ComparisonResult[]> {
  const results: ComparisonResult[] = [];
  for (const [index, benchmarkCase] of options.cases.entries()) {
    throwIfCancelled(options.signal, 'The benchmark');
    options.onProgress({
      phase: 'comparing kernels',
      done: index,
      total: options.cases.length,
      message: benchmarkCase.name,
    });
    results.push(...(await runCase(benchmarkCase, options)));
  }
  return [...results, ...convolutionMeans(results), ...scaling(results)];
}

/** What ours is compared with in one case. */
interface Contender {
  readonly peer: { readonly name: string; readonly version: string };
  readonly goal: number | null;
  readonly work: PreparedWork;
  /** False for the peak, which computes nothing of use. */
  readonly sameResult: boolean;
}

async function runCase(benchmarkCase: BenchmarkCase, options: BenchmarkOptions): Promise<ComparisonResult[]> {
  const { threads, engine, name, group } = benchmarkCase;
  const work = benchmarkCase.makeWork(new Random(options.seed));
  const library = await options.library(engine, threads);
  const ours = await library.prepare(work);
  const prepared: Contender[] = [];
  try {
    for (const { peer: peerName, goal } of benchmarkCase.peers) {
      const peer = options.peers.find((each) => each.name === peerName);
      const theirs = await peer?.prepare(work, threads);
      if (peer && theirs) prepared.push({ peer, goal, work: theirs, sameResult: true });
    }
    if (work.kind === 'product' && work.m === 512 && work.n === 512 && threads === 1) {
      prepared.push({
        peer: { name: 'fma peak', version: library.target },
        goal: PEAK_SHARE_GOAL,
        work: library.preparePeak(operationCount(work)),
        sameResult: false,
      });
    }
    if (prepared.length === 0) return [];
    const rounds = await timeContenders(ours, prepared, threads, options);
    return prepared.map(({ peer, goal }, index): ComparisonResult => {
      const theirs = rounds[index + 1]!;
      // The peak is no competitor: its time over ours is the share of it that was reached.
      const { estimate, low, high }: Interval = bestRatio(rounds[0]!, theirs, options.seed);
      const best = Math.min(...rounds[0]!);
      return {
        name,
        group,
        target: library.target,
        threads,
        peer: peer.name,
        peerVersion: peer.version,
        ratio: estimate,
        interval: { low, high },
        goal,
        met: goal === null ? null : estimate >= goal,
        oursMicroseconds: best,
        theirsMicroseconds: Math.min(...theirs),
        oursGigaOperations: operationCount(work) / best / 1e3,
        samples: { ours: rounds[0]!, theirs },
      };
    });
  } finally {
    ours.dispose();
    for (const each of prepared) await each.work.dispose();
  }
}

/** Microseconds per call, per subject and round; ours first. */
async function timeContenders(
  ours: PreparedWork,
  prepared: readonly Contender[],
  threads: number,
  options: BenchmarkOptions,
): Promise<number[][]> {
  await ours.run();
  const expected = Array.from(await ours.result());
  const subjects: Subject[] = [
    { name: 'ours', run: () => ours.run() },
    ...prepared.map(({ peer, work, sameResult }) => ({
      name: peer.name,
      run: () => work.run(),
      async check() {
        if (!sameResult) return;
        const difference = describeDifference(expected, await work.result());
        if (difference !== null) throw new Error(difference);
      },
    })),
  ];
  const rounds = await timeRounds(subjects, threads, options);
  return rounds.map((medians) => medians.map((milliseconds) => milliseconds * 1e3));
}

/** The geometric mean over all convolutions, by number of threads. */
function convolutionMeans(results: readonly ComparisonResult[]): ComparisonResult[] {
  return [1, 2].flatMap((threads) => {
    const of = results.filter((result) => result.group === 'convolution' && result.threads === threads);
    if (of.length === 0) return [];
    const mean = (pick: (result: ComparisonResult) => number) => {
      return Math.exp(of.reduce((sum, result) => sum + Math.log(pick(result)), 0) / of.length);
    };
    const ratio = mean((result) => result.ratio);
    return {
      ...of[0]!,
      ...DERIVED,
      name: `geometric mean of ${of.length} convolutions`,
      ratio,
      interval: { low: mean((result) => result.interval.low), high: mean((result) => result.interval.high) },
      goal: CONVOLUTION_GOAL,
      met: ratio >= CONVOLUTION_GOAL,
    };
  });
}

/** How much faster two threads are than one, where both were measured. */
function scaling(results: readonly ComparisonResult[]): ComparisonResult[] {
  const name = 'float32 512x512x512';
  const of = (threads: number) => {
    return results.find((result) => result.name === name && result.threads === threads && result.samples);
  };
  const [one, two] = [of(1), of(2)];
  if (!one || !two) return [];
  const ratio = one.oursMicroseconds! / two.oursMicroseconds!;
  const spread = (samples: readonly number[]) => [...samples].sort((a, b) => a - b);
  const [oneTimes, twoTimes] = [spread(one.samples!.ours), spread(two.samples!.ours)];
  const middle = Math.floor(oneTimes.length / 2);
  const typical = oneTimes[middle]! / twoTimes[middle]!;
  return [
    {
      ...two,
      ...DERIVED,
      peer: 'one thread',
      peerVersion: one.target,
      ratio,
      interval: { low: Math.min(ratio, typical), high: Math.max(ratio, typical) },
      goal: SCALING_GOAL,
      met: ratio >= SCALING_GOAL,
    },
  ];
}

/** A row that was computed from others has no times of its own. */
const DERIVED = {
  oursMicroseconds: null,
  theirsMicroseconds: null,
  oursGigaOperations: null,
  samples: null,
} as const;
