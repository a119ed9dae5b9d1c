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

/** One attempt: a depth-first search with a fixed order of wires. Nothing is allocated in the loop. */
class EmbeddingSearch {
  readonly #graph: CouplingGraph;
  readonly #order: readonly number[];
  /** `[places]` decides between places with equally many free neighbours: below 1. */
  readonly #preferences: Float64Array;
  readonly #accept: (layout: Int32Array) => boolean;
  readonly #layout: Int32Array;
  /** `[places]` the wire on each; -1 where it is free. */
  readonly #wireAt: Int32Array;
  /** Free neighbours of each place. */
  readonly #freeNeighbours: Int32Array;
  /** The partners of each wire, in compressed rows. */
  readonly #partnerOffsets: Int32Array;
  readonly #partners: Int32Array;
  /** Partners of each wire that are not placed. */
  readonly #openPartners: Int32Array;
  /** Places still to be tried at each depth, one after the other. */
  #choices: Int32Array;
  /** `[depth + 1]` where each depth's begin. */
  readonly #choiceOffsets: Int32Array;

  constructor(
    { wireCount, partners }: InteractionGraph,
    graph: CouplingGraph,
    order: readonly number[],
    random: Random | null,
    accept: (layout: Int32Array) => boolean,
  ) {
    this.#graph = graph;
    this.#order = order;
    this.#preferences = Float64Array.from({ length: graph.qubitCount }, () => random?.uniform() ?? 0);
    this.#accept = accept;
    this.#layout = new Int32Array(wireCount).fill(-1);
    this.#wireAt = new Int32Array(graph.qubitCount).fill(-1);
    this.#freeNeighbours = Int32Array.from({ length: graph.qubitCount }, (_, place) => graph.degree(place));
    this.#openPartners = Int32Array.from(partners, ({ length }) => length);
    this.#partnerOffsets = new Int32Array(wireCount + 1);
    partners.forEach(({ length }, wire) => {
      this.#partnerOffsets[wire + 1] = this.#partnerOffsets[wire]! + length;
    });
    this.#partners = Int32Array.from(partners.flat());
    this.#choices = new Int32Array(4 * graph.qubitCount);
    this.#choiceOffsets = new Int32Array(order.length + 2);
  }

  run(stepLimit: number): 'accepted' | 'proved' | 'exhausted' {
    const [order, layout, offsets] = [this.#order, this.#layout, this.#choiceOffsets];
    if (order.length === 0) return this.#accept(layout) ? 'accepted' : 'proved';
    let depth = 0;
    let top = this.#collectChoices(order[0]!, 0);
    for (let steps = 0; depth >= 0; steps++) {
      if (steps >= stepLimit) return 'exhausted';
      const wire = order[depth]!;
      if (layout[wire]! >= 0) this.#remove(wire);
      if (top === offsets[depth]) {
        depth--;
        continue;
      }
      this.#put(wire, this.#choices[--top]!);
      if (!this.#leavesRoom(wire)) continue;
      if (depth + 1 === order.length) {
        if (this.#accept(layout)) return 'accepted';
        continue;
      }
      offsets[++depth] = top;
      top = this.#collectChoices(order[depth]!, top);
    }
    return 'proved';
  }

  #put(wire: number, place: number): void {
    this.#layout[wire] = place;
    this.#wireAt[place] = wire;
    this.#addToSurroundings(wire, place, -1);
  }

  #remove(wire: number): void {
    const place = this.#layout[wire]!;
    this.#layout[wire] = -1;
    this.#wireAt[place] = -1;
    this.#addToSurroundings(wire, place, 1);
  }

  #addToSurroundings(wire: number, place: number, change: number): void {
    const { neighbourOffsets, neighbours } = this.#graph;
    for (let i = neighbourOffsets[place]!; i < neighbourOffsets[place + 1]!; i++) {
      this.#freeNeighbours[neighbours[i]!]! += change;
    }
    for (let i = this.#partnerOffsets[wire]!; i < this.#partnerOffsets[wire + 1]!; i++) {
      this.#openPartners[this.#partners[i]!]! += change;
    }
  }

  /** Whether the wire and those around it still have free neighbours enough for their partners to come. */
  #leavesRoom(wire: number): boolean {
    const { neighbourOffsets, neighbours } = this.#graph;
    const place = this.#layout[wire]!;
    if (this.#freeNeighbours[place]! < this.#openPartners[wire]!) return false;
    for (let i = neighbourOffsets[place]!; i < neighbourOffsets[place + 1]!; i++) {
      const owner = this.#wireAt[neighbours[i]!]!;
      if (owner >= 0 && this.#freeNeighbours[neighbours[i]!]! < this.#openPartners[owner]!) return false;
    }
    return true;
  }

  /**
   * Writes the places for a wire from `start` on, the most promising last: those with fewest free neighbours, so that no holes are
   * left behind.
   *
   * @returns where they end.
   */
  #collectChoices(wire: number, start: number): number {
    const { neighbourOffsets, neighbours, qubitCount } = this.#graph;
    let anchor = -1;
    for (let i = this.#partnerOffsets[wire]!; i < this.#partnerOffsets[wire + 1]! && anchor < 0; i++) {
      anchor = this.#layout[this.#partners[i]!]!;
    }
    const from = anchor < 0 ? 0 : neighbourOffsets[anchor]!;
    const to = anchor < 0 ? qubitCount : neighbourOffsets[anchor + 1]!;
    this.#reserve(start + to - from);
    let end = start;
    for (let i = from; i < to; i++) {
      const place = anchor < 0 ? i : neighbours[i]!;
      if (this.#fits(wire, place)) this.#choices[end++] = place;
    }
    this.#sortChoices(start, end);
    return end;
  }

  #fits(wire: number, place: number): boolean {
    if (this.#wireAt[place]! >= 0 || this.#freeNeighbours[place]! < this.#openPartners[wire]!) return false;
    const { distances, qubitCount } = this.#graph;
    for (let i = this.#partnerOffsets[wire]!; i < this.#partnerOffsets[wire + 1]!; i++) {
      const partnerPlace = this.#layout[this.#partners[i]!]!;
      if (partnerPlace >= 0 && distances[place * qubitCount + partnerPlace] !== 1) return false;
    }
    return true;
  }

  #reserve(length: number): void {
    if (length <= this.#choices.length) return;
    const longer = new Int32Array(2 * length);
    longer.set(this.#choices);
    this.#choices = longer;
  }

  /** By free neighbours, most first. */
  #sortChoices(start: number, end: number): void {
    const [choices, ranks, preferences] = [this.#choices, this.#freeNeighbours, this.#preferences];
    // Few, but for wires without placed partners.
    if (end - start > SMALL_SORT) {
      choices.subarray(start, end).sort((a, b) => ranks[b]! + preferences[b]! - ranks[a]! - preferences[a]!);
      return;
    }
    for (let i = start + 1; i < end; i++) {
      const place = choices[i]!;
      const rank = ranks[place]! + preferences[place]!;
      let j = i - 1;
      for (; j >= start && ranks[choices[j]!]! + preferences[choices[j]!]! < rank; j--) {
        choices[j + 1] = choices[j]!;
      }
      choices[j + 1] = place;
    }
  }
}

/** Up to so many are sorted by insertion. */
const SMALL_SORT = 16;
