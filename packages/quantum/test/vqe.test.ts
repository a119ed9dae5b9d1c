import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CancelledError, Random } from '@qedge/core';
import {
  Circuit,
  createReferenceSimulator,
  exactGroundState,
  hardwareEfficientAnsatz,
  jordanWigner,
  PauliSum,
  parseFcidump,
  uccsd,
  vqe,
} from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { H2_DIRECTORY, sharedDirectory } from './shared-data.ts';

const load = (directory: string, name: string) => ({
  hamiltonian: jordanWigner(parseFcidump(readFileSync(join(directory, `${name}.FCIDUMP`), 'utf8'))),
  facts: JSON.parse(readFileSync(join(directory, `${name}.json`), 'utf8')),
});
const bondLengths = readdirSync(H2_DIRECTORY)
  .filter((file) => file.endsWith('.FCIDUMP'))
  .map((file) => file.replace('.FCIDUMP', ''));
const ansatz = uccsd({ electrons: 2, orbitals: 2 });

describe.each([
  ['natural-gradient', 'adjoint'],
  ['natural-gradient', 'shift'],
  ['gradient-descent', 'shift'],
  ['gradient-descent', 'adjoint'],
] as const)('vqe of H2 by %s with %s gradients', (optimizer, gradient) => {
  it.each(bondLengths)('reaches the exact energy of %s from Hartree-Fock', async (name) => {
    const { hamiltonian, facts } = load(H2_DIRECTORY, name);
    using exact = exactGroundState(hamiltonian, { electrons: 2 }).state;
    const result = await vqe({ hamiltonian, ansatz, optimizer, gradient, exactState: exact });
    expect(result.reason).toBe('gradient-below-tolerance');
    // A gradient of 1e-6 leaves an energy error of about its square over the curvature.
    expect(Math.abs(result.energyHartree - facts.fci_energy)).toBeLessThan(1e-9);
    expect(result.history[0]!.energyHartree).toBeCloseTo(facts.hf_energy, 8);
    expect(result.variance).toBeLessThan(1e-9);
    expect(result.fidelityWithExact).toBeGreaterThan(1 - 1e-8);
    result.history.slice(1).forEach(({ energyHartree }, i) => {
      expect(energyHartree).toBeLessThanOrEqual(result.history[i]!.energyHartree);
    });
  });
});

describe('vqe', () => {
  const { hamiltonian, facts } = load(H2_DIRECTORY, 'H2_0.7414');

  it('repeats itself exactly, and counts what the cache saves', async () => {
    const options = { hamiltonian, ansatz, optimizer: 'gradient-descent', gradient: 'shift' } as const;
    const [a, b] = [await vqe(options), await vqe(options)];
    expect(a).toEqual(b);
    expect(a.evaluations).toBe(a.history.at(-1)!.evaluations);
    const uncached = await vqe({ ...options, cacheEntries: 0 });
    expect(uncached.cacheHits).toBe(0);
    expect(uncached.energyHartree).toBe(a.energyHartree);
    expect(uncached.evaluations).toBe(a.evaluations + a.cacheHits);
  });

  it('returns plain data', async () => {
    const result = await vqe({ hamiltonian, ansatz });
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  });

  it('says when it stops early', async () => {
    const result = await vqe({ hamiltonian, ansatz, maxIterations: 0 });
    expect(result).toMatchObject({ converged: false, reason: 'iteration-limit', iterations: 0 });
    expect(result.energyHartree).toBeCloseTo(facts.hf_energy, 8);
    const exhausted = await vqe({ hamiltonian, ansatz, tolerance: 0 });
    expect(['no-further-decrease', 'iteration-limit']).toContain(exhausted.reason);
    expect(Math.abs(exhausted.energyHartree - facts.fci_energy)).toBeLessThan(1e-12);
  });

  it('starts where it is told, by position or by name', async () => {
    const initial = [0.1, 0.2, -0.3];
    const byName = Object.fromEntries(ansatz.parameterNames.map((name, i) => [name, initial[i]!]));
    const [a, b] = [
      await vqe({ hamiltonian, ansatz, initial }),
      await vqe({ hamiltonian, ansatz, initial: byName }),
    ];
    expect(a).toEqual(b);
    expect(Math.abs(a.energyHartree - facts.fci_energy)).toBeLessThan(1e-9);
    await expect(vqe({ hamiltonian, ansatz, initial: [1] })).rejects.toThrow(/expected 3, got 1/);
    await expect(vqe({ hamiltonian, ansatz, initial: { wrong: 1 } })).rejects.toThrow(/no such parameter/);
  });

  it('is cancelled with the best point so far', async () => {
    const controller = new AbortController();
    const run = vqe({
      hamiltonian,
      ansatz,
      signal: controller.signal,
      onIteration: ({ iteration }) => iteration === 1 && controller.abort(),
    });
    await expect(run).rejects.toThrow(CancelledError);
    await run.catch((error: CancelledError) => {
      expect(error.facts.energyHartree as number).toBeLessThan(facts.hf_energy - 1e-3);
      expect(error.facts.parameters).toHaveLength(3);
    });
  });

  it('works with a hardware-efficient ansatz from random starts', async () => {
    const wide = hardwareEfficientAnsatz({ qubits: 4, layers: 2 });
    const energies: number[] = [];
    for (let seed = 0; seed < 6; seed++) {
      const { energyHartree } = await vqe({ hamiltonian, ansatz: wide, seed, maxIterations: 150 });
      // The Fock-space minimum is the exact energy here: no state lies below.
      expect(energyHartree).toBeGreaterThan(facts.fock_space_ground_energy - 1e-12);
      energies.push(energyHartree);
    }
    // Local minima are expected; most starts must arrive.
    expect(energies.filter((energy) => energy - facts.fci_energy < 1.6e-3).length).toBeGreaterThanOrEqual(3);
  });

  it('has nothing to do without parameters', async () => {
    const fixed = {
      ...ansatz,
      circuit: new Circuit(4).x(0).x(1),
      parameterNames: [],
      initialParameters: null,
      frequencies: null,
    };
    const result = await vqe({ hamiltonian, ansatz: fixed });
    expect(result).toMatchObject({ converged: true, iterations: 0, parameters: [] });
    expect(result.energyHartree).toBeCloseTo(facts.hf_energy, 8);
  });

  it('refuses options that do not fit', async () => {
    await expect(vqe({ hamiltonian, ansatz, tolerance: Number.NaN })).rejects.toThrow(/tolerance/);
    await expect(vqe({ hamiltonian, ansatz, maxIterations: 1.5 })).rejects.toThrow(/maxIterations/);
    await expect(vqe({ hamiltonian: PauliSum.fromTerms([['Z', 1]]), ansatz })).rejects.toThrow(/4 qubits/);
  });
});

describe('uccsd', () => {
  it('stays in its particle sector whatever the parameters', () => {
    const simulator = createReferenceSimulator();
    const { circuit, parameterNames } = uccsd({ electrons: 3, orbitals: 3 });
    const random = new Random(1);
    for (let trial = 0; trial < 5; trial++) {
      const parameters = Object.fromEntries(parameterNames.map((name) => [name, random.normal() * 3]));
      using state = simulator.run(circuit, { parameters });
      const spinOf = (spin: number) =>
        PauliSum.fromTerms([
          ...[0, 1, 2].map((p) => [`${'I'.repeat(2 * p + spin)}Z`.padEnd(6, 'I'), -0.5] as const),
          ['IIIIII', 1.5],
        ]);
      expect(state.expectation(spinOf(0))).toBeCloseTo(2, 12);
      expect(state.expectation(spinOf(1))).toBeCloseTo(1, 12);
    }
  });

  it('names and counts the excitations of two electrons in two orbitals', () => {
    expect(ansatz.parameterNames).toEqual(['d_0_1_2_3', 's_0_2', 's_1_3']);
    expect(ansatz.circuit.parameterNames).toEqual(ansatz.parameterNames);
    expect(ansatz.circuit.gateCounts()).toMatchObject({ rz: 12, x: 2 });
  });

  it('refuses what it cannot excite', () => {
    expect(() => uccsd({ electrons: 4, orbitals: 2 })).toThrow(/no excitation/);
    expect(() => uccsd({ electrons: 5, orbitals: 2 })).toThrow(/no such particle sector/);
    expect(() => uccsd({ electrons: 2, orbitals: 0 })).toThrow(/1\.\.13/);
  });
});

const chem = sharedDirectory('chem');
describe.skipIf(chem === null)('vqe of LiH with two electrons in three orbitals', () => {
  it('reaches the exact energy', async () => {
    const { hamiltonian, facts } = load(chem!, 'LiH_1.546_cas2e3o');
    const lithium = uccsd({ electrons: 2, orbitals: 3 });
    for (const optimizer of ['natural-gradient', 'gradient-descent'] as const) {
      const { energyHartree, converged } = await vqe({ hamiltonian, ansatz: lithium, optimizer });
      expect(converged).toBe(true);
      // Doubles before singles in one Trotter step span all states of two electrons, so only convergence limits the error.
      expect(Math.abs(energyHartree - facts.fci_energy)).toBeLessThan(1e-8);
    }
  });
});
