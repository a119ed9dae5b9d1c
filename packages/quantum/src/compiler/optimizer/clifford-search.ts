/**
 * Paulis on up to six wires: bit `w` is the X part on wire `w`, bit `6 + w` the Z part. A sign is kept apart.
 */
export const MOST_CLIFFORD_WIRES = 6;

/** A Pauli on one wire: 1 is Z, 2 is X, 3 is Y. */
export type PauliCode = 1 | 2 | 3;

/** `exp(i sign pi/4 P (x) Q)`: P on wire `first`, Q on wire `second`. */
export interface CliffordGate {
  readonly first: number;
  readonly second: number;
  readonly firstCode: PauliCode;
  readonly secondCode: PauliCode;
  readonly sign: 1 | -1;
}

const WIDTH = MOST_CLIFFORD_WIRES;
const LOW = (1 << WIDTH) - 1;
const CODES: readonly PauliCode[] = [1, 2, 3];

const PARITY = Uint8Array.from({ length: 1 << WIDTH }, (_, mask) => bitCount(mask) & 1);
const WEIGHT = Uint8Array.from({ length: 1 << WIDTH }, (_, mask) => bitCount(mask));
/** Each bit in four bits of its own, so that sums count columns. */
const SPREAD = Int32Array.from({ length: 1 << WIDTH }, (_, mask) => {
  let spread = 0;
  for (let w = 0; w < WIDTH; w++) if ((mask >> w) & 1) spread |= 1 << (4 * w);
  return spread;
});
/** Distances are whole multiples of this share of 1, so that their sums are exact in any order. */
const GRAIN = 2 ** 16;
const LOGARITHM = Int32Array.from({ length: 16 }, (_, weight) =>
  weight < 2 ? 0 : Math.round(GRAIN * Math.log2(weight)),
);

function bitCount(mask: number): number {
  let count = 0;
  for (let left = mask; left !== 0; left &= left - 1) count++;
  return count;
}

/** The mask of a Pauli on one wire. */
export function pauliMask(wire: number, code: PauliCode): number {
  return ((code >> 1) << wire) | ((code & 1) << (WIDTH + wire));
}

function gateMask(gate: CliffordGate): number {
  return pauliMask(gate.first, gate.firstCode) | pauliMask(gate.second, gate.secondCode);
}

function anticommutes(a: number, b: number): number {
  return PARITY[((a & (b >> WIDTH)) ^ ((a >> WIDTH) & b)) & LOW]!;
}

/** X and Z of each wire, as they are before a circuit that makes them so after it. */
function tableauOf(wireCount: number, gates: readonly CliffordGate[]): Int32Array {
  const rows = new Int32Array(2 * wireCount);
  for (let wire = 0; wire < wireCount; wire++) {
    rows[2 * wire] = pauliMask(wire, 2);
    rows[2 * wire + 1] = pauliMask(wire, 1);
  }
  for (let i = gates.length - 1; i >= 0; i--) conjugate(rows, 0, rows.length, gateMask(gates[i]!));
  return rows;
}

function conjugate(rows: Int32Array, from: number, to: number, mask: number): void {
  for (let i = from; i < to; i++) if (anticommutes(rows[i]!, mask) === 1) rows[i]! ^= mask;
}

/** Where wire `w` is counted in a sum of {@link SPREAD}. */
function countOn(columns: number, wire: number): number {
  return (columns >> (4 * wire)) & 15;
}

/**
 * Fewer gates that do what the given ones do, up to a permutation of the wires and one-qubit gates after them, by beam search on
 * the symplectic tableau.
 *
 * @param limit gates of a result at most.
 * @returns null where none were found.
 */
export function searchCliffordGates(
  wireCount: number,
  gates: readonly CliffordGate[],
  { limit, beamWidth }: { readonly limit: number; readonly beamWidth: number },
): CliffordGate[] | null {
  return new BeamSearch(wireCount, beamWidth).run(tableauOf(wireCount, gates), limit);
}

/** A move that led to a tableau, and the moves before it. */
interface Path {
  readonly move: CliffordGate;
  readonly before: Path | null;
}

function allMoves(wireCount: number): CliffordGate[] {
  const moves: CliffordGate[] = [];
  for (let first = 0; first < wireCount; first++) {
    for (let second = first + 1; second < wireCount; second++) {
      for (const firstCode of CODES) {
        for (const secondCode of CODES) moves.push({ first, second, firstCode, secondCode, sign: 1 });
      }
    }
  }
  return moves;
}

/** A move may make the tableau worse by so much. */
const MOST_RISE = 1.2 * GRAIN;

/** One search. Tableaus and candidates are in arrays that are made once. */
class BeamSearch {
  readonly #wireCount: number;
  readonly #width: number;
  readonly #moves: readonly CliffordGate[];
  readonly #masks: Int32Array;
  /** `[width, 2 wireCount]` the tableaus that are kept, and those that come next. */
  #rows: Int32Array;
  #nextRows: Int32Array;
  #distances: Int32Array;
  #nextDistances: Int32Array;
  #paths: (Path | null)[] = [null];
  #size = 1;
  /** Distance and number of each candidate, in one: sorted as plain numbers. */
  readonly #candidates: Float64Array;
  readonly #seen = new Set<string>();

  constructor(wireCount: number, width: number) {
    this.#wireCount = wireCount;
    this.#width = width;
    this.#moves = allMoves(wireCount);
    this.#masks = Int32Array.from(this.#moves, gateMask);
    this.#rows = new Int32Array(2 * wireCount * width);
    this.#nextRows = new Int32Array(2 * wireCount * width);
    this.#distances = new Int32Array(width);
    this.#nextDistances = new Int32Array(width);
    this.#candidates = new Float64Array(width * this.#moves.length);
  }

  run(start: Int32Array, limit: number): CliffordGate[] | null {
    this.#rows.set(start);
    this.#distances[0] = this.#distanceFrom(0);
    if (this.#distances[0] === 0) return [];
    this.#seen.add(String.fromCharCode(...start));
    for (let depth = 0; depth < limit && this.#size > 0; depth++) {
      const count = this.#expand();
      const sorted = this.#candidates.subarray(0, count).sort();
      if (count > 0 && sorted[0]! < this.#candidates.length) return this.#gatesOf(sorted[0]!);
      this.#descend(sorted);
    }
    return null;
  }

  #distanceFrom(at: number): number {
    let total = 0;
    let columns = 0;
    for (let q = 0; q < this.#wireCount; q++) {
      const support = supportOf(this.#rows[at + 2 * q]! | this.#rows[at + 2 * q + 1]!);
      total += LOGARITHM[WEIGHT[support]!]!;
      columns += SPREAD[support]!;
    }
    for (let wire = 0; wire < this.#wireCount; wire++) total += LOGARITHM[countOn(columns, wire)]!;
    return total;
  }

  /** Tries all moves from all tableaus. @returns how many candidates there are. */
  #expand(): number {
    let count = 0;
    for (let parent = 0; parent < this.#size; parent++) {
      const distance = this.#distances[parent]!;
      const worst = distance + MOST_RISE;
      for (let move = 0; move < this.#moves.length; move++) {
        const reached = this.#distanceAfter(2 * this.#wireCount * parent, this.#masks[move]!);
        if (reached < 0 || reached >= worst) continue;
        const number = parent * this.#moves.length + move;
        this.#candidates[count++] = reached * this.#candidates.length + number;
      }
    }
    return count;
  }

  /** How far a move leaves a tableau: 0 for a permutation of wires with one-qubit gates; -1 where it changes nothing. */
  #distanceAfter(at: number, mask: number): number {
    const rows = this.#rows;
    let total = 0;
    let columns = 0;
    let changes = 0;
    const high = mask >> WIDTH;
    for (let i = at; i < at + 2 * this.#wireCount; i += 2) {
      let z = rows[i]!;
      let x = rows[i + 1]!;
      const turnsZ = PARITY[((z & high) ^ ((z >> WIDTH) & mask)) & LOW]!;
      const turnsX = PARITY[((x & high) ^ ((x >> WIDTH) & mask)) & LOW]!;
      z ^= -turnsZ & mask;
      x ^= -turnsX & mask;
      changes |= turnsZ | turnsX;
      const support = supportOf(z | x);
      total += LOGARITHM[WEIGHT[support]!]!;
      columns += SPREAD[support]!;
    }
    if (changes === 0) return -1;
    for (let wire = 0; wire < this.#wireCount; wire++) total += LOGARITHM[countOn(columns, wire)]!;
    return total;
  }

  /** Keeps the nearest of the candidates that were not met before. */
  #descend(sorted: Float64Array): void {
    const size = 2 * this.#wireCount;
    const paths: (Path | null)[] = [];
    for (let i = 0; i < sorted.length && paths.length < this.#width; i++) {
      const number = sorted[i]! % this.#candidates.length;
      const parent = Math.floor(number / this.#moves.length);
      const move = number % this.#moves.length;
      const to = size * paths.length;
      this.#nextRows.set(this.#rows.subarray(size * parent, size * (parent + 1)), to);
      conjugate(this.#nextRows, to, to + size, this.#masks[move]!);
      const key = String.fromCharCode(...this.#nextRows.subarray(to, to + size));
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      this.#nextDistances[paths.length] = Math.floor(sorted[i]! / this.#candidates.length);
      paths.push({ move: this.#moves[move]!, before: this.#paths[parent]! });
    }
    [this.#rows, this.#nextRows] = [this.#nextRows, this.#rows];
    [this.#distances, this.#nextDistances] = [this.#nextDistances, this.#distances];
    this.#paths = paths;
    this.#size = paths.length;
  }

  #gatesOf(candidate: number): CliffordGate[] {
    const number = candidate % this.#candidates.length;
    const gates = [this.#moves[number % this.#moves.length]!];
    const parent = Math.floor(number / this.#moves.length);
    for (let path = this.#paths[parent] ?? null; path !== null; path = path.before) gates.push(path.move);
    return gates.reverse();
  }
}

/** The wires on which a Pauli is not the identity. */
function supportOf(pauli: number): number {
  return (pauli | (pauli >> WIDTH)) & LOW;
}

/** A Pauli string with its sign. */
export interface SignedPauli {
  readonly mask: number;
  readonly sign: 1 | -1;
}

/** `gate P gate+`, or `gate+ P gate`. */
export function conjugatePauli(pauli: SignedPauli, gate: CliffordGate, inverse: boolean): SignedPauli {
  const mask = gateMask(gate);
  if (anticommutes(pauli.mask, mask) === 0) return pauli;
  // exp(i s pi/4 G) P exp(-i s pi/4 G) = -i s P G, and P G = i^turns times the string of both.
  let turns = 0;
  for (const wire of [gate.first, gate.second]) {
    turns += quarterTurns(codeOn(pauli.mask, wire), codeOn(mask, wire));
  }
  const sign = (turns & 3) === 1 ? 1 : -1;
  const direction = inverse ? -gate.sign : gate.sign;
  return { mask: pauli.mask ^ mask, sign: (pauli.sign * sign * direction) as 1 | -1 };
}

/** Which Pauli a string has on a wire; 0 for the identity. */
export function codeOn(mask: number, wire: number): 0 | PauliCode {
  return (((mask >> (WIDTH + wire)) & 1) | (((mask >> wire) & 1) << 1)) as 0 | PauliCode;
}

/** The power of i in the product of two Paulis on a wire: X Y = i Z and so on around. */
function quarterTurns(a: 0 | PauliCode, b: 0 | PauliCode): number {
  if (a === 0 || b === 0 || a === b) return 0;
  return NEXT[a] === b ? 1 : -1;
}

/** X (2) is followed by Y (3), then Z (1). */
const NEXT: Readonly<Record<PauliCode, PauliCode>> = { 1: 2, 2: 3, 3: 1 };
