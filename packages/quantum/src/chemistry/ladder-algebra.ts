/**
 * @file Products of fermionic ladder operators as Pauli strings, by the Jordan-Wigner mapping
 * `a_j = Z_0 ... Z_(j-1) (X_j + i Y_j) / 2`.
 */
import { parity, popCount } from '../operator/bit-counts.ts';

/** Complex coefficients of Pauli strings; the key packs the masks x and z (each below 2^26) as `x * 2^26 + z`. */
export type ComplexPauliSum = Map<number, [re: number, im: number]>;

export const MAX_FERMION_QUBITS = 26;
const KEY_BASE = 2 ** MAX_FERMION_QUBITS;

/** The masks of a key. */
export function splitKey(key: number): { x: number; z: number } {
  const x = Math.floor(key / KEY_BASE);
  return { x, z: key - x * KEY_BASE };
}

/** A creation (`dagger`) or annihilation operator on one spin orbital. */
export interface LadderOperator {
  readonly orbital: number;
  readonly dagger: boolean;
}

/**
 * Adds `factor` times a product of ladder operators (leftmost first) to a sum.
 *
 * While multiplying, a string is `X^x Z^z`; one ladder operator is `Z^below (X -+ X Z) / 2` because `i Y = -X Z`, and moving
 * an X to the left past a Z on the same qubit costs a sign.
 */
export function addLadderProduct(
  sum: ComplexPauliSum,
  factor: number,
  product: readonly LadderOperator[],
): void {
  let strings = [{ x: 0, z: 0, value: factor }];
  for (const { orbital, dagger } of product) {
    const bit = 1 << orbital;
    const below = bit - 1;
    strings = strings.flatMap(({ x, z, value }) => {
      const moved = parity(z & bit) === 1 ? -value / 2 : value / 2;
      return [
        { x: x ^ bit, z: z ^ below, value: moved },
        { x: x ^ bit, z: z ^ below ^ bit, value: dagger ? moved : -moved },
      ];
    });
  }
  for (const { x, z, value } of strings) addString(sum, x, z, value);
}

/** Adds `value X^x Z^z`, which is `value (-i)^|x & z|` times the Pauli string with Y wherever both masks are set. */
function addString(sum: ComplexPauliSum, x: number, z: number, value: number): void {
  const yCount = popCount(x & z) & 3;
  const key = x * KEY_BASE + z;
  const entry = sum.get(key) ?? [0, 0];
  entry[yCount & 1] = entry[yCount & 1]! + (yCount === 0 || yCount === 3 ? value : -value);
  sum.set(key, entry);
}

/** The Pauli string of two masks, qubit 0 leftmost. */
export function formatPauli(x: number, z: number, qubitCount: number): string {
  let string = '';
  for (let qubit = 0; qubit < qubitCount; qubit++) {
    string += 'IXZY'[((x >>> qubit) & 1) + 2 * ((z >>> qubit) & 1)];
  }
  return string;
}
