import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createReferenceSimulator,
  exactGroundState,
  exactGroundStateEnergy,
  hartreeFockOccupation,
  jordanWigner,
  PauliSum,
  parseFcidump,
  sectorBasis,
} from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { H2_DIRECTORY, sharedDirectory } from './shared-data.ts';

const chem = sharedDirectory('chem');
const namesIn = (directory: string) =>
  readdirSync(directory)
    .filter((file) => file.endsWith('.FCIDUMP'))
    .map((file) => file.replace('.FCIDUMP', ''));
const read = (directory: string, name: string) => ({
  integrals: parseFcidump(readFileSync(join(directory, `${name}.FCIDUMP`), 'utf8')),
  facts: JSON.parse(readFileSync(join(directory, `${name}.json`), 'utf8')),
});

function checkInstance(directory: string, name: string): void {
  const { integrals, facts } = read(directory, name);
  const hamiltonian = jordanWigner(integrals);
  expect(hamiltonian.qubitCount).toBe(facts.nqubits);
  expect(hamiltonian.terms.length).toBe(facts.jw.pauli_terms);
  expect(hamiltonian.oneNorm()).toBeCloseTo(facts.jw.one_norm_without_identity, 9);
  const sector = { electrons: facts.nelec, spinZ: 0 };
  using determinant = createReferenceSimulator().prepare(hamiltonian.qubitCount, {
    kind: 'basis',
    basis: hartreeFockOccupation(sector, hamiltonian.qubitCount),
  });
  expect(Math.abs(determinant.expectation(hamiltonian) - facts.hf_energy)).toBeLessThan(1e-8);
  const exact = exactGroundState(hamiltonian, sector);
  expect(Math.abs(exact.energyHartree - facts.fci_energy)).toBeLessThan(1e-10);
  expect(Math.abs(exact.state.expectation(hamiltonian) - exact.energyHartree)).toBeLessThan(1e-10);
  expect(exact.state.normSquared()).toBeCloseTo(1, 12);
  exact.state.dispose();
}

describe('H2 in the package', () => {
  it('has eleven bond lengths', () => {
    expect(namesIn(H2_DIRECTORY)).toHaveLength(11);
  });
  it.each(namesIn(H2_DIRECTORY))('%s has the published term count and exact energy', (name) => {
    checkInstance(H2_DIRECTORY, name);
  });
});

describe.skipIf(chem === null)('shared molecules', () => {
  it.each(chem === null ? [] : namesIn(chem))('%s has the published term count and exact energy', (name) => {
    checkInstance(chem!, name);
  });
  it.each(chem === null ? [] : namesIn(chem))('%s has the published Pauli terms', (name) => {
    const hamiltonian = jordanWigner(read(chem!, name).integrals);
    const { jw } = JSON.parse(readFileSync(join(chem!, `${name}.qubit.json`), 'utf8'));
    const published = PauliSum.fromTerms(jw);
    expect(hamiltonian.terms.map(([string]) => string)).toEqual(published.terms.map(([string]) => string));
    hamiltonian.terms.forEach(([, coefficient], i) => {
      expect(Math.abs(coefficient - published.terms[i]![1])).toBeLessThan(1e-12);
    });
  });
});

describe('exactGroundStateEnergy', () => {
  const { integrals } = read(H2_DIRECTORY, 'H2_0.7414');
  const hamiltonian = jordanWigner(integrals);

  it('keeps to its sector where Fock space goes lower', () => {
    // A chemical potential of 5 Hartree makes four electrons the cheapest: N = sum (1 - Z_q) / 2.
    const strings = ['ZIII', 'IZII', 'IIZI', 'IIIZ'].map((s) => [s, 2.5] as const);
    const shifted = hamiltonian.add(PauliSum.fromTerms([...strings, ['IIII', -10]]));
    const energies = [0, 1, 2, 3, 4].map((electrons) => exactGroundStateEnergy(shifted, { electrons }));
    expect(energies[2]).toBeCloseTo(-1.1372701746571054 - 10, 10);
    expect(energies[4]!).toBeLessThan(energies[2]!);
  });

  it('finds the triplet by its spin projection', () => {
    const triplet = exactGroundStateEnergy(hamiltonian, { electrons: 2, spinZ: 1 });
    // The Sz = 1 state is the single determinant of two alpha electrons; its Sz = 0 partner is the second eigenvalue.
    expect(triplet).toBeCloseTo(-0.5324790073119683, 10);
  });

  it('handles sectors of one state', () => {
    expect(exactGroundStateEnergy(hamiltonian, { electrons: 0 })).toBeCloseTo(
      integrals.coreEnergyHartree,
      12,
    );
    expect(sectorBasis({ electrons: 4 }, 4)).toEqual(Uint32Array.of(15));
  });

  it('refuses sectors that do not exist and Hamiltonians that leave them', () => {
    expect(() => exactGroundStateEnergy(hamiltonian, { electrons: 5 })).toThrow(/no such particle sector/);
    expect(() => exactGroundStateEnergy(hamiltonian, { electrons: 2, spinZ: 0.5 })).toThrow(/no such/);
    expect(() => exactGroundStateEnergy(PauliSum.fromTerms([['XI', 1]]), { electrons: 1 })).toThrow(
      /conserve/,
    );
  });

  it('diagonalises an imaginary hopping matrix', () => {
    // (XY - YX)/2 couples |01> and |10> by +-i: eigenvalues +-1.
    const current = PauliSum.fromTerms([
      ['XIYI', 0.5],
      ['YIXI', -0.5],
    ]);
    const hopping = PauliSum.fromTerms([
      ['XZYI', 0.5],
      ['YZXI', -0.5],
    ]);
    for (const sum of [current, hopping])
      expect(exactGroundStateEnergy(sum, { electrons: 1, spinZ: 0.5 })).toBeCloseTo(-1, 12);
  });
});

describe('parseFcidump', () => {
  const header = '&FCI NORB=2,NELEC=2,MS2=0,\n ORBSYM=1,1,\n ISYM=1,\n&END\n';

  it('assigns integrals that are written twice, fills symmetry, skips orbital energies, reads Fortran exponents', () => {
    const text = `${header} 1.5D-01 1 1 2 2\n 1.5E-01 2 2 1 1\n 2.0d0 2 1 1 1\n -5.0 1 0 0 0\n 3.0 2 1 0 0\n 0.7 0 0 0 0\n`;
    const { oneElectron, twoElectron, coreEnergyHartree } = parseFcidump(text);
    const at = (p: number, q: number, r: number, s: number) => twoElectron[((p * 2 + q) * 2 + r) * 2 + s];
    expect([at(0, 0, 1, 1), at(1, 1, 0, 0)]).toEqual([0.15, 0.15]);
    expect([at(1, 0, 0, 0), at(0, 1, 0, 0), at(0, 0, 1, 0), at(0, 0, 0, 1)]).toEqual([2, 2, 2, 2]);
    expect([...oneElectron]).toEqual([0, 3, 3, 0]);
    expect(coreEnergyHartree).toBe(0.7);
  });

  it('accepts a header on one line that ends with a slash', () => {
    expect(parseFcidump('&FCI NORB=1, NELEC=1, MS2=1 /\n-0.5 1 1 0 0').electrons).toBe(1);
  });

  it.each([
    ['', /line 1.*expected &FCI/],
    ['hello', /line 1.*&FCI, got hello/],
    ['&FCI NORB=2,NELEC=2,', /no end/],
    ['&FCI NELEC=2 &END', /NORB=<integer >= 1>/],
    ['&FCI NORB=1000,NELEC=2 &END', /too large/],
    ['&FCI NORB=1,NELEC=3,MS2=1 &END', /contradicts itself/],
    [`${header}1.0 1 1 3 1`, /line 5.*0\.\.2/],
    [`${header}abc 1 1 1 1`, /line 5/],
    [`${header}NaN 1 1 1 1`, /line 5/],
    [`${header}\n1.0 1 1 1`, /line 6/],
    [`${header}1.0 1 0 1 1`, /mixes orbitals and zeros/],
    ['&FCI NORB=1,NELEC=1,MS2=1,IUHF=1 &END', /unrestricted/],
  ])('refuses %j', (text, message) => {
    expect(() => parseFcidump(text)).toThrow(message);
  });
});
