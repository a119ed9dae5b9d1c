import { Random } from '@qedge/core';
import { Circuit } from '../circuit/circuit.ts';
import { GATE_NAMES, gateDefinition } from '../circuit/gate-definition.ts';
import { parameter } from '../circuit/parameter.ts';
import type { ParameterValues } from '../simulation/simulator.ts';
import {
  amplitudeTolerance,
  check,
  checkAllClose,
  checkClose,
  checkRefused,
  type SimulatorConformanceCase,
} from './conformance-case.ts';
import { basisAmplitudes, denseState } from './dense-state.ts';
import { randomAmplitudes, randomCircuit, randomGate } from './random-circuit.ts';

/** What circuits of gates make of states. */
export function stateCases(): SimulatorConformanceCase[] {
  return [
    everyGate,
    randomCircuits,
    wholeWidths,
    inverses,
    initialStates,
    evolutions,
    parameters,
    batches,
    idleQubits,
    lifecycle,
  ];
}

const everyGate: SimulatorConformanceCase = {
  name: 'applies every gate of the library like its matrix',
  run(simulator) {
    for (const name of GATE_NAMES) {
      const random = new Random(name.length);
      const qubitCount = Math.max(3, gateDefinition(name).qubitCount) + random.integer(2);
      const circuit = new Circuit(qubitCount).append(randomGate(random, name, qubitCount));
      const amplitudes = randomAmplitudes(random, qubitCount);
      using state = simulator.run(circuit, { initial: { kind: 'amplitudes', amplitudes } });
      checkAllClose(state.amplitudes(), denseState(circuit, amplitudes), amplitudeTolerance(simulator), name);
    }
  },
};

const randomCircuits: SimulatorConformanceCase = {
  name: 'runs random circuits of every unitary instruction like dense matrices',
  run(simulator) {
    for (let seed = 0; seed < 24; seed++) {
      const random = new Random(seed);
      const circuit = randomCircuit(random, 1 + (seed % 8), 4 + 2 * seed);
      using state = simulator.run(circuit);
      const expected = denseState(circuit);
      checkAllClose(state.amplitudes(), expected, amplitudeTolerance(simulator), `random circuit ${seed}`);
      const [re, im] = state.amplitude(0);
      checkAllClose([re, im], expected.subarray(0, 2), amplitudeTolerance(simulator), `amplitude of ${seed}`);
    }
  },
};

const wholeWidths: SimulatorConformanceCase = {
  name: 'runs the quantum Fourier transform in closed form, on every width from 1 to 14',
  run(simulator) {
    for (let n = 1; n <= 14; n++) {
      const input = 37 % 2 ** n;
      const circuit = new Circuit(n);
      for (let q = n - 1; q >= 0; q--) {
        circuit.h(q);
        for (let c = q - 1; c >= 0; c--) circuit.cp(Math.PI / 2 ** (q - c), c, q);
      }
      for (let q = 0; q < Math.floor(n / 2); q++) circuit.swap(q, n - 1 - q);
      using state = simulator.run(circuit, { initial: { kind: 'basis', basis: input } });
      const scale = 2 ** (-n / 2);
      const expected = Float64Array.from({ length: 2 * 2 ** n }, (_, i) => {
        const angle = (2 * Math.PI * ((input * (i >> 1)) % 2 ** n)) / 2 ** n;
        return scale * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
      });
      checkAllClose(state.amplitudes(), expected, amplitudeTolerance(simulator), `transform of ${n} qubits`);
    }
  },
};

const inverses: SimulatorConformanceCase = {
  name: 'keeps the norm, and a circuit followed by its inverse is the identity',
  run(simulator) {
    for (let seed = 100; seed < 110; seed++) {
      const circuit = randomCircuit(new Random(seed), 2 + (seed % 5), 25);
      using state = simulator.run(circuit);
      // The norm gathers the error of all amplitudes.
      checkClose(state.normSquared(), 1, 20 * amplitudeTolerance(simulator), 'The norm');
      using back = simulator.run(circuit.compose(circuit.inverse()));
      checkAllClose(back.amplitude(0), [1, 0], 20 * amplitudeTolerance(simulator), 'There and back');
    }
  },
};

const initialStates: SimulatorConformanceCase = {
  name: 'starts from basis states, product states, given amplitudes and other states',
  run(simulator) {
    const random = new Random(7);
    const circuit = randomCircuit(random, 4, 12);
    const tolerance = amplitudeTolerance(simulator);
    for (const basis of [0, 5, 15n, '0110']) {
      const index = typeof basis === 'string' ? 6 : Number(basis);
      using state = simulator.run(circuit, { initial: { kind: 'basis', basis } });
      const expected = denseState(circuit, basisAmplitudes(4, index));
      checkAllClose(state.amplitudes(), expected, tolerance, `from basis state ${index}`);
    }
    const qubits = Array.from(
      { length: 4 },
      () => Array.from(randomAmplitudes(random, 1)) as [number, number, number, number],
    );
    using product = simulator.prepare(4, { kind: 'product', qubits });
    for (let index = 0; index < 16; index++) {
      let [re, im] = [1, 0];
      qubits.forEach((amplitudes, qubit) => {
        const bit = (index >> qubit) & 1;
        const [a, b] = [amplitudes[2 * bit]!, amplitudes[2 * bit + 1]!];
        [re, im] = [re * a - im * b, re * b + im * a];
      });
      checkAllClose(product.amplitude(index), [re, im], tolerance, 'A product state');
    }
    using state = simulator.run(circuit, { initial: { kind: 'state', state: product } });
    const expected = denseState(circuit, product.amplitudes());
    checkAllClose(state.amplitudes(), expected, tolerance, 'from another state');
  },
};

const evolutions: SimulatorConformanceCase = {
  name: 'applies circuits to states in place, one after the other',
  async run(simulator) {
    const [first, second] = [1, 2].map((seed) => randomCircuit(new Random(seed), 4, 12));
    using state = simulator.run(first!, {
      initial: { kind: 'amplitudes', amplitudes: basisAmplitudes(4, 0) },
    });
    using step = simulator.compile(second!);
    let expected = denseState(first!);
    for (let round = 0; round < 3; round++) {
      step.evolve(state);
      expected = denseState(second!, expected);
      checkAllClose(state.amplitudes(), expected, 5 * amplitudeTolerance(simulator), `round ${round}`);
    }
    using narrow = simulator.run(new Circuit(4).h(0));
    await checkRefused(() => step.evolve(narrow), 'INVALID_ARGUMENT', 'A state without memory for a qubit');
    using other = simulator.run(new Circuit(3).h(0));
    await checkRefused(() => step.evolve(other), 'SHAPE_MISMATCH', 'A state of another width');
  },
};

const parameters: SimulatorConformanceCase = {
  name: 'binds parameters by name or in order, and refuses missing, unknown and broken ones',
  async run(simulator) {
    const [a, b] = [parameter('a'), parameter('b')];
    const circuit = new Circuit(2).ry(a.times(2).plus(0.1), 0).crx(a.times(b), 0, 1).rz(b.apply('sin'), 1);
    using compiled = simulator.compile(circuit);
    for (const [x, y] of [
      [0.3, -1.2],
      [2, 0.5],
    ] as const) {
      const expected = denseState(circuit.bind({ a: x, b: y }));
      for (const values of [{ b: y, a: x }, [x, y], Float64Array.of(x, y)]) {
        using state = compiled.run({ parameters: values });
        checkAllClose(state.amplitudes(), expected, amplitudeTolerance(simulator), 'Bound parameters');
      }
    }
    const broken: (ParameterValues | undefined)[] = [
      { a: 1 },
      { a: 1, b: 1, c: 1 },
      [1],
      [1, Number.NaN],
      undefined,
    ];
    for (const values of broken) {
      const options = values === undefined ? {} : { parameters: values };
      await checkRefused(() => compiled.run(options), 'INVALID_ARGUMENT', JSON.stringify(values));
    }
  },
};

const batches: SimulatorConformanceCase = {
  name: 'runs batches of parameter vectors like single runs',
  run(simulator) {
    const circuit = new Circuit(3);
    for (let q = 0; q < 3; q++) circuit.ry(parameter(`x${q}`), q).rz(parameter(`y${q}`), q);
    circuit.cx(0, 1).cx(1, 2);
    using compiled = simulator.compile(circuit);
    const random = new Random(3);
    const vectors = Float64Array.from({ length: 6 * 70 }, () => randomAngle(random));
    const seen: number[] = [];
    compiled.runBatch(vectors, (state, index) => {
      seen.push(index);
      using single = compiled.run({ parameters: vectors.subarray(6 * index, 6 * index + 6) });
      checkAllClose(
        state.amplitudes(),
        single.amplitudes(),
        amplitudeTolerance(simulator),
        `vector ${index}`,
      );
    });
    checkAllClose(
      seen,
      Array.from({ length: 70 }, (_, i) => i),
      0,
      'The order of a batch',
    );
  },
};

function randomAngle(random: Random): number {
  return 12 * (random.uniform() - 0.5);
}

const idleQubits: SimulatorConformanceCase = {
  name: 'gives qubits that no gate touches no memory',
  run(simulator) {
    const circuit = new Circuit(127).h(90).cx(90, 3).barrier().delay(10, 'ns', 5);
    using compiled = simulator.compile(circuit);
    check(compiled.activeQubitCount === 2, 'Idle qubits count', { active: compiled.activeQubitCount });
    using state = compiled.run();
    const tolerance = amplitudeTolerance(simulator);
    checkClose(state.amplitude((1n << 90n) + 8n)[0], Math.SQRT1_2, tolerance, 'A Bell pair among 127 qubits');
    checkAllClose(state.amplitude(1n << 60n), [0, 0], 0, 'An idle qubit');
    checkAllClose(state.probabilities([3, 60, 90]), [0.5, 0, 0, 0, 0, 0.5, 0, 0], tolerance, 'Marginals');
    checkClose(state.entropy([3, 60]), 1, 10 * tolerance, 'The entropy of half a Bell pair');
    const counts = Object.keys(state.sample(50).counts);
    check(
      counts.every((text) => text.length === 127 && text[126 - 3] === text[126 - 90]),
      'Samples',
      { counts },
    );
  },
};

const lifecycle: SimulatorConformanceCase = {
  name: 'refuses what is too large before it allocates, and what was disposed',
  async run(simulator) {
    const large = new Circuit(60);
    for (let qubit = 0; qubit < 60; qubit++) large.h(qubit);
    const refusal = await checkRefused(() => simulator.compile(large), 'CAPABILITY_UNAVAILABLE', '60 qubits');
    check(Number(refusal.facts.bytesNeeded) >= 2 ** 63, 'The bytes needed are wrong', refusal.facts);
    check(Number(refusal.facts.qubitsPossible) >= 20, 'What would work is wrong', refusal.facts);
    const compiled = simulator.compile(new Circuit(1).h(0));
    const state = compiled.run();
    state.dispose();
    state.dispose();
    await checkRefused(() => state.probabilities(), 'USE_AFTER_RELEASE', 'A disposed state');
    compiled.dispose();
    compiled.dispose();
    await checkRefused(() => compiled.run(), 'USE_AFTER_RELEASE', 'A disposed circuit');
    using empty = simulator.run(new Circuit(0));
    checkAllClose(empty.amplitudes(), [1, 0], 0, 'The state of no qubits');
  },
};
