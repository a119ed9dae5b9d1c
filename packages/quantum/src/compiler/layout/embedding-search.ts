import type { Random } from '@qedge/core';
import type { CouplingGraph } from '../target/coupling-graph.ts';
import { mayEmbed } from './embedding-conditions.ts';
import { crowdOrder, type InteractionGraph, pathOrder } from './interaction-graph.ts';

/** How long a search may take. */
export interface EmbeddingLimits {
  /** Placements tried in one attempt before the next one begins with other choices. */
  readonly stepsPerAttempt: number;
  readonly attempts: number;
}

/**
 * Looks for layouts in which every pair of wires that shares gates is coupled: subgraph monomorphism by depth-first search with
 * look-ahead on free neighbours (VF2, Cordella et al., IEEE TPAMI 26 (2004) 1367). Attempts alternate between placing wires along
 * paths, from their ends, which fits line-like circuits, and in order of most placed partners.
 *
 * @param accept is given each layout found, `[wires]` with -1 for wires without partners (borrowed); true ends the search.
 * @returns `proved` when all possibilities were tried: there are no other layouts.
 */
export function searchEmbeddings(
  pattern: InteractionGraph,
  graph: CouplingGraph,
  random: Random,
  { stepsPerAttempt, attempts }: EmbeddingLimits,
  accept: (layout: Int32Array) => boolean,
): 'accepted' | 'proved' | 'exhausted' {
  if (!mayEmbed(pattern, graph)) return 'proved';
  for (let attempt = 0; attempt < attempts; attempt++) {
    const order = attempt % 2 === 0 ? pathOrder(pattern) : crowdOrder(pattern);
    const search = new EmbeddingSearch(pattern, graph, order, attempt === 0 ? null : random, accept);
    const outcome = search.run(stepsPerAttempt);
    if (outcome !== 'exhausted') return outcome;
  }
  return 'exhausted';
}

/** One attempt: a depth-first search with a fixed order of wires. */
class EmbeddingSearch {
  readonly #pattern: InteractionGraph;
  readonly #graph: CouplingGraph;
  readonly #order: readonly number[];
  readonly #random: Random | null;
  readonly #accept: (layout: Int32Array) => boolean;
  readonly #layout: Int32Array;
  /** `[places]` the wire on each; -1 where it is free. */
  readonly #wireAt: Int32Array;
  /** Free neighbours of each place. */
  readonly #freeNeighbours: Int32Array;
  /** Partners of each wire that are not placed. */
  readonly #openPartners: Int32Array;

  constructor(
    pattern: InteractionGraph,
    graph: CouplingGraph,
    order: readonly number[],
    random: Random | null,
    accept: (layout: Int32Array) => boolean,
  ) {
    this.#pattern = pattern;
    this.#graph = graph;
    this.#order = order;
    this.#random = random;
    this.#accept = accept;
    this.#layout = new Int32Array(pattern.wireCount).fill(-1);
    this.#wireAt = new Int32Array(graph.qubitCount).fill(-1);
    this.#freeNeighbours = Int32Array.from({ length: graph.qubitCount }, (_, place) => graph.degree(place));
    this.#openPartners = Int32Array.from(pattern.partners, ({ length }) => length);
  }

  run(stepLimit: number): 'accepted' | 'proved' | 'exhausted' {
    const order = this.#order;
    if (order.length === 0) return this.#accept(this.#layout) ? 'accepted' : 'proved';
    /** For each depth the places still to be tried. */
    const choices: number[][] = [this.#choices(order[0]!)];
    for (let steps = 0; choices.length > 0; steps++) {
      if (steps >= stepLimit) return 'exhausted';
      const depth = choices.length - 1;
      const wire = order[depth]!;
      if (this.#layout[wire]! >= 0) this.#remove(wire);
      const place = choices[depth]!.pop();
      if (place === undefined) {
        choices.pop();
        continue;
      }
      this.#put(wire, place);
      if (!this.#leavesRoom(wire)) continue;
      if (depth + 1 < order.length) choices.push(this.#choices(order[depth + 1]!));
      else if (this.#accept(this.#layout)) return 'accepted';
    }
    return 'proved';
  }

  #put(wire: number, place: number): void {
    this.#layout[wire] = place;
    this.#wireAt[place] = wire;
    for (const neighbour of this.#graph.neighboursOf(place)) this.#freeNeighbours[neighbour]!--;
    for (const partner of this.#pattern.partners[wire]!) this.#openPartners[partner]!--;
  }

  #remove(wire: number): void {
    const place = this.#layout[wire]!;
    this.#layout[wire] = -1;
    this.#wireAt[place] = -1;
    for (const neighbour of this.#graph.neighboursOf(place)) this.#freeNeighbours[neighbour]!++;
    for (const partner of this.#pattern.partners[wire]!) this.#openPartners[partner]!++;
  }

  /** Whether every placed partner, and the wire itself, still has free neighbours enough for those to come. */
  #leavesRoom(wire: number): boolean {
    if (this.#freeNeighbours[this.#layout[wire]!]! < this.#openPartners[wire]!) return false;
    for (const neighbour of this.#graph.neighboursOf(this.#layout[wire]!)) {
      const owner = this.#wireAt[neighbour]!;
      if (owner >= 0 && this.#freeNeighbours[neighbour]! < this.#openPartners[owner]!) return false;
    }
    return true;
  }

  /** Places for a wire, the most promising last: those with fewest free neighbours, so that no holes are left behind. */
  #choices(wire: number): number[] {
    const anchors = this.#pattern.partners[wire]!.filter((partner) => this.#layout[partner]! >= 0);
    const places =
      anchors.length > 0 ? this.#graph.neighboursOf(this.#layout[anchors[0]!]!) : this.#allPlaces();
    const fitting = [...places].filter(
      (place) =>
        this.#wireAt[place]! < 0 &&
        this.#freeNeighbours[place]! >= this.#openPartners[wire]! &&
        anchors.every((anchor) => this.#graph.distance(place, this.#layout[anchor]!) === 1),
    );
    this.#random?.shuffle(fitting);
    return fitting.sort((a, b) => this.#freeNeighbours[b]! - this.#freeNeighbours[a]!);
  }

  #allPlaces(): number[] {
    return Array.from({ length: this.#graph.qubitCount }, (_, place) => place);
  }
}
