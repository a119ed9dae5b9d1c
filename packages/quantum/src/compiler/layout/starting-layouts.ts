import type { Random } from '@qedge/core';
import type { CouplingMap } from '../target/coupling-graph.ts';
import type { InteractionGraph } from './interaction-graph.ts';
import type { MapRegion } from './map-regions.ts';
import { walkMap } from './walk-map.ts';

/**
 * How a starting layout places wires: `disc`, in a random order around a random place; `grown`, each as near as possible to its
 * partners that are placed; `path`, each as near as possible to the one that is used before it. Chains of wires go along a walk over
 * the map in the last two.
 */
export type StartingShape = 'disc' | 'grown' | 'path';

/**
 * A layout to begin with.
 *
 * @returns `[qubitCount]` the place of every wire; the numbers from `wireCount` on are spare wires.
 */
export function startingLayout(
  map: CouplingMap,
  { partners, wireCount }: Pick<InteractionGraph, 'partners' | 'wireCount'>,
  regions: readonly MapRegion[],
  shape: StartingShape,
  random: Random,
): Int32Array {
  const layout = new Int32Array(map.qubitCount).fill(-1);
  for (const region of regions) {
    if (region.wires.length === 0) continue;
    if (shape === 'disc') fillDisc(map, region, layout, random);
    else if (isChain(region, partners)) layAlongWalk(map, region, layout, random);
    else growLayout(map, region, partners, shape, layout, random);
  }
  return fillLayout(map, layout, wireCount);
}

/**
 * Puts wires without a place on the free places that work, in ascending order, and then spare wires on what is left.
 *
 * @param layout `[qubitCount]` with -1 where there is no place yet; changed.
 * @param wireCount at most as many as there are working places.
 * @returns the same array.
 */
export function fillLayout(
  map: Pick<CouplingMap, 'faulty'>,
  layout: Int32Array,
  wireCount: number,
): Int32Array {
  const isTaken = map.faulty.slice();
  for (let wire = 0; wire < wireCount; wire++) if (layout[wire]! >= 0) isTaken[layout[wire]!] = 1;
  const free = [...isTaken.keys()].filter((place) => isTaken[place] === 0);
  let used = 0;
  for (let wire = 0; wire < wireCount; wire++) if (layout[wire]! < 0) layout[wire] = free[used++]!;
  const faulty = [...map.faulty.keys()].filter((place) => map.faulty[place] === 1);
  layout.set([...free.slice(used), ...faulty], wireCount);
  return layout;
}

/** Whether no wire has more than two partners. */
function isChain({ wires }: MapRegion, partners: readonly (readonly number[])[]): boolean {
  return wires.every((wire) => partners[wire]!.length <= 2);
}

/** Puts a chain of wires along a walk. */
function layAlongWalk(
  map: CouplingMap,
  { places, pathOrder }: MapRegion,
  layout: Int32Array,
  random: Random,
): void {
  walkMap(map, places, pathOrder.length, random).forEach((place, i) => {
    layout[pathOrder[i]!] = place;
  });
}

/** Places by distance from a random one, in a random order within each distance. */
function fillDisc(map: CouplingMap, { places, wires }: MapRegion, layout: Int32Array, random: Random): void {
  const start = places[random.integer(places.length)]!;
  const isSeen = new Uint8Array(map.qubitCount);
  isSeen[start] = 1;
  const order = [start];
  for (const place of order) {
    const from = map.neighbourOffsets[place]!;
    const neighbours = map.neighbours.slice(from, map.neighbourOffsets[place + 1]!);
    for (const neighbour of random.shuffle(neighbours)) {
      if (isSeen[neighbour] === 1) continue;
      isSeen[neighbour] = 1;
      order.push(neighbour);
    }
  }
  random.shuffle(wires.slice()).forEach((wire, i) => {
    layout[wire] = order[i]!;
  });
}

/** Grown layouts of so many placements are tried several times; larger ones take too long. */
const MOST_TRIED_PLACEMENTS = 1 << 16;
const ATTEMPTS = 6;

/** Grows a layout some times and keeps the one whose wires are nearest to their anchors. */
function growLayout(
  map: CouplingMap,
  region: MapRegion,
  partners: readonly (readonly number[])[],
  shape: 'grown' | 'path',
  layout: Int32Array,
  random: Random,
): void {
  const attempts = region.wires.length * region.places.length > MOST_TRIED_PLACEMENTS ? 1 : ATTEMPTS;
  let bestDistance = Number.POSITIVE_INFINITY;
  const best = new Int32Array(layout.length);
  for (let attempt = 0; attempt < attempts; attempt++) {
    for (const wire of region.wires) layout[wire] = -1;
    const distance = growOnce(map, region, partners, shape, layout, random);
    if (distance >= bestDistance) continue;
    bestDistance = distance;
    best.set(layout);
  }
  layout.set(best);
}

/**
 * Places wires one by one on the free place nearest to their anchors. Among places equally near, one with few free neighbours is
 * taken, so that no holes are left behind.
 *
 * @returns the sum of the distances from anchors.
 */
function growOnce(
  map: CouplingMap,
  { places, wires, pathOrder }: MapRegion,
  partners: readonly (readonly number[])[],
  shape: 'grown' | 'path',
  layout: Int32Array,
  random: Random,
): number {
  const free = Array.from(places);
  const freeNeighbours = new Int32Array(map.qubitCount);
  for (const place of places) {
    freeNeighbours[place] = map.neighbourOffsets[place + 1]! - map.neighbourOffsets[place]!;
  }
  let previous = -1;
  let distance = 0;
  for (const wire of shape === 'path' ? wires : pathOrder) {
    let anchors = shape === 'grown' ? partners[wire]!.filter((partner) => layout[partner]! >= 0) : [];
    if (anchors.length === 0 && previous >= 0) anchors = [previous];
    const anchorPlaces = anchors.map((anchor) => layout[anchor]!);
    const index = nearestFree(map, free, freeNeighbours, anchorPlaces, random);
    const place = free[index]!;
    free[index] = free[free.length - 1]!;
    free.pop();
    layout[wire] = place;
    for (const anchor of anchorPlaces) distance += map.distances[anchor * map.qubitCount + place]!;
    for (let i = map.neighbourOffsets[place]!; i < map.neighbourOffsets[place + 1]!; i++) {
      freeNeighbours[map.neighbours[i]!]!--;
    }
    previous = wire;
  }
  return distance;
}

/** An index into `free`. */
function nearestFree(
  map: CouplingMap,
  free: readonly number[],
  freeNeighbours: Int32Array,
  anchors: readonly number[],
  random: Random,
): number {
  if (anchors.length === 0) return random.integer(free.length);
  let best = 0;
  let bestScore = Number.POSITIVE_INFINITY;
  for (let i = 0; i < free.length; i++) {
    const place = free[i]!;
    let score = 0;
    for (const anchor of anchors) score += map.distances[anchor * map.qubitCount + place]!;
    // Free neighbours decide between equal distances, chance between the rest.
    score *= 1 << 13;
    if (score > bestScore) continue;
    score += freeNeighbours[place]! + random.uniform();
    if (score < bestScore) [best, bestScore] = [i, score];
  }
  return best;
}
