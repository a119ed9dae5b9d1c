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
/** A move may make the tableau worse by so much. */
const MOST_RISE = 1.2;
const CODES: readonly PauliCode[] = [1, 2, 3];

const PARITY = Uint8Array.from({ length: 1 << WIDTH }, (_, mask) => bitCount(mask) & 1);
const WEIGHT = Uint8Array.from({ length: 1 << WIDTH }, (_, mask) => bitCount(mask));
/** Each bit in four bits of its own, so that sums count columns. */
const SPREAD = Int32Array.from({ length: 1 << WIDTH }, (_, mask) => {
  let spread = 0;
  for (let w = 0; w < WIDTH; w++) if ((mask >> w) & 1) spread |= 1 << (4 * w);
  return spread;
});
const LOGARITHM = Float64Array.from({ length: 16 }, (_, weight) => (weight < 2 ? 0 : Math.log2(weight)));

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

function conjugate(rows: Int32Array, from: number, to: number, mask: number): boolean {
  let changed = false;
  for (let i = from; i < to; i++) {
    if (anticommutes(rows[i]!, mask) === 0) continue;
    rows[i]! ^= mask;
    changed = true;
  }
  return changed;
}

/** 0 for a permutation of wires with one-qubit gates; else how far the tableau is from one. */
function distance(rows: Int32Array, from: number, wireCount: number): number {
  let total = 0;
  let columns = 0;
  for (let q = 0; q < wireCount; q++) {
    const both = rows[from + 2 * q]! | rows[from + 2 * q + 1]!;
    const support = (both | (both >> WIDTH)) & LOW;
    total += LOGARITHM[WEIGHT[support]!]!;
    columns += SPREAD[support]!;
  }
  for (let w = 0; w < wireCount; w++) total += LOGARITHM[(columns >> (4 * w)) & 15]!;
  return total;
}

interface Node {
  readonly rows: Int32Array;
  readonly distance: number;
  readonly move: CliffordGate | null;
  readonly parent: Node | null;
}

interface Candidate {
  readonly parent: Node;
  readonly move: number;
  readonly distance: number;
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
  const rows = tableauOf(wireCount, gates);
  const moves = allMoves(wireCount);
  const masks = moves.map(gateMask);
  let beam: Node[] = [{ rows, distance: distance(rows, 0, wireCount), move: null, parent: null }];
  if (beam[0]!.distance === 0) return [];
  const seen = new Set<string>([rows.join()]);
  for (let depth = 0; depth < limit && beam.length > 0; depth++) {
    const candidates = expandBeam(beam, masks, wireCount);
    candidates.sort((a, b) => a.distance - b.distance);
    if (candidates[0]?.distance === 0) return pathOf(descend(candidates[0], moves, masks));
    beam = [];
    for (const candidate of candidates) {
      if (beam.length >= beamWidth) break;
      const node = descend(candidate, moves, masks);
      const key = node.rows.join();
      if (seen.has(key)) continue;
      seen.add(key);
      beam.push(node);
    }
  }
  return null;
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

function expandBeam(beam: readonly Node[], masks: readonly number[], wireCount: number): Candidate[] {
  const candidates: Candidate[] = [];
  const scratch = new Int32Array(2 * wireCount);
  for (const parent of beam) {
    for (let move = 0; move < masks.length; move++) {
      scratch.set(parent.rows);
      if (!conjugate(scratch, 0, scratch.length, masks[move]!)) continue;
      const reached = distance(scratch, 0, wireCount);
      if (reached < parent.distance + MOST_RISE) candidates.push({ parent, move, distance: reached });
    }
  }
  return candidates;
}

function descend(candidate: Candidate, moves: readonly CliffordGate[], masks: readonly number[]): Node {
  const rows = candidate.parent.rows.slice();
  conjugate(rows, 0, rows.length, masks[candidate.move]!);
  return {
    rows,
    distance: candidate.distance,
    move: moves[candidate.move]!,
    parent: candidate.parent,
  };
}

function pathOf(node: Node): CliffordGate[] {
  const path: CliffordGate[] = [];
  for (let at: Node | null = node; at?.move; at = at.parent) path.push(at.move);
  return path.reverse();
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
