import type { Random } from '@qedge/core';
import type { Work } from '../in-turns.ts';
import type { CouplingMap } from '../target/coupling-graph.ts';
import { PairCosts } from './pair-costs.ts';
import { ReadyNodes } from './ready-nodes.ts';
import type { RoutingDag } from './routing-dag.ts';
import type { RoutingHeuristic } from './routing-heuristic.ts';
import { SwapScores } from './swap-scores.ts';

/** What a call of {@link SwapRouter.route} is about. */
export interface RouteOptions {
  readonly heuristic: RoutingHeuristic;
  /** Breaks ties. */
  readonly random: Random;
  /** Gives up as soon as the cost is above. */
  readonly costLimit: number;
}

/** How often the router pauses, in swaps. */
const SWAPS_BETWEEN_PAUSES = 256;
/** How much a swap makes further swaps of its places dearer until a node is done, so that parallel ones are preferred. */
const DECAY_STEP = 0.001;
const SWAPS_UNTIL_DECAY_ENDS = 5;
/** In a ranked front, how many nodes propose swaps, and the least weight. */
const RANKED_PROPOSING_NODES = 6;
const LEAST_FRONT_WEIGHT = 0.03;
/** In wide circuits, only so many of the nearest nodes propose swaps: others would not be chosen, but cost time. */
const MOST_PROPOSING_NODES = 48;
/** Scores closer than this are equal. */
const TIE = 1e-10;

/**
 * Inserts swaps until every node of a circuit is between neighbours: of all swaps next to a wire that waits, the one after which
 * the waiting nodes and those behind them are nearest (Li, Ding, Xie, arXiv:1809.02573, with a geometric look-ahead), and which
 * costs least where it merges with the gates before it. Holds its memory between calls; nothing is allocated in the loop.
 *
 * After {@link route}, `record` holds what was done in order: a node's number, or `-1 - (a * qubitCount + b)` for a swap.
 */
export class SwapRouter {
  /** `[qubitCount]` where each wire is; wires beyond the circuit's are spare. */
  readonly places: Int32Array;
  record = new Int32Array(1024);
  recordLength = 0;
  swapCount = 0;
  readonly #map: CouplingMap;
  readonly #dag: RoutingDag;
  readonly #ready: ReadyNodes;
  readonly #costs: PairCosts;
  readonly #scores: SwapScores;
  readonly #wireAt: Int32Array;
  readonly #front: Int32Array;
  #frontLength = 0;
  /** Wires that propose swaps. */
  readonly #isProposing: Uint8Array;
  readonly #proposing: Int32Array;
  #proposingCount = 0;
  readonly #decay: Float64Array;
  readonly #decayed = new Int32Array(2 * SWAPS_UNTIL_DECAY_ENDS);
  #decayedCount = 0;
  /** Pairs of places of the best swaps. */
  #candidates = new Int32Array(256);
  #chosenA = -1;
  #chosenB = -1;
  /** `[places]` in which round each place was swapped last; a round ends when a node is done. */
  readonly #swapRounds: Int32Array;
  #round = 0;

  constructor(map: CouplingMap, dag: RoutingDag) {
    this.#map = map;
    this.#dag = dag;
    this.#ready = new ReadyNodes(dag);
    this.#costs = new PairCosts(map.qubitCount);
    this.#scores = new SwapScores(map);
    this.places = new Int32Array(map.qubitCount);
    this.#wireAt = new Int32Array(map.qubitCount);
    this.#front = new Int32Array(dag.nodeCount);
    this.#isProposing = new Uint8Array(map.qubitCount);
    this.#proposing = new Int32Array(map.qubitCount);
    this.#decay = new Float64Array(map.qubitCount).fill(1);
    this.#swapRounds = new Int32Array(map.qubitCount).fill(-1);
  }

  /** Two-qubit gates of what was done, where gates and swaps that follow one another on a pair are merged. */
  get cost(): number {
    return this.#costs.total;
  }

  /**
   * Routes the circuit from a layout. Gives up at a pause when it is told to settle.
   *
   * @param layout `[qubitCount]` the place of each wire, spare wires included; not changed.
   * @returns false when it gave up.
   */
  *route(layout: Int32Array, { heuristic, random, costLimit }: RouteOptions): Work<boolean> {
    this.#restart(layout);
    this.#drain();
    let isStale = true;
    let swapsWithoutProgress = 0;
    const patience = 3 * this.#map.qubitCount;
    while (this.#frontLength > 0) {
      if (this.#costs.total > costLimit) return false;
      if (this.swapCount % SWAPS_BETWEEN_PAUSES === 0 && (yield)) return false;
      if (isStale) this.#lookAhead(heuristic);
      const isStuck = ++swapsWithoutProgress > patience || !this.#chooseSwap(heuristic, random);
      if (isStuck) this.#bringNearestTogether();
      else this.#swap(this.#chosenA, this.#chosenB);
      isStale = this.#executeFront();
      if (isStale) {
        this.#drain();
        swapsWithoutProgress = 0;
        this.#round++;
        this.#endDecay();
      } else this.#addDecay();
    }
    this.#scores.clear();
    return true;
  }

  #restart(layout: Int32Array): void {
    this.places.set(layout);
    for (let wire = 0; wire < layout.length; wire++) this.#wireAt[layout[wire]!] = wire;
    this.#ready.restart();
    this.#costs.restart();
    this.#frontLength = 0;
    this.recordLength = 0;
    this.swapCount = 0;
    this.#round++;
    this.#endDecay();
  }

  /** Does what is ready and possible; the rest joins the front. */
  #drain(): void {
    for (let node = this.#ready.take(); node >= 0; node = this.#ready.take()) {
      if (!this.#tryExecute(node)) this.#front[this.#frontLength++] = node;
    }
  }

  /** @returns whether any node of the front was done. */
  #executeFront(): boolean {
    const before = this.#frontLength;
    for (let i = before - 1; i >= 0; i--) {
      if (this.#tryExecute(this.#front[i]!)) this.#front[i] = this.#front[--this.#frontLength]!;
    }
    return this.#frontLength < before;
  }

  #tryExecute(node: number): boolean {
    const first = this.#dag.first[node]!;
    if (first < 0) this.#closeBlocks(node);
    else {
      const a = this.places[first]!;
      const b = this.places[this.#dag.second[node]!]!;
      if (this.#map.distances[a * this.#map.qubitCount + b] !== 1) return false;
      this.#costs.addGate(a, b, this.#dag.costs[node]!, this.#dag.costsWithSwap[node]!);
    }
    this.#write(node);
    this.#ready.complete(node);
    return true;
  }

  #closeBlocks(node: number): void {
    const { nodeGroupOffsets, nodeGroups, groupWires } = this.#dag;
    for (let i = nodeGroupOffsets[node]!; i < nodeGroupOffsets[node + 1]!; i++) {
      const wire = groupWires[nodeGroups[i]!]!;
      if (wire >= 0) this.#costs.close(this.places[wire]!);
    }
  }

  #write(step: number): void {
    if (this.recordLength === this.record.length) {
      const longer = new Int32Array(2 * this.record.length);
      longer.set(this.record);
      this.record = longer;
    }
    this.record[this.recordLength++] = step;
  }

  #swap(a: number, b: number): void {
    const [first, second] = [this.#wireAt[a]!, this.#wireAt[b]!];
    this.#wireAt[a] = second;
    this.#wireAt[b] = first;
    this.places[first] = b;
    this.places[second] = a;
    this.#costs.addSwap(a, b);
    this.#write(-1 - (a * this.#map.qubitCount + b));
    this.swapCount++;
    this.#swapRounds[a] = this.#round;
  }

  /** Collects the pairs that count, and the wires that propose swaps. */
  #lookAhead({ lookAhead, lookAheadWeight, fading, frontFading }: RoutingHeuristic): void {
    const { first, second } = this.#dag;
    const scores = this.#scores;
    scores.clear();
    for (let i = 0; i < this.#proposingCount; i++) this.#isProposing[this.#proposing[i]!] = 0;
    this.#proposingCount = 0;
    const isRanked = frontFading < 1 && this.#frontLength > 3;
    const proposingNodes = isRanked ? RANKED_PROPOSING_NODES : MOST_PROPOSING_NODES;
    if (isRanked || this.#frontLength > proposingNodes) this.#sortFront();
    let weight = 1;
    for (let i = 0; i < this.#frontLength; i++) {
      const node = this.#front[i]!;
      scores.add(first[node]!, second[node]!, weight);
      if (isRanked && i > 0) weight = Math.max(LEAST_FRONT_WEIGHT, weight * frontFading);
      if (i >= proposingNodes) continue;
      this.#propose(first[node]!);
      this.#propose(second[node]!);
    }
    const count = lookAhead > 0 ? this.#ready.lookAhead(this.#front, this.#frontLength, lookAhead) : 0;
    weight = lookAheadWeight;
    for (let i = 0; i < count; i++) {
      const node = this.#ready.ahead[i]!;
      scores.add(first[node]!, second[node]!, weight);
      weight *= fading;
    }
    scores.arrange();
  }

  #propose(wire: number): void {
    if (this.#isProposing[wire] === 1) return;
    this.#isProposing[wire] = 1;
    this.#proposing[this.#proposingCount++] = wire;
  }

  /** By distance. Distances are small, and fronts mostly sorted from before: by insertion. */
  #sortFront(): void {
    const front = this.#front;
    for (let i = 1; i < this.#frontLength; i++) {
      const node = front[i]!;
      const distance = this.#distanceOf(node);
      let j = i - 1;
      for (; j >= 0 && this.#distanceOf(front[j]!) > distance; j--) front[j + 1] = front[j]!;
      front[j + 1] = node;
    }
  }

  #distanceOf(node: number): number {
    const { distances, qubitCount } = this.#map;
    return distances[
      this.places[this.#dag.first[node]!]! * qubitCount + this.places[this.#dag.second[node]!]!
    ]!;
  }

  /** Leaves the best swap in `#chosenA` and `#chosenB`. @returns false when there is none but to undo others. */
  #chooseSwap({ priceWeight }: RoutingHeuristic, random: Random): boolean {
    const { neighbourOffsets, neighbours } = this.#map;
    const [places, wireAt, decay, scores] = [this.places, this.#wireAt, this.#decay, this.#scores];
    let base = 1;
    for (let i = 0; i < this.#frontLength; i++) base += this.#distanceOf(this.#front[i]!);
    let best = Number.POSITIVE_INFINITY;
    let count = 0;
    for (let i = 0; i < this.#proposingCount; i++) {
      const wire = this.#proposing[i]!;
      const a = places[wire]!;
      const here = scores.distanceAt(wire, a, places);
      const end = neighbourOffsets[a + 1]!;
      for (let j = neighbourOffsets[a]!; j < end; j++) {
        const b = neighbours[j]!;
        const other = wireAt[b]!;
        // A swap that both sides propose is looked at once.
        if (b < a && this.#isProposing[other] === 1) continue;
        if (this.#isTurnedBack(a, b)) continue;
        const change = scores.changeBySwap(wire, other, places, here);
        let score = (base + change) * Math.max(decay[a]!, decay[b]!);
        if (priceWeight > 0) score += (priceWeight * this.#costs.priceOfSwap(a, b)) / 3;
        if (score > best + TIE) continue;
        if (score < best - TIE) {
          best = score;
          count = 0;
        }
        if (2 * count + 2 > this.#candidates.length) this.#growCandidates();
        this.#candidates[2 * count] = a;
        this.#candidates[2 * count + 1] = b;
        count++;
      }
    }
    if (count === 0) return false;
    const chosen = count === 1 ? 0 : random.integer(count);
    this.#chosenA = this.#candidates[2 * chosen]!;
    this.#chosenB = this.#candidates[2 * chosen + 1]!;
    return true;
  }

  /** Whether a swap would undo one without anything having been done between. */
  #isTurnedBack(a: number, b: number): boolean {
    const isRecent = this.#swapRounds[a] === this.#round || this.#swapRounds[b] === this.#round;
    return isRecent && this.#costs.isSwapped(a, b);
  }

  #growCandidates(): void {
    const longer = new Int32Array(2 * this.#candidates.length);
    longer.set(this.#candidates);
    this.#candidates = longer;
  }

  /** Against walking in circles: moves the wires of the nearest node along a shortest way. */
  #bringNearestTogether(): void {
    const { distances, qubitCount, neighbourOffsets, neighbours } = this.#map;
    let nearest = this.#front[0]!;
    for (let i = 1; i < this.#frontLength; i++) {
      if (this.#distanceOf(this.#front[i]!) < this.#distanceOf(nearest)) nearest = this.#front[i]!;
    }
    const goal = this.places[this.#dag.second[nearest]!]!;
    for (let left = this.#distanceOf(nearest); left > 1; left--) {
      const from = this.places[this.#dag.first[nearest]!]!;
      for (let j = neighbourOffsets[from]!; j < neighbourOffsets[from + 1]!; j++) {
        const to = neighbours[j]!;
        if (distances[to * qubitCount + goal] !== left - 1) continue;
        this.#swap(from, to);
        break;
      }
    }
  }

  #addDecay(): void {
    if (this.#decayedCount + 2 > this.#decayed.length) {
      this.#endDecay();
      return;
    }
    for (const place of [this.#chosenA, this.#chosenB]) {
      this.#decay[place]! += DECAY_STEP;
      this.#decayed[this.#decayedCount++] = place;
    }
  }

  #endDecay(): void {
    for (let i = 0; i < this.#decayedCount; i++) this.#decay[this.#decayed[i]!] = 1;
    this.#decayedCount = 0;
  }
}
