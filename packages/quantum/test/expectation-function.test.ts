import { Circuit, createReferenceSimulator, ExpectationFunction, PauliSum, parameter } from '@qedge/quantum';
import { describe, expect, it } from 'vitest';

const simulator = createReferenceSimulator();
const z = PauliSum.fromTerms([['Z', 1]]);
const circuit = new Circuit(1).ry(parameter('t'), 0);

describe('ExpectationFunction', () => {
  it('remembers by every bit of the angles', () => {
    const energy = new ExpectationFunction(simulator, circuit, z);
    for (const t of [0.5, 0.5 + 2 ** -50, 0.5, -0.5])
      expect(energy.evaluate([t])).toBeCloseTo(Math.cos(t), 14);
    expect([energy.evaluations, energy.cacheHits]).toEqual([3, 1]);
    energy.dispose();
  });

  it('forgets what was used least recently', () => {
    const energy = new ExpectationFunction(simulator, circuit, z, 2);
    for (const t of [1, 2, 1, 3, 1]) energy.evaluate([t]);
    expect([energy.evaluations, energy.cacheHits]).toEqual([3, 2]);
    energy.evaluate([2]);
    expect(energy.evaluations).toBe(4);
  });

  it('remembers nothing when told so, and refuses what is no number of results', () => {
    const energy = new ExpectationFunction(simulator, circuit, z, 0);
    for (const t of [1, 1, 1]) energy.evaluate([t]);
    expect([energy.evaluations, energy.cacheHits]).toEqual([3, 0]);
    for (const entries of [Number.NaN, -1, 0.5]) {
      expect(() => new ExpectationFunction(simulator, circuit, z, entries)).toThrow(/integer >= 0/);
    }
  });

  it('refuses circuits that measure and observables that do not fit', () => {
    const make = (other: Circuit) => () => new ExpectationFunction(simulator, other, z);
    expect(make(new Circuit(1, 1).measure(0, 0))).toThrow(/gates only, got measure|gates only: got measure/);
    expect(make(new Circuit(2))).toThrow(/expected 2 qubits, got 1/);
    expect(() => new ExpectationFunction(simulator, circuit, z).evaluate([])).toThrow(/expected 1, got 0/);
  });
});
