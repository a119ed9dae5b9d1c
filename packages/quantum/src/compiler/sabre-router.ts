/**
 * @file Routing by SABRE (Li, Ding, Xie, ASPLOS 2019): while the next two-qubit gates are not between neighbours, swap the pair
 * of neighbours that brings the coming gates closest, the nearer ones weighing more.
 */
import { type Random, throwIfCancelled, UnsupportedError } from '@qedge/core';
import type { Instruction } from '../circuit/instruction.ts';
import type { DependencyGraph } from './dependency-graph.ts';
import type { CouplingGraph } from './target/coupling-graph.ts';

/** What the router did, in order: an instruction by index, or a swap of two physical qubits. */
export type RoutingStep = number | readonly [number, number];

/** How a router decides. */
export interface SabreHeuristic {
  /** Two-qubit gates beyond the next ones that count. */
  readonly lookAhead: number;
  /** Each of them weighs this fraction of the one before. */
  readonly decay: number;
  /** Swaps without progress, for each physical qubit, after which a gate is walked together along a shortest way. */
  readonly patience: number;
}

/** Result of one routing. */
export interface RoutedOrder {
  readonly steps: readonly RoutingStep[];
  readonly swapCount: number;
}

/** Each use of a qubit in a swap makes the next one this much less attractive, so that swaps spread out. */
const DECAY_STEP = 0.001;
/** Swaps after which the decay is forgotten. */
const DECAY_RESET = 5;
const TIE = 1e-10;

/** Routes one circuit over one coupling graph, starting from a layout that it changes as it goes. */
export class SabreRouter {
  readonly #graph: CouplingGraph;
  readonly #dependencies: DependencyGraph;
  readonly #random: Random;
  readonly #heuristic: SabreHeuristic;
  /** Physical qubit of each virtual one; virtual qubits beyond the circuit's are spare. */
  readonly #physical: Int32Array;
  readonly #virtual: Int32Array;
  readonly #waitingFor: Uint32Array;
  readonly #ready: number[] = [];
  /** Two-qubit gates that only wait for their qubits to meet. */
  #front: number[] = [];
  readonly #steps: RoutingStep[] = [];
  #swapCount = 0;
  readonly #decay: Float64Array;
  /** For each virtual qubit, its partners in coming gates with their weights. */
  readonly #partners: { qubit: number; weight: number }[][];

  /** @param layout physical qubit of every virtual qubit, spare ones included; changed in place. */
  constructor(
    graph: CouplingGraph,
    dependencies: DependencyGraph,
    layout: Int32Array,
    random: Random,
    heuristic: SabreHeuristic,
  ) {
    this.#graph = graph;
    this.#dependencies = dependencies;
    this.#random = random;
    this.#heuristic = heuristic;
    this.#physical = layout;
    this.#virtual = new Int32Array(layout.length);
    layout.forEach((place, qubit) => {
      this.#virtual[place] = qubit;
    });
    this.#waitingFor = dependencies.predecessorCounts.slice();
    this.#decay = new Float64Array(graph.qubitCount).fill(1);
    this.#partners = Array.from(layout, () => []);
  }

  /** @throws CancelledError once the signal is aborted. */
  run(signal?: AbortSignal): RoutedOrder {
    this.#waitingFor.forEach((count, index) => {
      if (count === 0) this.#ready.push(index);
    });
    this.#execute();
    const patience = this.#heuristic.patience * this.#graph.qubitCount;
    let [stuck, checkpoint] = [0, this.#steps.length];
    while (this.#front.length > 0) {
      if (stuck === 0) {
        throwIfCancelled(signal, 'Routing');
        this.#collectPartners();
      }
      if (stuck % DECAY_RESET === 0) this.#decay.fill(1);
      if (stuck < patience) this.#swap(...this.#chooseSwap());
      else {
        this.#undoSwapsSince(checkpoint);
        this.#walkNearestGate();
      }
      stuck++;
      if (this.#execute()) [stuck, checkpoint] = [0, this.#steps.length];
    }
    return { steps: this.#steps, swapCount: this.#swapCount };
  }

  /** Emits everything that can run where the qubits are now. @returns whether anything did. */
  #execute(): boolean {
    this.#ready.push(...this.#front.filter((index) => this.#isAdjacent(index)));
    this.#front = this.#front.filter((index) => !this.#isAdjacent(index));
    let progressed = false;
    for (let index = this.#ready.shift(); index !== undefined; index = this.#ready.shift()) {
      if (!this.#isAdjacent(index)) {
        this.#front.push(index);
        continue;
      }
      progressed = true;
      this.#steps.push(index);
      for (const successor of this.#dependencies.successors[index]!) {
        this.#waitingFor[successor]!--;
        if (this.#waitingFor[successor] === 0) this.#ready.push(successor);
      }
    }
    return progressed;
  }

  #isAdjacent(index: number): boolean {
    const instruction = this.#dependencies.instructions[index]!;
    if (!needsNeighbours(instruction)) return true;
    const [a, b] = instruction.qubits;
    return this.#graph.distance(this.#physical[a!]!, this.#physical[b!]!) === 1;
  }

  /** Lists the gates in front with weight 1 and those that come after with falling weights. */
  #collectPartners(): void {
    for (const partners of this.#partners) partners.length = 0;
    const add = (index: number, weight: number) => {
      const [a, b] = this.#dependencies.instructions[index]!.qubits;
      this.#partners[a!]!.push({ qubit: b!, weight });
      this.#partners[b!]!.push({ qubit: a!, weight });
    };
    for (const index of this.#front) add(index, 1);
    const reached = new Map<number, number>();
    const queue = [...this.#front];
    let [found, weight] = [0, 0.5];
    for (const index of queue) {
      for (const successor of this.#dependencies.successors[index]!) {
        if (found >= this.#heuristic.lookAhead) return;
        const left = (reached.get(successor) ?? this.#waitingFor[successor]!) - 1;
        reached.set(successor, left);
        if (left > 0) continue;
        queue.push(successor);
        if (!needsNeighbours(this.#dependencies.instructions[successor]!)) continue;
        add(successor, weight);
        weight *= this.#heuristic.decay;
        found++;
      }
    }
  }

  /** The best swap of neighbours of which one waits in front; ties are broken at random. */
  #chooseSwap(): [number, number] {
    const waiting = new Set(this.#front.flatMap((index) => this.#dependencies.instructions[index]!.qubits));
    const base = this.#front.reduce((sum, index) => sum + this.#frontDistance(index), 0);
    let best = Number.POSITIVE_INFINITY;
    let candidates: [number, number][] = [];
    for (const qubit of waiting) {
      const a = this.#physical[qubit]!;
      for (const b of this.#graph.neighboursOf(a)) {
        if (b < a && waiting.has(this.#virtual[b]!)) continue;
        const score = (base + this.#change(a, b)) * Math.max(this.#decay[a]!, this.#decay[b]!);
        if (score < best - TIE) candidates = [];
        if (score < best + TIE) candidates.push([a, b]);
        best = Math.min(best, score);
      }
    }
    const [a, b] = candidates[this.#random.integer(candidates.length)]!;
    this.#decay[a]! += DECAY_STEP;
    this.#decay[b]! += DECAY_STEP;
    return [a, b];
  }

  #frontDistance(index: number): number {
    const [a, b] = this.#dependencies.instructions[index]!.qubits;
    return this.#graph.distance(this.#physical[a!]!, this.#physical[b!]!);
  }

  /** How much the weighted distances change when two physical qubits swap. */
  #change(a: number, b: number): number {
    const [first, second] = [this.#virtual[a]!, this.#virtual[b]!];
    let change = 0;
    for (const { qubit, weight } of this.#partners[first]!) {
      if (qubit === second) continue;
      const place = this.#physical[qubit]!;
      change += weight * (this.#graph.distance(b, place) - this.#graph.distance(a, place));
    }
    for (const { qubit, weight } of this.#partners[second]!) {
      if (qubit === first) continue;
      const place = this.#physical[qubit]!;
      change += weight * (this.#graph.distance(a, place) - this.#graph.distance(b, place));
    }
    return change;
  }

  #swap(a: number, b: number): void {
    this.#exchange(a, b);
    this.#steps.push([a, b]);
    this.#swapCount++;
  }

  #exchange(a: number, b: number): void {
    const [first, second] = [this.#virtual[a]!, this.#virtual[b]!];
    this.#virtual[a] = second;
    this.#virtual[b] = first;
    this.#physical[first] = b;
    this.#physical[second] = a;
  }

  /** Where the heuristic runs in circles: takes back what led nowhere. */
  #undoSwapsSince(checkpoint: number): void {
    for (const step of this.#steps.splice(checkpoint).reverse()) {
      this.#exchange(...(step as [number, number]));
      this.#swapCount--;
    }
  }

  /** Brings the nearest gate in front together along a shortest way. */
  #walkNearestGate(): void {
    const nearest = this.#front.reduce((a, b) => (this.#frontDistance(b) < this.#frontDistance(a) ? b : a));
    const [moving, resting] = this.#dependencies.instructions[nearest]!.qubits as [number, number];
    while (this.#frontDistance(nearest) > 1) {
      const [from, to] = [this.#physical[moving]!, this.#physical[resting]!];
      const distance = this.#graph.distance(from, to);
      this.#swap(
        from,
        this.#graph.neighboursOf(from).find((next) => this.#graph.distance(next, to) < distance)!,
      );
    }
  }
}

/** @throws UnsupportedError for gates on three qubits or more. */
function needsNeighbours({ kind, qubits }: Instruction): boolean {
  if (kind !== 'gate' || qubits.length < 2) return false;
  if (qubits.length === 2) return true;
  throw new UnsupportedError('The router places gates on one or two qubits', {
    actual: `${qubits.length} qubits`,
    remedy: 'Unroll larger gates first',
  });
}
