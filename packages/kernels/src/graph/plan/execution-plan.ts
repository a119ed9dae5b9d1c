import type { OperatorGraph } from '@qedge/core';

/** Where a value lies while a graph runs. */
export interface ValueLocation {
  /** In the arena, a multiple of 64 unless the value is a part of another one. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/**
 * How a graph runs in one arena: the order of the nodes, and where every value lies that is not a constant. Values that only rename or
 * cut out bytes of another (reshape, some slices and concatenations) share its place: `aliases` are the nodes that then need no kernel.
 * Inputs keep their place for the whole run, outputs until the next one; nothing else does.
 */
export interface ExecutionPlan {
  /** Its nodes are in the order of execution. */
  readonly graph: OperatorGraph;
  readonly locations: ReadonlyMap<string, ValueLocation>;
  /** Names of nodes that move nothing. */
  readonly aliases: ReadonlySet<string>;
  /** Names of nodes that write their output over their first input. */
  readonly inPlace: ReadonlySet<string>;
  readonly arenaBytes: number;
  /** No plan of the same order of nodes can be smaller. */
  readonly arenaLowerBoundBytes: number;
  /** What all values would take without sharing. */
  readonly unsharedBytes: number;
}
