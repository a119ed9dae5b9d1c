import { formatTable } from '@qedge/bench';
import type { CompiledGraph, NodeTiming } from '@qedge/kernels';

/** Where the time of a run goes. */
export interface NodeProfile {
  /** Of all nodes, each timed on its own. */
  readonly milliseconds: number;
  /** By kind, the longest first. */
  readonly kinds: readonly ProfileRow[];
  /** Every node, the longest first. */
  readonly nodes: readonly (ProfileRow & { readonly name: string })[];
}

/** One node, or all nodes of a kind. */
export interface ProfileRow {
  readonly kind: string;
  readonly count: number;
  readonly milliseconds: number;
  /** Of all nodes, 0 to 1. */
  readonly share: number;
  /** 10^9 additions and multiplications per second, as the operator defines them. */
  readonly gigaflops: number;
  /** 10^9 bytes of inputs, weights and outputs per second, each counted once. */
  readonly gigabytesPerSecond: number;
}

/** Nodes that the table names. */
const PRINTED_NODES = 20;

/** Times every node of a graph whose inputs are filled. @param rounds runs of the whole graph; the best of each node counts. */
export function profileNodes(compiled: CompiledGraph, rounds: number): NodeProfile {
  const timings = compiled.profile(rounds);
  const total = timings.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const byKind = new Map<string, NodeTiming[]>();
  for (const timing of timings) byKind.set(timing.kind, [...(byKind.get(timing.kind) ?? []), timing]);
  const longestFirst = (a: ProfileRow, b: ProfileRow) => b.milliseconds - a.milliseconds;
  return {
    milliseconds: total,
    kinds: [...byKind].map(([kind, ofKind]) => summarizeNodes(kind, ofKind, total)).sort(longestFirst),
    nodes: timings
      .map((timing) => ({ name: timing.name, ...summarizeNodes(timing.kind, [timing], total) }))
      .sort(longestFirst),
  };
}

function summarizeNodes(kind: string, timings: readonly NodeTiming[], total: number): ProfileRow {
  const sum = (field: 'milliseconds' | 'operations' | 'bytes') => {
    return timings.reduce((all, timing) => all + timing[field], 0);
  };
  const milliseconds = sum('milliseconds');
  // A node that only renames its input takes no time, or less than the clock can tell.
  const rate = (amount: number) => (milliseconds > 0 ? amount / milliseconds / 1e6 : 0);
  return {
    kind,
    count: timings.length,
    milliseconds,
    share: total > 0 ? milliseconds / total : 0,
    gigaflops: rate(sum('operations')),
    gigabytesPerSecond: rate(sum('bytes')),
  };
}

/** Two tables: kinds, and the nodes that take longest. */
export function describeProfile({ milliseconds, kinds, nodes }: NodeProfile): string {
  const columns = (row: ProfileRow) => ({
    'time ms': row.milliseconds.toFixed(3),
    share: `${(row.share * 100).toFixed(1)} %`,
    GFLOPS: row.gigaflops.toFixed(1),
    'GB/s': row.gigabytesPerSecond.toFixed(1),
  });
  const shown = nodes.slice(0, PRINTED_NODES);
  return [
    `nodes one by one, best of each: ${milliseconds.toFixed(3)} ms in all`,
    formatTable(kinds.map((row) => ({ kind: row.kind, nodes: row.count, ...columns(row) }))),
    `the ${shown.length} nodes that take longest, of ${nodes.length}`,
    formatTable(shown.map((row) => ({ node: row.name, kind: row.kind, ...columns(row) }))),
  ].join('\n');
}
