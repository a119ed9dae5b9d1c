import { parity } from '../../operator/bit-counts.ts';
import type { PauliSum } from '../../operator/pauli-sum.ts';

/** A Pauli string on physical qubits, without its X part: `coefficient * (-1)^(|s & z|)` for the amplitude at `s`. */
export interface SignTerm {
  readonly z: number;
  readonly coefficient: number;
}

/** Terms that move the amplitude at physical index `s` to `s ^ x`. */
export interface PauliGroup {
  readonly x: number;
  /** The qubits without memory that these terms flip to |1>, as text; empty where there are none. */
  readonly idle: string;
  /** Terms whose factor is real. */
  readonly real: readonly SignTerm[];
  /** Terms whose factor is `i` times the coefficient. */
  readonly imaginary: readonly SignTerm[];
}

interface CachedGroups {
  readonly key: string;
  readonly groups: readonly PauliGroup[];
}

/** The groups of a sum for the last places of qubits that were asked for. */
const cache = new WeakMap<PauliSum, CachedGroups>();

/** A Pauli sum as it acts on a stored state whose flips are all 0. `X`, `Y` and `Z` on qubits without memory act on |0>. */
export function groupPauliTerms(observable: PauliSum, qubits: Int32Array): readonly PauliGroup[] {
  const key = qubits.join();
  const known = cache.get(observable);
  if (known?.key === key) return known.groups;
  const groups = new Map<string, { x: number; idle: string; real: SignTerm[]; imaginary: SignTerm[] }>();
  for (const [string, coefficient] of observable.terms) {
    let [x, z, yCount, idle] = [0, 0, 0, ''];
    for (let qubit = 0; qubit < string.length; qubit++) {
      const letter = string[qubit];
      if (letter === 'I') continue;
      const place = qubits[qubit]!;
      if (letter === 'Y') yCount++;
      if (letter !== 'Z' && place < 0) idle += `${qubit},`;
      if (place < 0) continue;
      if (letter !== 'Z') x += 2 ** place;
      if (letter !== 'X') z += 2 ** place;
    }
    const groupKey = `${x}|${idle}`;
    let group = groups.get(groupKey);
    if (group === undefined) {
      group = { x, idle, real: [], imaginary: [] };
      groups.set(groupKey, group);
    }
    // The factor of a string is i to the power of its Y.
    const signed = yCount % 4 >= 2 ? -coefficient : coefficient;
    (yCount % 2 === 0 ? group.real : group.imaginary).push({ z, coefficient: signed });
  }
  const list = [...groups.values()];
  cache.set(observable, { key, groups: list });
  return list;
}

/** The sign that inverted bits (see `flipMask`) give to a term: a stored index is a basis state's with some bits inverted. */
export function flipSign(z: number, flips: number): 1 | -1 {
  return parity(z & flips) === 1 ? -1 : 1;
}
