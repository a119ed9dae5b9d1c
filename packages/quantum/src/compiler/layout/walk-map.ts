import type { Random } from '@qedge/core';
import type { CouplingMap } from '../target/coupling-graph.ts';

/** Most and fewest paths that are followed at the same time: as many as look at about so many places in all. */
const WIDEST_BEAM = 48;
const NARROWEST_BEAM = 4;
const PLACES_LOOKED_AT = 800_000;
/** Neighbours per place that are looked at about as quickly as the place. */
const NEIGHBOURS_PER_PLACE = 4;
/** Ways on from the end of a path that are tried: more than sparse maps have. */
const MOST_WAYS_ON = 8;

/**
 * An order of so many connected places in which most have the one before as a neighbour: along a path as long as it can be found,
 * with places beside it put after a neighbour where they are needed. For circuits whose wires form a chain.
 */
export function walkMap(
  map: CouplingMap,
  places: ArrayLike<number>,
  count: number,
  random: Random,
): readonly number[] {
  const path = findLongPath(map, places, count, random);
  return path.length >= count ? path.slice(0, count) : insertOthers(map, path, count);
}

/** A path that is being extended, with what it leaves behind. */
interface Path {
  readonly end: number;
  readonly before: Path | null;
  readonly length: number;
  /** `[qubitCount]` 1 on the path, and where nothing may go. */
  readonly isTaken: Uint8Array;
  readonly score: number;
}

/** Beam search for a path that leaves few places behind. */
function findLongPath(
  map: CouplingMap,
  places: ArrayLike<number>,
  enough: number,
  random: Random,
): readonly number[] {
  const surroundings = new Surroundings(map);
  const isTaken = new Uint8Array(map.qubitCount).fill(1);
  for (let i = 0; i < places.length; i++) isTaken[places[i]!] = 0;
  const lookedAt = Math.max(places.length, map.neighbours.length / NEIGHBOURS_PER_PLACE);
  const affordable = Math.floor(PLACES_LOOKED_AT / (lookedAt * enough));
  const width = Math.max(NARROWEST_BEAM, Math.min(WIDEST_BEAM, affordable));
  let beam: Path[] = Array.from({ length: width }, () => {
    const end = places[random.integer(places.length)]!;
    const taken = isTaken.slice();
    taken[end] = 1;
    return { end, before: null, length: 1, isTaken: taken, score: 0 };
  });
  let best = beam[0]!;
  while (beam.length > 0) {
    const longer: Path[] = [];
    for (const path of beam) {
      const ends = surroundings.freeNeighbours(path.end, path.isTaken);
      const tried = ends.length > MOST_WAYS_ON ? random.shuffle(ends).slice(0, MOST_WAYS_ON) : ends;
      for (const end of tried) {
        const taken = path.isTaken.slice();
        taken[end] = 1;
        const score = surroundings.leftBehind(end, taken) + random.uniform();
        longer.push({ end, before: path, length: path.length + 1, isTaken: taken, score });
      }
    }
    beam = longer.sort((a, b) => a.score - b.score).slice(0, width);
    best = beam[0] ?? best;
    if (best.length >= enough) break;
  }
  const order: number[] = [];
  for (let path: Path | null = best; path !== null; path = path.before) order.push(path.end);
  return order.reverse();
}

/** What is around the end of a path. */
class Surroundings {
  readonly #map: CouplingMap;
  readonly #isSeen: Uint8Array;
  readonly #queue: Int32Array;

  constructor(map: CouplingMap) {
    this.#map = map;
    this.#isSeen = new Uint8Array(map.qubitCount);
    this.#queue = new Int32Array(map.qubitCount);
  }

  freeNeighbours(place: number, isTaken: Uint8Array): number[] {
    return neighboursOf(this.#map, place).filter((other) => isTaken[other] === 0);
  }

  /** How much there is that a path from its end on cannot pass: places out of reach, and all dead ends but one. */
  leftBehind(end: number, isTaken: Uint8Array): number {
    const { neighbours, neighbourOffsets } = this.#map;
    const [seen, queue] = [this.#isSeen, this.#queue];
    seen.set(isTaken);
    seen[end] = 1;
    queue[0] = end;
    let count = 1;
    let deadEnds = 0;
    for (let i = 0; i < count; i++) {
      let ways = 0;
      const place = queue[i]!;
      for (let k = neighbourOffsets[place]!; k < neighbourOffsets[place + 1]!; k++) {
        const other = neighbours[k]!;
        if (isTaken[other] === 0 || other === end) ways++;
        if (seen[other] === 1) continue;
        seen[other] = 1;
        queue[count++] = other;
      }
      if (ways <= 1 && place !== end) deadEnds++;
    }
    let unreached = 0;
    for (const isSeen of seen) unreached += 1 - isSeen;
    return unreached + Math.max(0, deadEnds - 1);
  }
}

/** Puts places beside the path after the neighbour that comes first, until there are enough, then those beside these. */
function insertOthers(map: CouplingMap, path: readonly number[], count: number): readonly number[] {
  const isTaken = new Uint8Array(map.qubitCount);
  for (const place of path) isTaken[place] = 1;
  let order = path;
  let missing = count - path.length;
  while (missing > 0) {
    const before = missing;
    order = order.flatMap((place) => {
      const beside: number[] = [];
      for (const other of neighboursOf(map, place)) {
        if (missing === 0 || isTaken[other] === 1) continue;
        isTaken[other] = 1;
        beside.push(other);
        missing--;
      }
      return [place, ...beside];
    });
    if (missing === before) break;
  }
  return order;
}

function neighboursOf(map: CouplingMap, place: number): readonly number[] {
  return Array.from(map.neighbours.slice(map.neighbourOffsets[place], map.neighbourOffsets[place + 1]));
}
