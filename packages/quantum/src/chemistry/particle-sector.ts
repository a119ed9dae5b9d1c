import { InvalidArgumentError } from '@qedge/core';
import { popCount } from '../operator/bit-counts.ts';

/** Which part of Fock space is meant, with interleaved spin orbitals (even qubits alpha, odd qubits beta). */
export interface ParticleSector {
  readonly electrons: number;
  /** The spin projection in units of h-bar: half of (alpha minus beta electrons). Default: as low as possible, 0 or 1/2. */
  readonly spinZ?: number;
}

/**
 * The electrons of each spin. @throws InvalidArgumentError when the sector does not exist on this many qubits.
 */
export function electronsBySpin(sector: ParticleSector, qubitCount: number): { alpha: number; beta: number } {
  if (!Number.isInteger(qubitCount) || qubitCount < 0 || qubitCount > 30) {
    throw new InvalidArgumentError('A number of spin orbitals is out of range', {
      expected: 'an integer in 0..30',
      actual: qubitCount,
    });
  }
  const { electrons, spinZ = (electrons % 2) / 2 } = sector;
  const alpha = electrons / 2 + spinZ;
  const beta = electrons / 2 - spinZ;
  const places = [Math.ceil(qubitCount / 2), Math.floor(qubitCount / 2)] as const;
  const fits = (count: number, limit: number) => Number.isInteger(count) && count >= 0 && count <= limit;
  if (!fits(alpha, places[0]) || !fits(beta, places[1])) {
    throw new InvalidArgumentError('There is no such particle sector', {
      expected: `0..${places[0]} alpha and 0..${places[1]} beta electrons on ${qubitCount} qubits`,
      actual: [alpha, beta],
    });
  }
  return { alpha, beta };
}

/** The indices of all basis states of a sector, ascending. */
export function sectorBasis(sector: ParticleSector, qubitCount: number): Uint32Array {
  const { alpha, beta } = electronsBySpin(sector, qubitCount);
  const states: number[] = [];
  for (let state = 0; state < 2 ** qubitCount; state++) {
    if (popCount(state & 0x55555555) === alpha && popCount(state & 0xaaaaaaaa) === beta) states.push(state);
  }
  return Uint32Array.from(states);
}

/**
 * The occupation of the Hartree-Fock determinant as a basis-state index: the lowest orbitals of each spin, orbitals being sorted
 * by energy.
 *
 * @throws InvalidArgumentError when the sector does not exist on this many qubits.
 */
export function hartreeFockOccupation(sector: ParticleSector, qubitCount: number): number {
  const { alpha, beta } = electronsBySpin(sector, qubitCount);
  let occupation = 0;
  for (let p = 0; p < alpha; p++) occupation |= 1 << (2 * p);
  for (let p = 0; p < beta; p++) occupation |= 1 << (2 * p + 1);
  return occupation;
}
