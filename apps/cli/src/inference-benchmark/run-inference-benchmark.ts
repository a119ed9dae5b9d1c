import type { Subject } from '@qedge/bench';
import { type ProgressListener, throwIfCancelled } from '@qedge/core';
import type { OptimizedInferenceEngine } from '@qedge/kernels';
import { loadModel } from '@qedge/kernels/node';
import { bestRatio } from '../kernel-benchmark/best-ratio.ts';
import { describeDifference } from '../kernel-benchmark/compare-results.ts';
import type { InstalledPackages } from '../kernel-benchmark/peers/packages.ts';
import type { PreparedWork } from '../kernel-benchmark/peers/peer.ts';
import { timeRounds } from '../kernel-benchmark/time-rounds.ts';
import {
  type BenchmarkModel,
  INFERENCE_PEERS,
  type InferenceCase,
  type InferencePeerName,
  LEAST_COSINE,
} from './benchmark-model.ts';
import { prepareOnnxPeer } from './onnx-peer.ts';

/** One comparison. `ratio` is their time over ours: 2 means that ours is twice as fast. */
export interface InferenceResult {
  readonly name: string;
  readonly group: string;
  readonly precision: string;
  readonly target: string;
  readonly threads: number;
  readonly peer: string;
  readonly ratio: number;
  readonly interval: { readonly low: number; readonly high: number };
  readonly goal: number | null;
  readonly met: boolean | null;
  /** Best round, per run. */
  readonly oursMs: number | null;
  readonly theirsMs: number | null;
}

/** How the benchmark runs. */
export interface InferenceBenchmarkOptions {
  readonly cases: readonly InferenceCase[];
  readonly peers: readonly InferencePeerName[];
  readonly packages: InstalledPackages;
  readonly rounds: number;
  readonly blockMs: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly onProgress: ProgressListener;
}

/** A case or peer that was left out, and why. */
export interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

/**
 * Runs every model on every library, in rounds of random order within one process. First outputs are compared before and after the
 * timing: at float32 with each other, number by number; at narrower precisions, where each rounds in its own way, by direction with float32.
 *
 * @throws VerificationError when two libraries disagree, CancelledError.
 */
export async function runInferenceBenchmark(
  options: InferenceBenchmarkOptions,
): Promise<{ readonly results: InferenceResult[]; readonly leftOut: LeftOut[] }> {
  const results: InferenceResult[] = [];
  const leftOut: LeftOut[] = [];
  for (const [index, each] of options.cases.entries()) {
    throwIfCancelled(options.signal, 'The benchmark');
    options.onProgress({
      phase: 'comparing models',
      done: index,
      total: options.cases.length,
      message: each.name,
    });
    let model: BenchmarkModel;
    try {
      model = await each.open();
    } catch (error) {
      leftOut.push({ name: each.name, reason: (error as Error).message.split('\n', 1)[0]! });
      continue;
    }
    results.push(...(await runCase(each, model, options, leftOut)));
  }
  return { results: [...results, ...geometricMeans(results)], leftOut };
}

async function runCase(
  each: InferenceCase,
  model: BenchmarkModel,
  options: InferenceBenchmarkOptions,
  leftOut: LeftOut[],
): Promise<InferenceResult[]> {
  const { name, group, precision, threads, goals } = each;
  const peers: { readonly name: InferencePeerName; readonly work: PreparedWork }[] = [];
  const results: InferenceResult[] = [];
  try {
    for (const peer of INFERENCE_PEERS.filter((known) => options.peers.includes(known) && known in goals)) {
      try {
        const work = await preparePeer(peer, each, model, options.packages);
        if (work !== null) peers.push({ name: peer, work });
      } catch (error) {
        leftOut.push({ name: `${name} on ${peer}`, reason: (error as Error).message.split('\n', 1)[0]! });
      }
    }
    if (peers.length === 0) return [];
    using engine = await openOurs(model, each);
    const compiled = engine.prepare(1);
    for (const [input, values] of Object.entries(model.inputs)) compiled.inputs[input]!.data.set(values);
    const rounds = await timeModels(
      () => compiled.run(),
      () => Object.values(compiled.outputs)[0]!.data,
      await outputsAtFloat32(model),
      peers,
      each,
      options,
    );
    for (const [index, peer] of peers.entries()) {
      const theirs = rounds[index + 1]!;
      const { estimate, low, high } = bestRatio(rounds[0]!, theirs, options.seed);
      const goal = goals[peer.name] ?? null;
      results.push({
        name,
        group,
        precision,
        target: engine.report().isa,
        threads,
        peer: peer.name,
        ratio: estimate,
        interval: { low, high },
        goal,
        met: goal === null ? null : estimate >= goal,
        oursMs: Math.min(...rounds[0]!),
        theirsMs: Math.min(...theirs),
      });
    }
    return results;
  } finally {
    for (const { work } of peers) await work.dispose();
  }
}

function openOurs(
  model: BenchmarkModel,
  { threads, precision }: InferenceCase,
): Promise<OptimizedInferenceEngine> {
  return loadModel(model.source(), { inputShapes: model.shapes, precision, threads });
}

/** What narrower precisions are compared with; that it is what the libraries compute is checked by the cases at float32. */
async function outputsAtFloat32(model: BenchmarkModel): Promise<Float32Array> {
  using engine = await loadModel(model.source(), { inputShapes: model.shapes });
  const compiled = engine.prepare(1);
  for (const [input, values] of Object.entries(model.inputs)) compiled.inputs[input]!.data.set(values);
  compiled.run();
  return Float32Array.from(Object.values(compiled.outputs)[0]!.data);
}

async function preparePeer(
  name: InferencePeerName,
  { precision, threads }: InferenceCase,
  model: BenchmarkModel,
  packages: InstalledPackages,
): Promise<PreparedWork | null> {
  if (name === 'tfjs-wasm') return threads === 1 && precision === 'float32' ? model.layers() : null;
  const file = await model.onnx(precision);
  return file === null ? null : prepareOnnxPeer(packages, name, file, model, threads);
}

/** Milliseconds per run, per subject and round; ours first. */
async function timeModels(
  run: () => void,
  result: () => ArrayLike<number>,
  reference: Float32Array,
  peers: readonly { readonly name: string; readonly work: PreparedWork }[],
  { threads, precision, leastPeerCosine }: InferenceCase,
  options: InferenceBenchmarkOptions,
): Promise<readonly (readonly number[])[]> {
  const check = (values: ArrayLike<number>, leastCosine: number) => {
    const difference =
      precision === 'float32'
        ? describeDifference(reference, values)
        : describeDrift(reference, values, leastCosine);
    if (difference !== null) throw new Error(difference);
  };
  run();
  const subjects: Subject[] = [
    { name: 'ours', run, check: () => check(result(), LEAST_COSINE) },
    ...peers.map(({ name, work }) => ({
      name,
      run: () => work.run(),
      check: async () => check(await work.result(), leastPeerCosine),
    })),
  ];
  return timeRounds(subjects, threads, options);
}

/** Says why outputs do not point where those of float32 do; null when they do. */
function describeDrift(
  expected: ArrayLike<number>,
  actual: ArrayLike<number>,
  leastCosine: number,
): string | null {
  let [product, ours, theirs] = [0, 0, 0];
  for (let i = 0; i < expected.length; i++) {
    product += expected[i]! * actual[i]!;
    ours += expected[i]! ** 2;
    theirs += actual[i]! ** 2;
  }
  const cosine = product / Math.sqrt(ours * theirs);
  return cosine >= leastCosine && expected.length === actual.length
    ? null
    : `the cosine with the outputs at float32 is ${cosine.toFixed(4)}, less than ${leastCosine}`;
}

/** Over the models of each group, by precision, threads and library. */
function geometricMeans(results: readonly InferenceResult[]): InferenceResult[] {
  const groups = new Map<string, InferenceResult[]>();
  for (const result of results) {
    const key = [result.group, result.precision, result.threads, result.peer].join(' ');
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups.values()]
    .filter((members) => members.length > 1)
    .map((members) => {
      const mean = (pick: (result: InferenceResult) => number) =>
        Math.exp(members.reduce((sum, each) => sum + Math.log(pick(each)), 0) / members.length);
      const ratio = mean((each) => each.ratio);
      const { goal } = members[0]!;
      return {
        ...members[0]!,
        name: `geometric mean of ${members.length} ${members[0]!.group} models`,
        ratio,
        interval: { low: mean((each) => each.interval.low), high: mean((each) => each.interval.high) },
        met: goal === null ? null : ratio >= goal,
        oursMs: null,
        theirsMs: null,
      };
    });
}
