import { type CouplingMap, UNREACHABLE } from '../target/coupling-graph.ts';

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
  for (const leaf of leavesFirst(map)) bringTokenTo(map, goals, leaf.place, leaf.isLater, swap);
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

/** Places in an order in which those that come later stay connected, with a test for being later. */
function leavesFirst(map: CouplingMap): { place: number; isLater: (other: number) => boolean }[] {
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
  return found.toReversed().map((place) => ({ place, isLater: (other) => rank[other]! <= rank[place]! }));
}

/** Finds the token that belongs to a place and moves it there over places that are not served yet. */
function bringTokenTo(
  map: CouplingMap,
  goals: Int32Array,
  place: number,
  isOpen: (place: number) => boolean,
  swap: (a: number, b: number) => void,
): void {
  if (goals[place] === place) return;
  const token = goals.indexOf(place);
  if (token < 0) return;
  const path = pathBetween(map, token, place, isOpen);
  for (let i = 1; i < path.length; i++) swap(path[i - 1]!, path[i]!);
}

function pathBetween(
  map: CouplingMap,
  from: number,
  to: number,
  isOpen: (place: number) => boolean,
): number[] {
  const before = new Int32Array(map.qubitCount).fill(UNREACHABLE);
  const queue = [to];
  before[to] = to;
  for (const place of queue) {
    if (place === from) break;
    for (let i = map.neighbourOffsets[place]!; i < map.neighbourOffsets[place + 1]!; i++) {
      const neighbour = map.neighbours[i]!;
      if (before[neighbour] !== UNREACHABLE || !isOpen(neighbour)) continue;
      before[neighbour] = place;
      queue.push(neighbour);
    }
  }
  const path = [from];
  for (let place = from; place !== to; ) {
    place = before[place]!;
    path.push(place);
  }
  return path;
}
