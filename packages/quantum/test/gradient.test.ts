import { Random } from '@qedge/core';
import {
  Circuit,
  createReferenceSimulator,
  ExpectationFunction,
  finiteDifferenceGradient,
  GATE_NAMES,
  gateDefinition,
  PauliSum,
  parameter,
  parameterShiftGradient,
  shiftRule,
  uccsd,
} from '@qedge/quantum';
import { describe, expect, it } from 'vitest';

const simulator = createReferenceSimulator();
const observable = PauliSum.fromTerms([
  ['ZIII', 0.7],
  ['XYIZ', -1.1],
  ['IXXY', 0.4],
  ['YYXX', 0.9],
  ['IIZZ', -0.3],
  ['XIIY', 0.25],
]);

/** Four qubits, every gate that has angles, parameters shared between gates with various coefficients. */
function mixedCircuit(seed: number): Circuit {
  const random = new Random(seed);
  const circuit = new Circuit(4);
  for (let q = 0; q < 4; q++) circuit.h(q).ry(0.3 * q + 0.1, q);
  const parametrised = GATE_NAMES.filter((name) => gateDefinition(name).parameterCount > 0);
  for (const name of random.shuffle([...parametrised])) {
    const gate = gateDefinition(name);
    const qubits = random.shuffle([0, 1, 2, 3]).slice(0, gate.qubitCount);
    const angles = Array.from({ length: gate.parameterCount }, () =>
      parameter(`t${random.integer(4)}`)
        .times(random.normal())
        .plus(random.normal()),
    );
    circuit.gate(name, qubits, angles).cx(random.integer(2), 2 + random.integer(2));
  }
  return circuit;
}

function largestDifference(a: Float64Array, b: Float64Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i]!)), 0);
}

describe('gradients', () => {
  it('by shift, adjoint and difference agree on every gate with shared parameters', () => {
    for (let seed = 0; seed < 10; seed++) {
      using energy = new ExpectationFunction(simulator, mixedCircuit(seed), observable);
      const point = Float64Array.from(energy.parameterNames, (_, i) => 0.4 * i - 0.5);
      const shift = parameterShiftGradient(energy, point);
      const adjoint = energy.differentiate(point, 'adjoint');
      const difference = finiteDifferenceGradient((x) => energy.evaluate(x), point);
      expect(Math.abs(adjoint.value - energy.evaluate(point))).toBeLessThan(1e-12);
      // Both are exact: only rounding of a few hundred operations remains.
      expect(largestDifference(shift, adjoint.gradient)).toBeLessThan(1e-11);
      // A central difference with h = 1e-5 is wrong by about h^2 times the third derivative.
      expect(largestDifference(difference, adjoint.gradient)).toBeLessThan(1e-6);
      expect(Math.max(...adjoint.gradient.map(Math.abs))).toBeGreaterThan(0.01);
    }
  });

  it('of excitations agree between the four-term rule, the product rule, adjoint and difference', () => {
    const ansatz = uccsd({ electrons: 2, orbitals: 2 });
    using energy = new ExpectationFunction(simulator, ansatz.circuit, observable);
    const point = [0.3, -0.7, 1.1];
    const whole = parameterShiftGradient(energy, point, { frequencies: ansatz.frequencies });
    const perGate = parameterShiftGradient(energy, point);
    const adjoint = energy.differentiate(point, 'adjoint').gradient;
    const difference = finiteDifferenceGradient((x) => energy.evaluate(x), point);
    expect(largestDifference(whole, adjoint)).toBeLessThan(1e-12);
    expect(largestDifference(perGate, adjoint)).toBeLessThan(1e-12);
    expect(largestDifference(difference, adjoint)).toBeLessThan(1e-8);
  });

  it('would be wrong for excitations with the two-term rule', () => {
    const ansatz = uccsd({ electrons: 2, orbitals: 2 });
    using energy = new ExpectationFunction(simulator, ansatz.circuit, observable);
    const point = [0.3, -0.7, 1.1];
    const naive = parameterShiftGradient(energy, point, { frequencies: [[1], [1], [1]] });
    expect(largestDifference(naive, energy.differentiate(point, 'adjoint').gradient)).toBeGreaterThan(0.01);
  });
});

describe('shiftRule', () => {
  it('is the quarter-turn rule for one frequency', () => {
    const [plus, minus] = shiftRule([1]);
    expect([plus!.shift, plus!.coefficient]).toEqual([Math.PI / 2, expect.closeTo(0.5, 15)]);
    expect([minus!.shift, minus!.coefficient]).toEqual([-Math.PI / 2, expect.closeTo(-0.5, 15)]);
  });

  it('differentiates trigonometric polynomials exactly', () => {
    for (const frequencies of [[1], [0.5, 1], [1, 2], [2, 4, 6], [1, 2, 3, 4, 5]]) {
      const f = (x: number) => frequencies.reduce((sum, w, i) => sum + Math.cos(w * x + i) * (i + 1), 0.3);
      const exact = (x: number) =>
        frequencies.reduce((sum, w, i) => sum - w * Math.sin(w * x + i) * (i + 1), 0);
      for (const x of [-2, 0, 0.7]) {
        const byRule = shiftRule(frequencies).reduce((sum, t) => sum + t.coefficient * f(x + t.shift), 0);
        expect(byRule).toBeCloseTo(exact(x), 11);
      }
    }
  });

  it('refuses frequencies without a rule', () => {
    for (const frequencies of [[], [1, 3], [0], [-1], [Number.NaN]])
      expect(() => shiftRule(frequencies)).toThrow(/no shift rule/);
  });
});

describe('fubiniStudyMetric', () => {
  it('is a quarter of the variance of a generator in closed form', () => {
    // RY on |0>: g = 1/4. Then RZ: g = sin^2(theta)/4, and no coupling.
    const circuit = new Circuit(1).ry(parameter('a'), 0).rz(parameter('b'), 0);
    const metric = simulator.compile(circuit).fubiniStudyMetric({ parameters: [0.8, 0.3] });
    [0.25, 0, 0, Math.sin(0.8) ** 2 / 4].forEach((value, i) => {
      expect(metric[i]).toBeCloseTo(value, 14);
    });
  });

  it('is the second-order loss of fidelity', () => {
    const circuit = mixedCircuit(3);
    const names = circuit.parameterNames;
    const point = names.map((_, i) => 0.2 * i);
    const metric = simulator.compile(circuit).fubiniStudyMetric({ parameters: point });
    const stateAt = (values: readonly number[]) => simulator.run(circuit, { parameters: values });
    using here = stateAt(point);
    const step = 1e-3;
    const direction = [0.5, -0.8, 0.3, 0.1];
    let quadratic = 0;
    for (let i = 0; i < names.length; i++)
      for (let j = 0; j < names.length; j++)
        quadratic += direction[i]! * metric[i * names.length + j]! * direction[j]!;
    using plus = stateAt(point.map((x, i) => x + step * direction[i]!));
    using minus = stateAt(point.map((x, i) => x - step * direction[i]!));
    const loss = (2 - here.fidelity(plus) - here.fidelity(minus)) / (2 * step * step);
    // The symmetric difference is wrong by about step^2 times a fourth derivative.
    expect(Math.abs(loss - quadratic)).toBeLessThan(1e-4 * quadratic);
  });
});
