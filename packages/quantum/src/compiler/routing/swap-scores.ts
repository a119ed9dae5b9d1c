import type { CouplingMap } from '../target/coupling-graph.ts';

/**
 * Pairs of wires that should be near one another, with weights, and what a swap does to their distances. Holds its memory;
 * pairs are added, then arranged by wire, then swaps are scored.
 */
export class SwapScores {
  readonly #distances: Uint16Array;
  readonly #placeCount: number;
  /** Entry e is for wires `2e` and `2e + 1`. */
  #entryWires = new Int32Array(256);
  #entryWeights = new Float64Array(128);
  #entryCount = 0;
  /** The same by wire: the other wires and the weights between `#starts` and `#ends`. */
  readonly #starts: Int32Array;
  readonly #ends: Int32Array;
  #others = new Int32Array(256);
  #weights = new Float64Array(256);
  /** Wires that have entries. */
  readonly #owners: Int32Array;
  #ownerCount = 0;

  constructor(map: CouplingMap) {
    this.#distances = map.distances;
    this.#placeCount = map.qubitCount;
    this.#starts = new Int32Array(map.qubitCount);
    this.#ends = new Int32Array(map.qubitCount);
    this.#owners = new Int32Array(map.qubitCount);
  }

  clear(): void {
    for (let i = 0; i < this.#ownerCount; i++) {
      const wire = this.#owners[i]!;
      this.#starts[wire] = 0;
      this.#ends[wire] = 0;
    }
    this.#ownerCount = 0;
    this.#entryCount = 0;
  }

  add(a: number, b: number, weight: number): void {
    const entry = this.#entryCount++;
    if (entry >= this.#entryWeights.length) this.#grow();
    this.#entryWires[2 * entry] = a;
    this.#entryWires[2 * entry + 1] = b;
    this.#entryWeights[entry] = weight;
    this.#count(a);
    this.#count(b);
  }

  #count(wire: number): void {
    if (this.#ends[wire]!++ === 0) this.#owners[this.#ownerCount++] = wire;
  }

  #grow(): void {
    const wires = new Int32Array(2 * this.#entryWires.length);
    wires.set(this.#entryWires);
    this.#entryWires = wires;
    const weights = new Float64Array(2 * this.#entryWeights.length);
    weights.set(this.#entryWeights);
    this.#entryWeights = weights;
    this.#others = new Int32Array(wires.length);
    this.#weights = new Float64Array(wires.length);
  }

  /** To be called after the last {@link add}. */
  arrange(): void {
    let offset = 0;
    for (let i = 0; i < this.#ownerCount; i++) {
      const wire = this.#owners[i]!;
      const size = this.#ends[wire]!;
      this.#starts[wire] = offset;
      this.#ends[wire] = offset;
      offset += size;
    }
    for (let entry = 0; entry < this.#entryCount; entry++) {
      const a = this.#entryWires[2 * entry]!;
      const b = this.#entryWires[2 * entry + 1]!;
      const weight = this.#entryWeights[entry]!;
      const i = this.#ends[a]!++;
      this.#others[i] = b;
      this.#weights[i] = weight;
      const j = this.#ends[b]!++;
      this.#others[j] = a;
      this.#weights[j] = weight;
    }
  }

  /** The weighted distances of a wire from its partners if it were at a place; a partner at that place counts 0. */
  distanceAt(wire: number, place: number, places: Int32Array): number {
    const [others, weights, distances] = [this.#others, this.#weights, this.#distances];
    const row = place * this.#placeCount;
    const end = this.#ends[wire]!;
    let sum = 0;
    for (let i = this.#starts[wire]!; i < end; i++) {
      sum += weights[i]! * distances[row + places[others[i]!]!]!;
    }
    return sum;
  }

  /**
   * What exchanging two wires on neighbouring places adds to the weighted sum of distances.
   *
   * @param here what {@link distanceAt} says of `wire` where it is.
   */
  changeBySwap(wire: number, other: number, places: Int32Array, here: number): number {
    const [others, weights, distances] = [this.#others, this.#weights, this.#distances];
    const from = places[wire]! * this.#placeCount;
    const to = places[other]! * this.#placeCount;
    let change = -here;
    let end = this.#ends[wire]!;
    for (let i = this.#starts[wire]!; i < end; i++) {
      const partner = others[i]!;
      // The two stay neighbours.
      if (partner === other) change += weights[i]!;
      else change += weights[i]! * distances[to + places[partner]!]!;
    }
    end = this.#ends[other]!;
    for (let i = this.#starts[other]!; i < end; i++) {
      const partner = others[i]!;
      if (partner === wire) continue;
      const place = places[partner]!;
      change += weights[i]! * (distances[from + place]! - distances[to + place]!);
    }
    return change;
  }
}
