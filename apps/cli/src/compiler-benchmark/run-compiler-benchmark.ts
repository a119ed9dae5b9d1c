import { CapabilityUnavailableError, type ProgressListener, throwIfCancelled } from '@qedge/core';
import {
  Circuit,
  type OptimizationLevel,
  type Simulator,
  type Target,
  transpile,
  verifyEquivalence,
} from '@qedge/quantum';
import { createStateVectorSimulator } from '@qedge/quantum/node';
import { PythonPeer } from '../python-peer.ts';
import type { BenchmarkCircuit } from './circuits.ts';
import {
  type CompilerResult,
  type CompilerSummary,
  meanOf,
  type PeerFigures,
  type SeedFigures,
  summarizeResults,
} from './compiler-result.ts';
import { benchmarkTarget } from './maps.ts';
import { measureScaling, type ScalingPoint } from './measure-scaling.ts';
import type { ReferenceCounts } from './reference-counts.ts';

/** How the benchmark runs. */
export interface CompilerBenchmarkOptions {
  readonly circuits: readonly BenchmarkCircuit[];
  readonly maps: readonly string[];
  readonly levels: readonly OptimizationLevel[];
  readonly seeds: number;
  readonly timeBudgetMs: number | null;
  /** Most qubits of states that results are verified by. */
  readonly verifiedQubits: number;
  /** An interpreter with the peers, null to take stored counts only. */
  readonly python: string | null;
  /** The path of `serve.py`. */
  readonly script: string;
  readonly references: ReferenceCounts;
  readonly scaling: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: ProgressListener;
}

/** Everything that was measured. */
export interface CompilerReport {
  readonly results: readonly CompilerResult[];
  readonly summaries: readonly CompilerSummary[];
  readonly scaling: readonly ScalingPoint[];
  /** Peers that could not be run, with the reason. */
  readonly missing: Readonly<Record<string, string>>;
}

const PEERS = ['qiskit', 'tket'] as const;

/** Compiles every circuit for every map that it fits, verifies every result, and asks the peers to do the same. */
export async function runCompilerBenchmark(options: CompilerBenchmarkOptions): Promise<CompilerReport> {
  const missing: Record<string, string> = {};
  using peers = new DisposableStackOf<PythonPeer>();
  if (options.python !== null) {
    for (const name of PEERS) {
      try {
        peers.use(await PythonPeer.start(options.python, options.script, name, 1));
      } catch (error) {
        if (!(error instanceof CapabilityUnavailableError)) throw error;
        missing[name] = error.message;
      }
    }
  }
  using simulator = await createStateVectorSimulator({ precision: 'f64' });
  const results: CompilerResult[] = [];
  for (const map of options.maps) {
    const target = benchmarkTarget(map);
    for (const level of options.levels) {
      await warmUp(target, level);
      for (const entry of options.circuits) {
        throwIfCancelled(options.signal, 'The benchmark');
        const { qubitCount } = entry.circuit;
        if (qubitCount > target.qubitCount) continue;
        const message = `${entry.name}, ${map}, level ${level}`;
        options.onProgress({ phase: 'compiling', done: results.length, total: null, message });
        const seeds = await compileSeeds(entry.circuit, target, level, simulator, options);
        const found = await askPeers(peers.items, entry, target, level, options);
        const stored = options.references.find(map, entry.name, level).filter(({ name }) => {
          const isRun = found.some((peer) =>
            name.startsWith(peer.name.split(' ')[0]!.replace('pytket', 'tket')),
          );
          return !isRun;
        });
        results.push({
          circuit: entry.name,
          map,
          level,
          qubits: qubitCount,
          seeds,
          peers: [...found, ...stored],
        });
      }
    }
  }
  const scaling = options.scaling ? await measureScaling(options.signal, options.onProgress) : [];
  return { results, summaries: summarizeResults(results), scaling, missing };
}

/** So that the first circuit does not pay for the just-in-time compiler. */
async function warmUp(target: Target, level: OptimizationLevel): Promise<void> {
  for (let seed = 0; seed < 3; seed++) {
    const circuit = new Circuit(Math.min(6, target.qubitCount));
    for (let i = 0; i < 60; i++) {
      const [a, b, c] = [i % 6, (i * 5 + 1 + seed) % 6, (i * 3 + 2) % 6];
      circuit.rz(0.1 * i, a).h(a);
      if (a !== b) circuit.cx(a, b);
      if (new Set([a, b, c]).size === 3) circuit.ccx(a, b, c);
    }
    await transpile(circuit, target, { level, seed });
  }
}

async function compileSeeds(
  circuit: Circuit,
  target: Target,
  level: OptimizationLevel,
  simulator: Simulator,
  { seeds, timeBudgetMs, verifiedQubits, signal }: CompilerBenchmarkOptions,
): Promise<SeedFigures[]> {
  const figures: SeedFigures[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    const [cpu, wall] = [process.cpuUsage(), performance.now()];
    const budget = timeBudgetMs === null ? {} : { timeBudgetMs };
    const result = await transpile(circuit, target, { level, seed, signal, ...budget });
    const wallMs = performance.now() - wall;
    const { user, system } = process.cpuUsage(cpu);
    const report = await verifyEquivalence(circuit, result, {
      target,
      signal,
      simulator,
      trials: 1,
      maxSimulatedQubits: verifiedQubits,
    });
    const { instructions } = result.circuit;
    const gates = instructions.filter(({ kind }) => kind === 'gate');
    figures.push({
      seed,
      twoQubitGates: gates.filter(({ qubits }) => qubits.length === 2).length,
      oneQubitGates: gates.filter(({ qubits }) => qubits.length === 1).length,
      depth: result.circuit.depth(),
      twoQubitDepth: result.circuit.twoQubitDepth(),
      swapsAdded: result.swapsAdded,
      cpuMs: (user + system) / 1000,
      wallMs,
      verified: report.equivalent,
      verification: `${report.method}: ${report.reason}`,
    });
  }
  return figures;
}

async function askPeers(
  peers: readonly PythonPeer[],
  { text }: BenchmarkCircuit,
  { couplingEdges, qubitCount, basisGates }: Target,
  level: OptimizationLevel,
  { seeds }: CompilerBenchmarkOptions,
): Promise<PeerFigures[]> {
  const figures: PeerFigures[] = [];
  for (const peer of peers) {
    const records = await peer.call<SeedFigures[]>('compile', {
      text,
      coupling: couplingEdges,
      qubits: qubitCount,
      basis: basisGates,
      level,
      seeds: Array.from({ length: seeds }, (_, seed) => seed),
    });
    figures.push({
      name: peer.version,
      source: 'python',
      twoQubitGates: meanOf(records, 'twoQubitGates'),
      depth: meanOf(records, 'depth'),
      twoQubitDepth: meanOf(records, 'twoQubitDepth'),
      cpuMs: meanOf(records, 'cpuMs'),
      wallMs: meanOf(records, 'wallMs'),
    });
  }
  return figures;
}

/** Things that end together. */
class DisposableStackOf<Item extends Disposable> implements Disposable {
  readonly items: Item[] = [];

  use(item: Item): void {
    this.items.push(item);
  }

  [Symbol.dispose](): void {
    for (const item of this.items) item[Symbol.dispose]();
  }
}
