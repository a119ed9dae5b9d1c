/** What another compiler made of a circuit: means over its seeds. */
export interface PeerFigures {
  readonly name: string;
  /** Run now, or stored counts. */
  readonly source: 'python' | 'reference';
  readonly twoQubitGates: number;
  readonly depth: number | null;
  readonly twoQubitDepth: number | null;
  readonly cpuMs: number | null;
  readonly wallMs: number | null;
}

/** What one seed gave. */
export interface SeedFigures {
  readonly seed: number;
  readonly twoQubitGates: number;
  readonly oneQubitGates: number;
  readonly depth: number;
  readonly twoQubitDepth: number;
  readonly swapsAdded: number;
  readonly cpuMs: number;
  readonly wallMs: number;
  /** Null where it could not be decided. */
  readonly verified: boolean | null;
  readonly verification: string;
}

/** One circuit, compiled for one map at one level. */
export interface CompilerResult {
  readonly circuit: string;
  readonly map: string;
  readonly level: number;
  readonly qubits: number;
  readonly seeds: readonly SeedFigures[];
  readonly peers: readonly PeerFigures[];
}

/** How all circuits of one map and level stand beside one peer. */
export interface CompilerSummary {
  readonly map: string;
  readonly level: number;
  readonly peer: string;
  readonly circuits: number;
  /** Geometric means of ours over theirs; circuits where either has none are left out. */
  readonly twoQubitGates: number;
  readonly twoQubitDepth: number | null;
  /** Over circuits on which the peer spends more than 50 ms; null where there are none. */
  readonly cpu: number | null;
  readonly wall: number | null;
  /** The worst seed of any circuit over the mean of its seeds. */
  readonly worstSeed: number;
  /** Circuits on which ours has more gates, worst first. */
  readonly losses: readonly { readonly circuit: string; readonly ratio: number }[];
}

/** Times below this say more about the clock than about compilers. */
const TIMED_MS = 50;

/** One summary for each map, level and peer. */
export function summarizeResults(results: readonly CompilerResult[]): CompilerSummary[] {
  const groups = new Map<string, { result: CompilerResult; peer: PeerFigures }[]>();
  for (const result of results) {
    for (const peer of result.peers) {
      const key = JSON.stringify([result.map, result.level, peer.name]);
      groups.set(key, [...(groups.get(key) ?? []), { result, peer }]);
    }
  }
  return [...groups.values()].map(summarize);
}

function summarize(pairs: readonly { result: CompilerResult; peer: PeerFigures }[]): CompilerSummary {
  const [{ result, peer }] = pairs as [(typeof pairs)[number]];
  const ratios = (ours: keyof SeedFigures & keyof PeerFigures, least = 0) =>
    pairs.flatMap((pair) => {
      const [a, b] = [meanOf(pair.result.seeds, ours), pair.peer[ours]];
      return b !== null && b > least && a > 0 ? [a / b] : [];
    });
  const losses = pairs
    .map((pair) => ({
      circuit: pair.result.circuit,
      ratio: meanOf(pair.result.seeds, 'twoQubitGates') / pair.peer.twoQubitGates,
    }))
    .filter(({ ratio }) => ratio > 1)
    .sort((a, b) => b.ratio - a.ratio);
  const spreads = pairs.map((pair) => {
    const counts = pair.result.seeds.map(({ twoQubitGates }) => twoQubitGates);
    return Math.max(...counts) / Math.max(1, meanOf(pair.result.seeds, 'twoQubitGates'));
  });
  const orNull = (values: readonly number[]) => (values.length === 0 ? null : geometricMean(values));
  return {
    map: result.map,
    level: result.level,
    peer: `${peer.name}${peer.source === 'reference' ? ' (stored)' : ''}`,
    circuits: pairs.length,
    twoQubitGates: geometricMean(ratios('twoQubitGates')),
    twoQubitDepth: orNull(ratios('twoQubitDepth')),
    cpu: orNull(ratios('cpuMs', TIMED_MS)),
    wall: orNull(ratios('wallMs')),
    worstSeed: Math.max(...spreads),
    losses,
  };
}

/** The mean of a figure over seeds. */
export function meanOf(seeds: readonly SeedFigures[], figure: keyof SeedFigures): number {
  return seeds.reduce((sum, seed) => sum + Number(seed[figure]), 0) / seeds.length;
}

function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}
