import { Random } from '@qedge/core';
import { Circuit, PauliSum, parameter, StateVector, StateVectorSimulator } from '@qedge/quantum';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { denseExpectation, denseState } from './dense-reference.ts';
import { randomCircuit } from './random-circuit.ts';

const simulator = new StateVectorSimulator();
const settings = { seed: 1, numRuns: 60 };
const anyCircuit = fc
  .tuple(fc.integer({ min: 0, max: 1e6 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 25 }))
  .map(([seed, qubits, length]) => randomCircuit(seed, qubits, length));

describe('StateVectorSimulator', () => {
  it('agrees with dense matrices on random circuits of all gates', () => {
    fc.assert(
      fc.property(anyCircuit, (circuit) => {
        using state = simulator.run(circuit);
        const dense = denseState(circuit);
        // 25 gates of at most 8 terms each: rounding stays far below 1e-12.
        dense.forEach(([re, im], i) => {
          expect(Math.abs(state.re[i]! - re)).toBeLessThan(1e-12);
          expect(Math.abs(state.im[i]! - im)).toBeLessThan(1e-12);
        });
      }),
      settings,
    );
  });

  it('keeps the norm, and a circuit followed by its inverse is the identity', () => {
    fc.assert(
      fc.property(anyCircuit, (circuit) => {
        using state = simulator.run(circuit);
        expect(Math.abs(state.normSquared() - 1)).toBeLessThan(1e-12);
        using back = simulator.run(circuit.compose(circuit.inverse()));
        expect(Math.abs(back.re[0]! - 1)).toBeLessThan(1e-12);
      }),
      settings,
    );
  });

  it('gives expectation values that dense matrices give', () => {
    const letters = fc.constantFrom('I', 'X', 'Y', 'Z');
    const sums = fc.array(
      fc.tuple(
        fc.array(letters, { minLength: 3, maxLength: 3 }),
        fc.double({ min: -2, max: 2, noNaN: true }),
      ),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), sums, (seed, terms) => {
        const circuit = randomCircuit(seed, 3, 12);
        const sum = PauliSum.fromTerms(terms.map(([string, c]) => [string.join(''), c]));
        using state = simulator.run(circuit);
        expect(Math.abs(state.expectation(sum) - denseExpectation(sum, denseState(circuit)))).toBeLessThan(
          1e-11,
        );
      }),
      settings,
    );
  });

  it('prepares Bell and GHZ states', () => {
    using bell = simulator.run(new Circuit(2).h(0).cx(0, 1));
    expect([...bell.probabilities()].map((p) => Number(p.toFixed(14)))).toEqual([0.5, 0, 0, 0.5]);
    const ghz = new Circuit(10).h(0);
    for (let q = 1; q < 10; q++) ghz.cx(q - 1, q);
    using state = simulator.run(ghz);
    const p = state.probabilities();
    expect(p[0]).toBeCloseTo(0.5, 14);
    expect(p[1023]).toBeCloseTo(0.5, 14);
  });

  it('prepares the quantum Fourier transform of a basis state in closed form', () => {
    const [n, input] = [6, 37];
    const circuit = new Circuit(n);
    for (let q = 0; q < n; q++) if ((input >> q) & 1) circuit.x(q);
    for (let q = n - 1; q >= 0; q--) {
      circuit.h(q);
      for (let c = q - 1; c >= 0; c--) circuit.cp(Math.PI / 2 ** (q - c), c, q);
    }
    for (let q = 0; q < n / 2; q++) circuit.swap(q, n - 1 - q);
    using state = simulator.run(circuit);
    for (let k = 0; k < 2 ** n; k++) {
      const angle = (2 * Math.PI * input * k) / 2 ** n;
      expect(state.re[k]).toBeCloseTo(Math.cos(angle) / 8, 12);
      expect(state.im[k]).toBeCloseTo(Math.sin(angle) / 8, 12);
    }
  });

  it('takes qubit 0 as the least significant bit', () => {
    using state = simulator.run(new Circuit(3).x(0));
    expect(state.re[1]).toBe(1);
    expect(state.sample(5, new Random(1))).toEqual({ '001': 5 });
  });

  it('binds named parameters and refuses missing or unknown ones', () => {
    const circuit = new Circuit(1).ry(parameter('a').times(2).plus(0.1), 0);
    using state = simulator.run(circuit, { parameters: { a: 0.3 } });
    expect(state.re[1]).toBeCloseTo(Math.sin(0.35), 14);
    expect(() => simulator.run(circuit)).toThrow(/a value for "a"/);
    expect(() => simulator.run(circuit, { parameters: { a: 1, b: 2 } })).toThrow(/no such parameter/);
    expect(() => simulator.run(circuit, { parameters: { a: Number.NaN } })).toThrow(/finite/);
  });

  it('starts from a given state without changing it', () => {
    using start = StateVector.basisState(2, 2);
    using state = simulator.run(new Circuit(2).x(0), { initialState: start });
    expect(state.re[3]).toBe(1);
    expect(start.re[2]).toBe(1);
    expect(() => simulator.run(new Circuit(3), { initialState: start })).toThrow(/expected 3, got 2/);
  });

  it('runs circuits without qubits or gates', () => {
    using state = simulator.run(new Circuit(0));
    expect([...state.re]).toEqual([1]);
    expect(simulator.sample(new Circuit(0), 3)).toEqual({ '': 3 });
  });

  it('refuses circuits that are too large and use after dispose', () => {
    expect(() => simulator.run(new Circuit(25))).toThrow(/at most 24 qubits/);
    const state = simulator.run(new Circuit(1));
    state.dispose();
    state.dispose();
    expect(() => state.probabilities()).toThrow(/after dispose/);
  });
});

describe('measurement', () => {
  it('teleports any state through mid-circuit measurement of entangled pairs', () => {
    // Deferred corrections: measure, then correct with controlled gates from the measured qubits.
    const circuit = new Circuit(3, 2).u(1.1, 0.4, -0.7, 0).h(1).cx(1, 2).cx(0, 1).h(0);
    circuit.measure(0, 0).measure(1, 1).cx(1, 2).cz(0, 2);
    using expected = simulator.run(new Circuit(1).u(1.1, 0.4, -0.7, 0));
    const seen = new Set<number>();
    for (let seed = 0; seed < 40; seed++) {
      using state = simulator.run(circuit, { random: new Random(seed) });
      const measured = state.clbits[0]! + 2 * state.clbits[1]!;
      seen.add(measured);
      const [a, b] = [measured, measured + 4];
      const overlapRe =
        expected.re[0]! * state.re[a]! +
        expected.im[0]! * state.im[a]! +
        expected.re[1]! * state.re[b]! +
        expected.im[1]! * state.im[b]!;
      const overlapIm =
        expected.re[0]! * state.im[a]! -
        expected.im[0]! * state.re[a]! +
        expected.re[1]! * state.im[b]! -
        expected.im[1]! * state.re[b]!;
      expect(Math.hypot(overlapRe, overlapIm)).toBeCloseTo(1, 12);
    }
    expect(seen.size).toBe(4);
  });

  it('resets a qubit whatever it was entangled with', () => {
    const circuit = new Circuit(2, 1).h(0).cx(0, 1).reset(0).measure(0, 0);
    for (let seed = 0; seed < 10; seed++) {
      using state = simulator.run(circuit, { random: new Random(seed) });
      expect(state.clbits[0]).toBe(0);
      expect(state.normSquared()).toBeCloseTo(1, 12);
    }
  });

  it('samples with the frequencies of the state, by seed', () => {
    const circuit = new Circuit(2).ry(1.2, 0).cx(0, 1);
    const shots = 20000;
    const counts = simulator.sample(circuit, shots, { random: new Random(5) });
    const p = Math.sin(0.6) ** 2;
    // Five standard deviations of a binomial frequency.
    expect(Math.abs(counts['11']! / shots - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / shots));
    expect(Object.keys(counts).sort()).toEqual(['00', '11']);
    expect(simulator.sample(circuit, shots, { random: new Random(5) })).toEqual(counts);
  });

  it('writes as many classical bits as there are', () => {
    const circuit = new Circuit(1, 70).x(0).measure(0, 69).measure(0, 0);
    const key = `1${'0'.repeat(68)}1`;
    expect(simulator.sample(circuit, 3)).toEqual({ [key]: 3 });
    expect(simulator.sample(circuit.id(0), 3)).toEqual({ [key]: 3 });
    expect(() => simulator.sample(circuit, 1.5)).toThrow(/integer >= 0, got 1.5/);
  });

  it('samples all qubits of a circuit that resets and does not measure', () => {
    const circuit = new Circuit(2, 1).x(1).h(0).reset(0);
    expect(simulator.sample(circuit, 5)).toEqual({ '10': 5 });
    // Resetting one half of a Bell pair leaves the other half random.
    const half = simulator.sample(new Circuit(2).h(0).cx(0, 1).reset(0), 400, { random: new Random(3) });
    expect(Object.keys(half).sort()).toEqual(['00', '10']);
    // Five standard deviations of a fair binomial: 50.
    expect(Math.abs(half['10']! - 200)).toBeLessThan(50);
  });

  it('samples classical bits, final or mid-circuit, in agreement', () => {
    const final = new Circuit(2, 2).ry(0.9, 0).cx(0, 1).measure(1, 0).measure(0, 1);
    const middle = new Circuit(2, 2).ry(0.9, 0).cx(0, 1).measure(1, 0).measure(0, 1).x(0);
    const shots = 4000;
    const [a, b] = [final, middle].map((circuit) =>
      simulator.sample(circuit, shots, { random: new Random(2) }),
    );
    expect(Object.keys(a!).sort()).toEqual(['00', '11']);
    // Two independent binomial frequencies, five standard deviations of their difference.
    expect(Math.abs(a!['11']! - b!['11']!) / shots).toBeLessThan(5 * Math.sqrt(0.5 / shots));
  });
});
