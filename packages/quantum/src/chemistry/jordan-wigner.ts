import { UnsupportedError } from '@qedge/core';
import { PauliSum, type PauliTerm } from '../operator/pauli-sum.ts';
import type { MolecularIntegrals } from './fcidump.ts';
import {
  addLadderProduct,
  type ComplexPauliSum,
  formatPauli,
  MAX_FERMION_QUBITS,
  splitKey,
} from './ladder-algebra.ts';

/** Coefficients of at most this many Hartree are rounding, not chemistry, and are dropped. */
const NEGLIGIBLE_HARTREE = 1e-12;

/**
 * Maps a molecule to qubits by Jordan and Wigner: `a_j = Z_0 ... Z_(j-1) (X_j + i Y_j) / 2`, a set bit is an occupied spin
 * orbital. Spin orbitals are interleaved: qubit `2p` is alpha (spin up) and `2p+1` beta of spatial orbital `p`. In the Pauli
 * strings qubit 0 is leftmost. The identity's coefficient holds the core energy, so eigenvalues are total energies in Hartree.
 *
 * @throws UnsupportedError for more than 13 orbitals.
 */
export function jordanWigner(integrals: MolecularIntegrals): PauliSum {
  const qubitCount = 2 * integrals.orbitals;
  if (qubitCount > MAX_FERMION_QUBITS) {
    throw new UnsupportedError('The molecule is too large for the mapping', {
      expected: `at most ${MAX_FERMION_QUBITS / 2} orbitals`,
      actual: integrals.orbitals,
      remedy: 'Choose an active space',
    });
  }
  const sum: ComplexPauliSum = new Map();
  addLadderProduct(sum, integrals.coreEnergyHartree, []);
  addOneElectronPart(sum, integrals);
  addTwoElectronPart(sum, integrals);
  const terms = [...sum].map(([key, [re]]): PauliTerm => {
    const { x, z } = splitKey(key);
    return [formatPauli(x, z, qubitCount), re];
  });
  return PauliSum.fromTerms(terms).simplify(NEGLIGIBLE_HARTREE);
}

/** `sum h_pq a+_ps a_qs`. */
function addOneElectronPart(sum: ComplexPauliSum, { orbitals: n, oneElectron }: MolecularIntegrals): void {
  for (let p = 0; p < n; p++) {
    for (let q = 0; q < n; q++) {
      const value = oneElectron[p * n + q]!;
      if (value === 0) continue;
      for (const spin of [0, 1]) {
        addLadderProduct(sum, value, [
          { orbital: 2 * p + spin, dagger: true },
          { orbital: 2 * q + spin, dagger: false },
        ]);
      }
    }
  }
}

/** `1/2 sum (pq|rs) a+_ps a+_rt a_st a_qs` over spins s and t. */
function addTwoElectronPart(sum: ComplexPauliSum, { orbitals: n, twoElectron }: MolecularIntegrals): void {
  twoElectron.forEach((value, index) => {
    if (value === 0) return;
    const s = index % n;
    const r = Math.floor(index / n) % n;
    const q = Math.floor(index / (n * n)) % n;
    const p = Math.floor(index / (n * n * n));
    for (const spinA of [0, 1]) {
      for (const spinB of [0, 1]) {
        if (spinA === spinB && (p === r || q === s)) continue;
        addLadderProduct(sum, value / 2, [
          { orbital: 2 * p + spinA, dagger: true },
          { orbital: 2 * r + spinB, dagger: true },
          { orbital: 2 * s + spinB, dagger: false },
          { orbital: 2 * q + spinA, dagger: false },
        ]);
      }
    }
  });
}
