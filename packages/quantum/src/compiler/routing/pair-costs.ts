/** No pair block is open on a place. */
const NONE = -1;
/** What a swap costs alone, and any pair block at most. */
const SWAP_COST = 3;

/**
 * Counts two-qubit gates as they would be after merging what follows one another on a pair of places: for each pair whose block
 * is the last on both of its places, the block's cost and its cost with one more swap.
 */
export class PairCosts {
  total = 0;
  readonly #partners: Int32Array;
  readonly #costs: Uint8Array;
  readonly #costsWithSwap: Uint8Array;

  constructor(placeCount: number) {
    this.#partners = new Int32Array(placeCount);
    this.#costs = new Uint8Array(placeCount);
    this.#costsWithSwap = new Uint8Array(placeCount);
  }

  restart(): void {
    this.total = 0;
    this.#partners.fill(NONE);
  }

  /** What a swap would add: 3, or less on top of a block; less than 0 after a swap. */
  priceOfSwap(a: number, b: number): number {
    if (this.#partners[a] !== b || this.#partners[b] !== a) return SWAP_COST;
    return this.#costsWithSwap[a]! - this.#costs[a]!;
  }

  /** Whether a swap would only undo the one before it. */
  isSwapped(a: number, b: number): boolean {
    return (
      this.#partners[a] === b &&
      this.#partners[b] === a &&
      this.#costs[a] === SWAP_COST &&
      this.#costsWithSwap[a] === 0
    );
  }

  /** Counts a gate on a pair. */
  addGate(a: number, b: number, cost: number, costWithSwap: number): void {
    if (this.#partners[a] !== b || this.#partners[b] !== a) {
      this.#partners[a] = b;
      this.#partners[b] = a;
      this.total += cost;
      this.#set(a, b, cost, costWithSwap);
      return;
    }
    const before = this.#costs[a]!;
    // After a lone swap a gate costs what it would with a swap; after nothing its own cost; else the exact class is not known here.
    if (before === SWAP_COST && this.#costsWithSwap[a] === 0) this.#set(a, b, costWithSwap, cost);
    else if (before === 0) this.#set(a, b, cost, costWithSwap);
    else this.#set(a, b, Math.min(SWAP_COST, before + cost), SWAP_COST);
    this.total += this.#costs[a]! - before;
  }

  addSwap(a: number, b: number): void {
    if (this.#partners[a] !== b || this.#partners[b] !== a) {
      this.#partners[a] = b;
      this.#partners[b] = a;
      this.total += SWAP_COST;
      this.#set(a, b, SWAP_COST, 0);
      return;
    }
    const before = this.#costs[a]!;
    this.total += this.#costsWithSwap[a]! - before;
    this.#set(a, b, this.#costsWithSwap[a]!, before);
  }

  /** Something that nothing merges across happens on a place. */
  close(place: number): void {
    this.#partners[place] = NONE;
  }

  #set(a: number, b: number, cost: number, costWithSwap: number): void {
    this.#costs[a] = cost;
    this.#costs[b] = cost;
    this.#costsWithSwap[a] = costWithSwap;
    this.#costsWithSwap[b] = costWithSwap;
  }
}
