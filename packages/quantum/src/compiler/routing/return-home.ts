import { InvalidArgumentError } from '@qedge/core';
import type { CouplingMap } from '../target/coupling-graph.ts';

/** A place that may hold anything at the end. */
export const ANYTHING = -1;

/**
 * Swaps that bring tokens on a map to where they belong (token swapping): swaps that bring two tokens nearer as long as there are
 * any, or one where the other does not matter; then the leaves of a spanning tree are served one after the other.
 *
 * @param goals `[qubitCount]` where the token of each place has to go, or {@link ANYTHING}; changed.
 * @returns pairs of places, flat, in order.
 */
export function swapsToGoals(map: CouplingMap, goals: Int32Array): number[] {
  const swaps: number[] = [];
  const swap = (a: number, b: number) => {
    swaps.push(a, b);
    [goals[a], goals[b]] = [goals[b]!, goals[a]!];
  };
  for (let found = true; found; ) {
    found = false;
    for (let a = 0; a < map.qubitCount; a++) {
      for (let i = map.neighbourOffsets[a]!; i < map.neighbourOffsets[a + 1]!; i++) {
        const b = map.neighbours[i]!;
        if (a < b && gainOfSwap(map, goals, a, b) > 0) {
          swap(a, b);
          found = true;
        }
      }
    }
  }
  for (const leaf of leavesFirst(map)) serve(map, goals, leaf.place, leaf.isOpen, swap);
  return swaps;
}

/** By how much the distances of both tokens from their goals shrink together. */
function gainOfSwap(map: CouplingMap, goals: Int32Array, a: number, b: number): number {
  const change = (from: number, to: number) => {
    const goal = goals[from]!;
    if (goal === ANYTHING) return 0;
    return map.distances[from * map.qubitCount + goal]! - map.distances[to * map.qubitCount + goal]!;
  };
  return change(a, b) + change(b, a);
}

/** Places in an order in which those that come later stay connected, with a test for being among those or itself. */
function leavesFirst(map: CouplingMap): { place: number; isOpen: (other: number) => boolean }[] {
  const rank = new Int32Array(map.qubitCount).fill(-1);
  const found: number[] = [];
  for (let start = 0; start < map.qubitCount; start++) {
    if (rank[start]! >= 0) continue;
    const queue = [start];
    rank[start] = found.length;
    for (const place of queue) {
      rank[place] = found.push(place) - 1;
      for (let i = map.neighbourOffsets[place]!; i < map.neighbourOffsets[place + 1]!; i++) {
        const neighbour = map.neighbours[i]!;
        if (rank[neighbour]! >= 0) continue;
        rank[neighbour] = 0;
        queue.push(neighbour);
      }
    }
  }
  // In breadth-first order every place but the first of its part has an earlier neighbour.
  return found.toReversed().map((place) => ({ place, isOpen: (other) => rank[other]! <= rank[place]! }));
}

/**
 * Moves the token that belongs to a place there, over places that are not served yet; where none does, one that may be anywhere, so
 * that no other is left behind.
 */
function serve(
  map: CouplingMap,
  goals: Int32Array,
  place: number,
  isOpen: (place: number) => boolean,
  swap: (a: number, b: number) => void,
): void {
  const isAwaited = goals.includes(place);
  const isServed = goals[place] === (isAwaited ? place : ANYTHING);
  if (isServed) return;
  const path = pathToNearest(map, place, isOpen, (other) => goals[other] === (isAwaited ? place : ANYTHING));
  for (let i = path.length - 1; i > 0; i--) swap(path[i]!, path[i - 1]!);
}

/** A shortest way over open places to the nearest one wanted; there must be one. */
function pathToNearest(
  map: CouplingMap,
  start: number,
  isOpen: (place: number) => boolean,
  isWanted: (place: number) => boolean,
): number[] {
  const before = new Map([[start, start]]);
  for (const place of before.keys()) {
    if (isWanted(place)) {
      const path = [place];
      for (let at = place; at !== start; ) {
        at = before.get(at)!;
        path.unshift(at);
      }
      return path;
    }
    for (let i = map.neighbourOffsets[place]!; i < map.neighbourOffsets[place + 1]!; i++) {
      const neighbour = map.neighbours[i]!;
      if (!before.has(neighbour) && isOpen(neighbour)) before.set(neighbour, place);
    }
  }
  throw new InvalidArgumentError('Tokens cannot be brought home on this map', {
    expected: 'goals in the same connected part as the tokens',
    actual: `none for place ${start}`,
  });
}
