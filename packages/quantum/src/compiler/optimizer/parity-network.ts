/** Masks are 32-bit integers whose sign is not used. */
export const MOST_NETWORK_WIRES = 30;

/**
 * A circuit of cx and phases as its action on parities of the inputs (Amy, Azimzadeh and Mosca, "On the CNOT-complexity of
 * CNOT-PHASE circuits", 2018): bit `w` of a mask is the input on wire `w`.
 */
export interface ParityProblem {
  /** At most {@link MOST_NETWORK_WIRES}. */
  readonly wireCount: number;
  /** Parities that carry a phase, each once; none 0. */
  readonly terms: readonly number[];
  /** For each term whether a half turn of it is a cz: then it costs one gate on two wires that add up to it. */
  readonly isHalfTurn: readonly boolean[];
  /** `[wireCount]` independent parities that the wires shall hold at the end, in any order. */
  readonly outputs: readonly number[];
}

/** What a network does, in order of time. */
export type ParityStep =
  | { readonly kind: 'cx'; readonly control: number; readonly target: number }
  /** The phase of a term on the wire that holds it. */
  | { readonly kind: 'phase'; readonly wire: number; readonly term: number }
  /** The phase of a term on two wires that add up to it, by an interaction of their own. */
  | { readonly kind: 'pair'; readonly first: number; readonly second: number; readonly term: number };

export interface ParityNetwork {
  readonly steps: readonly ParityStep[];
  /** For each output the wire that holds it at the end. */
  readonly wireOfOutput: readonly number[];
  /** cx, and for a pair 1 where a half turn, else 2. */
  readonly cost: number;
}

/** How the search weighs. */
export interface ParityWeights {
  /** Worth of a term of weight w: `(w - 1) ** power`. */
  readonly power: number;
  /** Worth of finishing a term besides. */
  readonly bonus: number;
  /** Share of the outputs' weights while terms are left. */
  readonly outputShare: number;
  /** Worth of a term by itself on two wires, relative to a cx that finishes it. */
  readonly pairWorth: number;
}

/**
 * A network by greedy choice: each cx is the one that brings the remaining parities nearest to single wires. What is left at
 * the end is linear and goes the same way, with elimination where no cx helps.
 */
export function synthesizeParityNetwork(problem: ParityProblem, weights: ParityWeights): ParityNetwork {
  const search = new NetworkSearch(problem, weights);
  search.finishSingles();
  while (search.activeCount > 0) {
    if (!search.stepGreedily()) search.finishLightest();
  }
  search.restoreOutputs();
  return search.network();
}

/** The smallest network of several weightings. */
export function searchParityNetwork(
  problem: ParityProblem,
  weightings: readonly ParityWeights[],
): ParityNetwork {
  let best: ParityNetwork | null = null;
  for (const weights of weightings) {
    const network = synthesizeParityNetwork(problem, weights);
    if (best === null || network.cost < best.cost) best = network;
  }
  return best!;
}

const bitCount = (mask: number): number => {
  let bits = mask - ((mask >>> 1) & 0x55555555);
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333);
  return (((bits + (bits >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
};

const lowestBit = (mask: number): number => 31 - Math.clz32(mask & -mask);

class NetworkSearch {
  readonly #wireCount: number;
  /** Terms and outputs as sums of what the wires hold now. */
  readonly #terms: Int32Array;
  readonly #outputs: Int32Array;
  readonly #active: number[];
  readonly #halfTurn: readonly boolean[];
  readonly #steps: ParityStep[] = [];
  readonly #weights: ParityWeights;
  readonly #worth: Float64Array;
  /** `[wires, wires]` gain of cx(control, target). */
  readonly #gain: Float64Array;
  #cost = 0;
  #lastControl = -1;
  #lastTarget = -1;

  constructor(problem: ParityProblem, weights: ParityWeights) {
    this.#wireCount = problem.wireCount;
    this.#terms = Int32Array.from(problem.terms);
    this.#outputs = Int32Array.from(problem.outputs);
    this.#active = problem.terms.map((_, i) => i);
    this.#halfTurn = problem.isHalfTurn;
    this.#weights = weights;
    this.#worth = Float64Array.from({ length: MOST_NETWORK_WIRES + 2 }, (_, w) =>
      w < 2 ? 0 : (w - 1) ** weights.power + weights.bonus,
    );
    this.#gain = new Float64Array(problem.wireCount ** 2);
  }

  get activeCount(): number {
    return this.#active.length;
  }

  network(): ParityNetwork {
    return { steps: this.#steps, wireOfOutput: Array.from(this.#outputs, lowestBit), cost: this.#cost };
  }

  #applyCx(control: number, target: number): void {
    this.#steps.push({ kind: 'cx', control, target });
    this.#cost++;
    this.#lastControl = control;
    this.#lastTarget = target;
    const [from, to] = [1 << target, 1 << control];
    for (const term of this.#active) if (this.#terms[term]! & from) this.#terms[term]! ^= to;
    for (let i = 0; i < this.#outputs.length; i++) if (this.#outputs[i]! & from) this.#outputs[i]! ^= to;
  }

  /** Takes off all terms that a wire holds. */
  finishSingles(): void {
    const active = this.#active;
    let kept = 0;
    for (const term of active) {
      const mask = this.#terms[term]!;
      if ((mask & (mask - 1)) === 0) this.#steps.push({ kind: 'phase', wire: lowestBit(mask), term });
      else active[kept++] = term;
    }
    active.length = kept;
  }

  /** Applies the cx or pair of the greatest gain. @returns false where nothing gains. */
  stepGreedily(): boolean {
    const count = this.#wireCount;
    this.#countGains(this.#active, this.#terms, 1);
    this.#countGains(null, this.#outputs, this.#weights.outputShare);
    let [best, control, target] = [0, -1, -1];
    for (let c = 0; c < count; c++) {
      for (let t = 0; t < count; t++) {
        if (c === t) continue;
        let gain = this.#gain[c * count + t]!;
        if (gain < 1e-9) continue;
        if (c === this.#lastControl) gain += 1e-4;
        if (t === this.#lastTarget) gain += 2e-4;
        if (gain > best) [best, control, target] = [gain, c, t];
      }
    }
    if (this.#finishPair(best)) return true;
    if (control < 0) return false;
    this.#applyCx(control, target);
    this.finishSingles();
    return true;
  }

  /** For every cx how much the worth of all masks would fall. */
  #countGains(chosen: readonly number[] | null, masks: Int32Array, share: number): void {
    const count = this.#wireCount;
    const gain = this.#gain;
    if (chosen !== null) gain.fill(0);
    if (share === 0) return;
    const length = chosen === null ? masks.length : chosen.length;
    for (let i = 0; i < length; i++) {
      const mask = masks[chosen === null ? i : chosen[i]!]!;
      const weight = bitCount(mask);
      const [down, up] = [
        share * (this.#worth[weight]! - this.#worth[weight - 1]!),
        share * (this.#worth[weight]! - this.#worth[weight + 1]!),
      ];
      for (let left = mask; left !== 0; left &= left - 1) {
        const t = lowestBit(left);
        for (let c = 0; c < count; c++) gain[c * count + t]! += (mask >> c) & 1 ? down : up;
      }
    }
  }

  /** A term by itself on two wires, where that is worth more than the best cx. */
  #finishPair(best: number): boolean {
    const worth = this.#worth[2]!;
    for (let i = 0; i < this.#active.length; i++) {
      const term = this.#active[i]!;
      const mask = this.#terms[term]!;
      const first = lowestBit(mask);
      if (bitCount(mask) !== 2) continue;
      const isHalfTurn = this.#halfTurn[term]!;
      if ((isHalfTurn ? worth : worth * this.#weights.pairWorth) <= best) continue;
      this.#steps.push({ kind: 'pair', first, second: lowestBit(mask & (mask - 1)), term });
      this.#cost += isHalfTurn ? 1 : 2;
      this.#active.splice(i, 1);
      return true;
    }
    return false;
  }

  /** Adds up the lightest remaining term on the wire where that makes the others lightest. */
  finishLightest(): void {
    let lightest = this.#terms[this.#active[0]!]!;
    for (const term of this.#active) {
      if (bitCount(this.#terms[term]!) < bitCount(lightest)) lightest = this.#terms[term]!;
    }
    let [best, target] = [Infinity, -1];
    for (let left = lightest; left !== 0; left &= left - 1) {
      const wire = lowestBit(left);
      const others = lightest & ~(1 << wire);
      let worth = 0;
      for (const term of this.#active) {
        const mask = this.#terms[term]!;
        worth += this.#worth[bitCount((mask >> wire) & 1 ? mask ^ others : mask)]!;
      }
      if (worth < best) [best, target] = [worth, wire];
    }
    for (let left = lightest & ~(1 << target); left !== 0; left &= left - 1) {
      this.#applyCx(lowestBit(left), target);
      this.finishSingles();
    }
  }

  /** Brings every output on a wire of its own. */
  restoreOutputs(): void {
    for (const { control, target } of reduceToPermutation(this.#outputs.slice())) {
      this.#applyCx(control, target);
    }
  }
}

/**
 * The cx that turn a matrix of full rank (which is overwritten) into a permutation, by rows: cx(control, target) flips column `control` where column
 * `target` is 1. Greedy by the logarithms of row and column weights, with elimination where nothing gains.
 */
export function reduceToPermutation(rows: Int32Array): { control: number; target: number }[] {
  const count = rows.length;
  const columns = transpose(rows);
  const steps: { control: number; target: number }[] = [];
  const weight = Float64Array.from({ length: count + 2 }, (_, w) => (w < 2 ? 0 : Math.log2(w)));
  for (;;) {
    let [best, control, target] = [1e-9, -1, -1];
    for (let t = 0; t < count; t++) {
      for (let c = 0; c < count; c++) {
        if (c === t || (columns[t]! & columns[c]!) === 0) continue;
        const gain = columnGain(columns, rows, c, t, weight);
        if (gain > best) [best, control, target] = [gain, c, t];
      }
    }
    if (control < 0) break;
    addColumn(rows, columns, control, target);
    steps.push({ control, target });
  }
  steps.push(...eliminate(rows, columns));
  return steps;
}

/** The rows of the transposed matrix. */
function transpose(rows: Int32Array): Int32Array {
  const columns = new Int32Array(rows.length);
  rows.forEach((row, i) => {
    for (let left = row; left !== 0; left &= left - 1) columns[lowestBit(left)]! |= 1 << i;
  });
  return columns;
}

function columnGain(
  columns: Int32Array,
  rows: Int32Array,
  control: number,
  target: number,
  weight: Float64Array,
): number {
  const changed = columns[control]! ^ columns[target]!;
  let gain = weight[bitCount(columns[control]!)]! - weight[bitCount(changed)]!;
  for (let left = columns[target]!; left !== 0; left &= left - 1) {
    const row = rows[lowestBit(left)]!;
    const size = bitCount(row);
    gain += weight[size]! - weight[(row >> control) & 1 ? size - 1 : size + 1]!;
  }
  return gain;
}

function addColumn(rows: Int32Array, columns: Int32Array, control: number, target: number): void {
  for (let left = columns[target]!; left !== 0; left &= left - 1) rows[lowestBit(left)]! ^= 1 << control;
  columns[control]! ^= columns[target]!;
}

/** Gauss and Jordan by rows: each row keeps one column, the lightest; done rows do not have the columns that later ones keep. */
function eliminate(rows: Int32Array, columns: Int32Array): { control: number; target: number }[] {
  const steps: { control: number; target: number }[] = [];
  let free = 2 ** rows.length - 1;
  for (;;) {
    let row = -1;
    rows.forEach((mask, i) => {
      if ((mask & (mask - 1)) === 0) free &= ~mask;
      else if (row < 0 || bitCount(mask) < bitCount(rows[row]!)) row = i;
    });
    if (row < 0) return steps;
    const target = lightestColumn(columns, rows[row]! & free);
    for (let left = rows[row]! & ~(1 << target); left !== 0; left &= left - 1) {
      const control = lowestBit(left);
      addColumn(rows, columns, control, target);
      steps.push({ control, target });
    }
  }
}

function lightestColumn(columns: Int32Array, candidates: number): number {
  let lightest = lowestBit(candidates);
  for (let left = candidates; left !== 0; left &= left - 1) {
    const column = lowestBit(left);
    if (bitCount(columns[column]!) < bitCount(columns[lightest]!)) lightest = column;
  }
  return lightest;
}
