import { Random } from '@qedge/core';
import { Circuit } from '../circuit/circuit.ts';
import { parameter } from '../circuit/parameter.ts';
import { PauliSum, type PauliTerm } from '../operator/pauli-sum.ts';
import {
  amplitudeTolerance,
  checkAllClose,
  checkClose,
  checkRefused,
  type SimulatorConformanceCase,
} from './conformance-case.ts';
import { denseInner, densePauliImage, denseState } from './dense-state.ts';
import { randomCircuit } from './random-circuit.ts';

/** What is read off states. */
export function observableCases(): SimulatorConformanceCase[] {
  return [expectations, idleObservables, marginals, products, reducedStates, gradients, metrics, refusals];
}

/** A sum of random strings with coefficients around 1. */
export function randomPauliSum(random: Random, qubitCount: number, termCount: number): PauliSum {
  const letters = ['I', 'X', 'Y', 'Z'];
  return PauliSum.fromTerms(
    Array.from({ length: termCount }, (): PauliTerm => {
      const string = Array.from({ length: qubitCount }, () => letters[random.integer(4)]!).join('');
      return [string, random.normal()];
    }),
  );
}

const expectations: SimulatorConformanceCase = {
  name: 'gives the expectation values and variances of Pauli sums that the definition gives',
  run(simulator) {
    for (let seed = 0; seed < 12; seed++) {
      const random = new Random(seed);
      const qubitCount = 1 + (seed % 6);
      const circuit = randomCircuit(random, qubitCount, 15);
      const sums = [1, 4, 30].map((count) => randomPauliSum(random, qubitCount, count));
      using state = simulator.run(circuit);
      const dense = denseState(circuit);
      const values = state.expectation(sums);
      sums.forEach((sum, index) => {
        const image = densePauliImage(sum, dense);
        const mean = denseInner(dense, image)[0];
        const variance = denseInner(image, image)[0] - mean * mean;
        const tolerance = 50 * amplitudeTolerance(simulator) * (1 + sum.oneNorm());
        checkClose(values[index]!, mean, tolerance, `expectation ${seed}/${index}`);
        checkClose(
          state.variance(sum),
          variance,
          tolerance * (1 + sum.oneNorm()),
          `variance ${seed}/${index}`,
        );
      });
    }
  },
};

const idleObservables: SimulatorConformanceCase = {
  name: 'takes observables on qubits that no gate touches',
  run(simulator) {
    const circuit = new Circuit(3).ry(0.7, 1);
    using state = simulator.run(circuit);
    const sums = (['ZZI', 'XZI', 'IZZ', 'YIY', 'IXZ'] as const).map((string) =>
      PauliSum.fromTerms([[string, 2]]),
    );
    const [c, s] = [2 * Math.cos(0.7), 2 * Math.sin(0.7)];
    const tolerance = 10 * amplitudeTolerance(simulator);
    checkAllClose(state.expectation(sums), [c, 0, c, 0, s], tolerance, 'Idle observables');
    checkClose(state.variance(sums[1]!), 4, tolerance, 'The variance of X on an idle qubit');
    checkClose(state.variance(sums[3]!), 4, tolerance, 'The variance of Y on idle qubits');
    checkClose(state.variance(sums[0]!), 4 - c * c, tolerance, 'The variance of Z');
  },
};

const marginals: SimulatorConformanceCase = {
  name: 'gives the probabilities of any qubits in any order',
  run(simulator) {
    const circuit = randomCircuit(new Random(5), 5, 30);
    const dense = denseState(circuit);
    using state = simulator.run(circuit);
    for (const qubits of [[0, 1, 2, 3, 4], [3], [4, 0], [2, 4, 1], []]) {
      const expected = new Float64Array(2 ** qubits.length);
      for (let index = 0; index < 32; index++) {
        const value = qubits.reduce((sum, qubit, bit) => sum + (((index >> qubit) & 1) << bit), 0);
        expected[value] = expected[value]! + dense[2 * index]! ** 2 + dense[2 * index + 1]! ** 2;
      }
      const tolerance = 10 * amplitudeTolerance(simulator);
      checkAllClose(state.probabilities(qubits), expected, tolerance, `marginal ${qubits}`);
    }
  },
};

const products: SimulatorConformanceCase = {
  name: 'gives inner products and fidelities, whatever the circuits that made the states',
  run(simulator) {
    const [first, second] = [11, 12].map((seed) => randomCircuit(new Random(seed), 4, 20));
    using a = simulator.run(first!);
    using b = simulator.run(second!);
    const tolerance = 20 * amplitudeTolerance(simulator);
    const expected = denseInner(denseState(first!), denseState(second!));
    checkAllClose(a.innerProduct(b), expected, tolerance, 'An inner product');
    checkClose(a.fidelity(b), expected[0] ** 2 + expected[1] ** 2, tolerance, 'A fidelity');
    checkAllClose(a.innerProduct(a), [1, 0], tolerance, 'A product with itself');
  },
};

const reducedStates: SimulatorConformanceCase = {
  name: 'traces qubits out, and gives purity and entropy of what is left',
  run(simulator) {
    const circuit = randomCircuit(new Random(21), 4, 30);
    const dense = denseState(circuit);
    using state = simulator.run(circuit);
    const tolerance = 30 * amplitudeTolerance(simulator);
    const qubits = [3, 1];
    const expected = new Float64Array(32);
    const keptValue = (index: number) => ((index >> 3) & 1) + 2 * ((index >> 1) & 1);
    for (let i = 0; i < 16; i++) {
      for (let j = 0; j < 16; j++) {
        if ((i & 0b0101) !== (j & 0b0101)) continue;
        const at = 2 * (4 * keptValue(i) + keptValue(j));
        expected[at] = expected[at]! + dense[2 * i]! * dense[2 * j]! + dense[2 * i + 1]! * dense[2 * j + 1]!;
        expected[at + 1] =
          expected[at + 1]! + dense[2 * i + 1]! * dense[2 * j]! - dense[2 * i]! * dense[2 * j + 1]!;
      }
    }
    const { entries, qubitCount } = state.partialTrace(qubits);
    checkClose(qubitCount, 2, 0, 'The qubits of a reduced state');
    checkAllClose(entries, expected, tolerance, 'A reduced state');
    const purity = expected.reduce((sum, entry) => sum + entry * entry, 0);
    checkClose(state.purity(qubits), purity, tolerance, 'A purity');
    checkClose(state.purity([0, 2]), purity, tolerance, 'The purity of the other side');
    checkClose(state.purity([0, 1, 2, 3]), 1, tolerance, 'The purity of everything');
    checkClose(state.entropy([]), 0, tolerance, 'The entropy of nothing');
    const theta = 0.9;
    using pair = simulator.run(new Circuit(3).ry(theta, 0).cx(0, 2));
    const p = Math.sin(theta / 2) ** 2;
    const entropy = -p * Math.log2(p) - (1 - p) * Math.log2(1 - p);
    for (const side of [[0], [2], [0, 1]])
      checkClose(pair.entropy(side), entropy, tolerance, `entropy ${side}`);
  },
};

/** Shared parameters, expressions, every kind of generator. */
function differentiableCircuit(): Circuit {
  const [a, b, c] = [parameter('a'), parameter('b'), parameter('c')];
  const circuit = new Circuit(5).h(0).h(3);
  circuit.ry(a, 0).rz(b.times(2).plus(0.3), 0).rx(a.times(b), 1).u(a, b, c, 2).p(c, 3);
  circuit.cp(a.plus(b), 0, 1).crx(c.times(-1.5), 1, 2).rzz(a, 2, 3).ryy(b, 0, 3).rxx(c.apply('sin'), 1, 3);
  circuit.mcp(b, [0, 1, 2], 3).singleExcitation(a, 1, 2).cx(0, 2).ry(c, 2).iswap(1, 3);
  circuit
    .pauliEvolution([['XYZI', 0.7]], a.times(0.4), [0, 1, 2, 3])
    .gate('cu', [2, 0], [a, b, c, a])
    .rz(b, 2);
  return circuit.rx(c, 3).ry(b, 1).rx(0.4, 0).ry(a, 3);
}

const gradients: SimulatorConformanceCase = {
  name: 'differentiates by adjoint, parameter shift and finite differences alike',
  run(simulator) {
    using compiled = simulator.compile(differentiableCircuit());
    const tolerance = amplitudeTolerance(simulator);
    for (let seed = 0; seed < 3; seed++) {
      const random = new Random(seed);
      const observable = randomPauliSum(random, 5, 8);
      const parameters = compiled.parameterNames.map(() => random.normal());
      const by = (method: 'adjoint' | 'parameter-shift' | 'finite-difference') =>
        compiled.gradient(observable, { parameters, method });
      const [adjoint, shift, difference] = [by('adjoint'), by('parameter-shift'), by('finite-difference')];
      checkClose(
        adjoint.value,
        compiled.expectation(observable, { parameters }),
        500 * tolerance,
        'The value',
      );
      checkAllClose(adjoint.gradient, shift.gradient, 2000 * tolerance, 'Adjoint and shift');
      // Differences are wrong by the square of the step times a third derivative, and by rounding over the step.
      const loose = simulator.precision === 'f32' ? 2e-2 : 1e-6;
      checkAllClose(adjoint.gradient, difference.gradient, loose, 'Adjoint and difference');
    }
  },
};

const metrics: SimulatorConformanceCase = {
  name: 'gives the Fubini-Study metric: variances of generators, and the loss of fidelity',
  run(simulator) {
    const tolerance = 1000 * amplitudeTolerance(simulator);
    using small = simulator.compile(new Circuit(1).ry(parameter('a'), 0).rz(parameter('b'), 0));
    const known = small.fubiniStudyMetric({ parameters: [0.8, 0.3] });
    checkAllClose(known, [0.25, 0, 0, Math.sin(0.8) ** 2 / 4], tolerance, 'The metric of one qubit');
    using compiled = simulator.compile(differentiableCircuit());
    const point = [0.4, -0.7, 1.1];
    const metric = compiled.fubiniStudyMetric({ parameters: point });
    using here = compiled.run({ parameters: point });
    const step = simulator.precision === 'f32' ? 3e-2 : 1e-3;
    for (const direction of [
      [1, 0, 0],
      [0, 1, 0],
      [0.5, -0.8, 0.3],
    ]) {
      let quadratic = 0;
      direction.forEach((x, i) => {
        direction.forEach((y, j) => {
          quadratic += x * metric[3 * i + j]! * y;
        });
      });
      const loss = [step, -step].reduce((sum, offset) => {
        using moved = compiled.run({ parameters: point.map((x, i) => x + offset * direction[i]!) });
        return sum + 1 - here.fidelity(moved);
      }, 0);
      // The symmetric difference is wrong by the square of the step times a fourth derivative.
      checkClose(
        loss / (2 * step * step),
        quadratic,
        30 * step * step * (1 + quadratic),
        'The loss of fidelity',
      );
    }
  },
};

const refusals: SimulatorConformanceCase = {
  name: 'refuses observables, qubits and basis states that do not fit',
  async run(simulator) {
    using compiled = simulator.compile(new Circuit(2, 1).h(0).measure(0, 0).x(0));
    using state = compiled.run();
    const wide = PauliSum.fromTerms([['ZZZ', 1]]);
    await checkRefused(() => state.expectation(wide), 'SHAPE_MISMATCH', 'A wide observable');
    await checkRefused(() => compiled.gradient(wide), 'SHAPE_MISMATCH', 'A wide observable');
    for (const basis of [4, -1, 1.5, '012', '00000', 4n]) {
      await checkRefused(() => state.amplitude(basis), 'INVALID_ARGUMENT', `basis state ${basis}`);
    }
    for (const qubits of [[2], [-1], [0, 0], [0.5]]) {
      await checkRefused(() => state.probabilities(qubits), 'INVALID_ARGUMENT', `qubits ${qubits}`);
    }
    const narrow = PauliSum.fromTerms([['ZZ', 1]]);
    await checkRefused(() => compiled.gradient(narrow), 'UNSUPPORTED', 'A gradient through a measurement');
    await checkRefused(() => compiled.expectation(narrow), 'UNSUPPORTED', 'An expectation value of one run');
  },
};
