import { ConvergenceError, InvalidArgumentError, Random } from '@qedge/core';
import { parity, popCount } from '../operator/bit-counts.ts';
import type { MaskedPauli, PauliSum } from '../operator/pauli-sum.ts';
import type { QuantumState } from '../simulation/quantum-state.ts';
import { createReferenceSimulator } from '../simulation/state-simulator.ts';
import { type HermitianOperator, lowestEigenpair } from './lanczos.ts';
import { type ParticleSector, sectorBasis } from './particle-sector.ts';

/** The lowest eigenstate of a Hamiltonian in a particle sector. */
export interface ExactGroundState {
  readonly energyHartree: number;
  /** The norm of `H psi - E psi`; the energy's error is at most this, and usually near its square. */
  readonly residualHartree: number;
  /** Basis states in the sector. */
  readonly dimension: number;
  /** The eigenvector on all qubits; the caller disposes it. One of several where the ground state is degenerate. */
  readonly state: QuantumState;
}

/**
 * Finds the lowest energy with the given electrons and spin projection: full configuration interaction in the orbitals given, by
 * Lanczos iteration with full reorthogonalisation inside the sector. Accurate to 1e-10 Hartree.
 *
 * @throws InvalidArgumentError when there is no such sector or the Hamiltonian leads out of it; ConvergenceError when the
 *   iteration does not settle.
 */
export function exactGroundState(hamiltonian: PauliSum, sector: ParticleSector): ExactGroundState {
  const basis = sectorBasis(sector, hamiltonian.qubitCount);
  const operator = restrictToSector(hamiltonian, basis);
  const { eigenvalue, residual, re, im } = lowestEigenpair(operator, new Random(0));
  if (!(residual < 1e-7)) {
    throw new ConvergenceError('The exact ground state did not converge', {
      expected: 'a residual below 1e-7 Hartree',
      actual: residual,
      facts: { eigenvalue },
    });
  }
  const amplitudes = new Float64Array(2 * 2 ** hamiltonian.qubitCount);
  basis.forEach((state, index) => {
    amplitudes[2 * state] = re[index]!;
    amplitudes[2 * state + 1] = im[index]!;
  });
  return {
    energyHartree: eigenvalue,
    residualHartree: residual,
    dimension: basis.length,
    state: createReferenceSimulator().prepare(hamiltonian.qubitCount, { kind: 'amplitudes', amplitudes }),
  };
}

/** The energy alone; see {@link exactGroundState}. In Hartree. */
export function exactGroundStateEnergy(hamiltonian: PauliSum, sector: ParticleSector): number {
  const { energyHartree, state } = exactGroundState(hamiltonian, sector);
  state.dispose();
  return energyHartree;
}

/** Magnitude above which a matrix element that leaves the sector is taken for real. */
const LEAK_HARTREE = 1e-8;

/** The Hamiltonian's matrix inside the sector, as a sparse matrix by columns. */
function restrictToSector(hamiltonian: PauliSum, basis: Uint32Array): HermitianOperator {
  const indexOf = new Map<number, number>();
  basis.forEach((state, index) => {
    indexOf.set(state, index);
  });
  const byFlip = new Map<number, MaskedPauli[]>();
  for (const term of hamiltonian.masks) {
    const group = byFlip.get(term.x);
    if (group) group.push(term);
    else byFlip.set(term.x, [term]);
  }
  const rows: number[] = [];
  const columns: number[] = [];
  const values: number[] = [];
  for (const [x, terms] of byFlip) {
    basis.forEach((state, column) => {
      let [re, im] = [0, 0];
      for (const { z, coefficient } of terms) {
        const yCount = popCount(x & z) & 3;
        const value = parity(state & z) === 1 ? -coefficient : coefficient;
        if (yCount % 2 === 0) re += yCount === 0 ? value : -value;
        else im += yCount === 1 ? value : -value;
      }
      const row = indexOf.get(state ^ x);
      if (row !== undefined) {
        rows.push(row);
        columns.push(column);
        values.push(re, im);
      } else if (Math.hypot(re, im) > LEAK_HARTREE) {
        throw new InvalidArgumentError('The Hamiltonian does not conserve the electrons of each spin', {
          expected: 'no matrix element out of the sector',
          actual: `|${(state ^ x).toString(2)}> from |${state.toString(2)}>`,
        });
      }
    });
  }
  return sparseOperator(basis.length, rows, columns, values);
}

function sparseOperator(
  dimension: number,
  rows: readonly number[],
  columns: readonly number[],
  values: readonly number[],
): HermitianOperator {
  const [row, column, value] = [Uint32Array.from(rows), Uint32Array.from(columns), Float64Array.from(values)];
  return {
    dimension,
    apply(re, im, outRe, outIm) {
      outRe.fill(0);
      outIm.fill(0);
      for (let k = 0; k < row.length; k++) {
        const [from, to] = [column[k]!, row[k]!];
        const [vr, vi] = [value[2 * k]!, value[2 * k + 1]!];
        outRe[to] = outRe[to]! + vr * re[from]! - vi * im[from]!;
        outIm[to] = outIm[to]! + vr * im[from]! + vi * re[from]!;
      }
    },
  };
}
