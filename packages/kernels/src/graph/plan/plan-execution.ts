import type { OperatorGraph } from '@qedge/core';
import { planArena } from '@qedge/memory';
import { requireOperatorGraph } from '../require-arguments.ts';
import { executionOrders } from './execution-orders.ts';
import type { ExecutionPlan, ValueLocation } from './execution-plan.ts';
import { type SharedStorage, type StorageBlock, shareStorage } from './shared-storage.ts';
import { valueByteLength } from './value-bytes.ts';

/** Options of {@link planExecution}. */
export interface ExecutionPlanOptions {
  /** Keep the order of the graph's nodes instead of looking for one that needs less memory. Default false. */
  readonly keepOrder?: boolean;
}

/** Bytes that offsets are multiples of: a cache line, and an AVX-512 register. */
const ALIGNMENT_BYTES = 64;

/**
 * Plans how a graph runs in one arena: the order of nodes that needs the least memory of those tried (the graph's own if none is better), which
 * values share bytes, and where every value lies. Deterministic.
 *
 * @throws InvalidArgumentError for a graph whose nodes are not in a possible order or whose shapes are impossible.
 */
export function planExecution(graph: OperatorGraph, options: ExecutionPlanOptions = {}): ExecutionPlan {
  requireOperatorGraph(graph);
  let best: { graph: OperatorGraph; storage: SharedStorage; peak: number } | null = null;
  for (const nodes of options.keepOrder ? [graph.nodes] : executionOrders(graph)) {
    const ordered = { ...graph, nodes };
    const storage = shareStorage(ordered);
    const peak = peakBytes(storage.blocks, nodes.length);
    if (best === null || peak < best.peak) {
      best = { graph: { ...graph, nodes: storage.nodes }, storage, peak };
    }
  }
  const { storage, graph: ordered } = best!;
  const arena = planArena(storage.blocks, { alignment: ALIGNMENT_BYTES });
  const locations = new Map<string, ValueLocation>();
  let unsharedBytes = 0;
  for (const [value, { block, byteOffset }] of storage.places) {
    const byteLength = valueByteLength(graph.values[value]!);
    locations.set(value, { byteOffset: arena.offsets.get(block)! + byteOffset, byteLength });
    unsharedBytes += alignedBytes(byteLength);
  }
  return {
    graph: ordered,
    locations,
    aliases: storage.aliases,
    inPlace: storage.inPlace,
    arenaBytes: arena.byteLength,
    arenaLowerBoundBytes: arena.lowerBoundBytes,
    unsharedBytes,
  };
}

const alignedBytes = (bytes: number): number => Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;

/** The most that blocks take together at any step: no arena for them can be smaller. */
function peakBytes(blocks: readonly StorageBlock[], steps: number): number {
  const changes = new Float64Array(steps + 2);
  for (const { byteLength, firstUse, lastUse } of blocks) {
    changes[firstUse]! += alignedBytes(byteLength);
    changes[lastUse + 1]! -= alignedBytes(byteLength);
  }
  let [bytes, peak] = [0, 0];
  for (const change of changes) {
    bytes += change;
    peak = Math.max(peak, bytes);
  }
  return peak;
}
