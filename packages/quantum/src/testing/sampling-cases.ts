import { Random } from '@qedge/core';
import { Circuit } from '../circuit/circuit.ts';
import type { ClassicalExpression } from '../circuit/classical-expression.ts';
import { parameter } from '../circuit/parameter.ts';
import {
  amplitudeTolerance,
  check,
  checkAllClose,
  checkClose,
  checkRefused,
  type SimulatorConformanceCase,
} from './conformance-case.ts';
import { denseState } from './dense-state.ts';
import { randomCircuit } from './random-circuit.ts';

/** Measurements, at the end and in the middle, and what circuits make of their outcomes. */
export function samplingCases(): SimulatorConformanceCase[] {
  return [
    ...[distributions, finalMeasurements, seeds, teleportation, resets, initialisation],
    ...[branches, loops, variables, switches, cancellation],
  ];
}

/**
 * The statistic of Pearson's test of counts against probabilities, with outcomes below five expected shots put together; with `k`
 * degrees of freedom it exceeds `k + 5 sqrt(2 k) + 10` less than once in a million trials.
 */
export function checkCounts(
  counts: Readonly<Record<string, number>>,
  probabilities: ArrayLike<number>,
  width: number,
  what: string,
): void {
  const shots = Object.values(counts).reduce((sum, count) => sum + count, 0);
  let [statistic, degrees, rareExpected, rareSeen] = [0, -1, 0, 0];
  for (let index = 0; index < probabilities.length; index++) {
    const seen = counts[width === 0 ? '' : index.toString(2).padStart(width, '0')] ?? 0;
    const expected = shots * probabilities[index]!;
    check(expected > 0 || seen === 0, `${what}: an impossible outcome`, { index, seen });
    if (expected < 5) {
      rareExpected += expected;
      rareSeen += seen;
      continue;
    }
    statistic += (seen - expected) ** 2 / expected;
    degrees++;
  }
  if (rareExpected >= 5) {
    statistic += (rareSeen - rareExpected) ** 2 / rareExpected;
    degrees++;
  }
  const k = Math.max(1, degrees);
  check(statistic <= k + 5 * Math.sqrt(2 * k) + 10, `${what}: counts are not those of the state`, {
    statistic,
    degrees,
  });
}

function probabilitiesOf(circuit: Circuit): Float64Array {
  const dense = denseState(circuit);
  return Float64Array.from(
    { length: dense.length / 2 },
    (_, i) => dense[2 * i]! ** 2 + dense[2 * i + 1]! ** 2,
  );
}

const distributions: SimulatorConformanceCase = {
  name: 'samples with the frequencies of the state',
  async run(simulator) {
    for (let seed = 0; seed < 6; seed++) {
      const qubitCount = 1 + 2 * seed;
      const circuit = new Circuit(qubitCount);
      const random = new Random(seed);
      for (let qubit = 0; qubit < qubitCount; qubit++) circuit.ry(3 * random.uniform(), qubit);
      for (let qubit = 1; qubit < qubitCount; qubit++)
        circuit.cx(qubit - 1, qubit).rx(random.normal(), qubit);
      const probabilities = Array.from(probabilitiesOf(circuit), (p) => (p < 1e-12 ? 0 : p));
      for (const shots of [100, 20_000]) {
        const { counts } = await simulator.sample(circuit, shots, { seed });
        checkCounts(counts, probabilities, qubitCount, `${qubitCount} qubits, ${shots} shots`);
      }
    }
  },
};

const finalMeasurements: SimulatorConformanceCase = {
  name: 'writes measurements at the end to their classical bits, any number of them',
  async run(simulator) {
    const circuit = new Circuit(2, 70).x(0).measure(0, 69).measure(0, 0).measure(1, 3);
    const expected = `1${'0'.repeat(68)}1`;
    const { counts } = await simulator.sample(circuit, 3);
    check(counts[expected] === 3, 'Bits beyond 32', { counts });
    const overwritten = await simulator.sample(new Circuit(2, 1).x(0).measure(0, 0).measure(1, 0), 5);
    check(overwritten.counts['0'] === 5, 'A bit that is written twice', { counts: overwritten.counts });
    const nothing = await simulator.sample(new Circuit(0), 3);
    check(nothing.counts[''] === 3, 'No qubits', { counts: nothing.counts });
    const ghz = new Circuit(4, 4).h(2).cx(2, 0).cx(2, 1).measureAll();
    const sample = await simulator.sample(ghz, 1000, { seed: 2 });
    check(Object.keys(sample.counts).sort().join() === '0000,0111', 'Measured all', {
      counts: sample.counts,
    });
    const marginal = sample.marginal([3, 0]).counts;
    check(marginal['10'] === sample.counts['0111'], 'A marginal', { marginal });
    const memory = sample.memory(new Random(1));
    check(memory.length === 1000, 'The memory of all shots', { length: memory.length });
    check(memory.filter((text) => text === '0111').length === sample.counts['0111'], 'The memory');
    using state = simulator.run(ghz);
    checkClose(state.amplitude('0111')[0], Math.SQRT1_2, amplitudeTolerance(simulator), 'Before measuring');
    await checkRefused(() => simulator.sample(ghz, 1.5), 'INVALID_ARGUMENT', 'Half a shot');
  },
};

const seeds: SimulatorConformanceCase = {
  name: 'repeats itself by seed, and differs between seeds',
  async run(simulator) {
    const circuit = new Circuit(3, 3)
      .h(0)
      .cx(0, 1)
      .measure(0, 0)
      .ry(0.7, 1)
      .cx(1, 2)
      .measure(1, 1)
      .measure(2, 2);
    const text = async (seed: number) =>
      JSON.stringify((await simulator.sample(circuit, 500, { seed })).counts);
    const [first, again, other] = [await text(1), await text(1), await text(2)];
    check(first === again, 'Equal seeds give different counts', { first, again });
    check(first !== other, 'Different seeds give equal counts', { first });
  },
};

const bit = (clbit: number): ClassicalExpression => ({ kind: 'bit', clbit });

const teleportation: SimulatorConformanceCase = {
  name: 'teleports a state through measurements in the middle and corrections on their outcomes',
  async run(simulator) {
    const circuit = new Circuit(3, 3)
      .u(1.1, 0.4, -0.7, 0)
      .h(1)
      .cx(1, 2)
      .cx(0, 1)
      .h(0)
      .measure(0, 0)
      .measure(1, 1);
    circuit.ifTest(bit(1), (body) => body.x(2)).ifTest(bit(0), (body) => body.z(2));
    using compiled = simulator.compile(circuit);
    using expected = simulator.run(new Circuit(1).u(1.1, 0.4, -0.7, 0));
    const seen = new Set<string>();
    for (let seed = 0; seed < 12; seed++) {
      using state = compiled.run({ seed });
      const [first, second] = [state.clbits[0]!, state.clbits[1]!];
      seen.add(`${first}${second}`);
      const received = [0, 4].map((index) => state.amplitude(index + first + 2 * second));
      const overlap = received.reduce(
        ([re, im], [a, b], i) => {
          const [c, d] = expected.amplitude(i);
          return [re + c * a + d * b, im + c * b - d * a] as [number, number];
        },
        [0, 0],
      );
      checkClose(Math.hypot(...overlap), 1, 10 * amplitudeTolerance(simulator), 'The received state');
    }
    check(seen.size === 4, 'Outcomes that never occur', { seen: [...seen] });
    const back = circuit.clone().u(-1.1, 0.7, -0.4, 2).measure(2, 2);
    const { counts } = await simulator.sample(back, 10_000, { seed: 3 });
    checkCounts(counts, [0.25, 0.25, 0.25, 0.25, 0, 0, 0, 0], 3, 'Teleported and undone');
  },
};

const resets: SimulatorConformanceCase = {
  name: 'resets qubits whatever they were entangled with',
  async run(simulator) {
    const circuit = new Circuit(2, 1).h(0).cx(0, 1).reset(0).measure(0, 0);
    for (let seed = 0; seed < 6; seed++) {
      using state = simulator.run(circuit, { seed });
      checkClose(state.probabilities([0])[0]!, 1, 10 * amplitudeTolerance(simulator), 'A reset qubit');
      checkClose(state.purity([0]), 1, 20 * amplitudeTolerance(simulator), 'The purity of a reset qubit');
    }
    using reused = simulator.run(new Circuit(2).x(0).x(1).reset(0).ry(0.4, 0).cx(1, 0));
    const expected = [0, 0, 0, 0, Math.sin(0.2), 0, Math.cos(0.2), 0];
    checkAllClose(reused.amplitudes(), expected, 10 * amplitudeTolerance(simulator), 'Gates after a reset');
    const half = await simulator.sample(new Circuit(2).h(0).cx(0, 1).reset(0), 4000, { seed: 3 });
    checkCounts(half.counts, [0.5, 0, 0.5, 0], 2, 'Half of a Bell pair reset');
    const twice = new Circuit(1, 2).h(0).measure(0, 0).reset(0).h(0).measure(0, 1);
    checkCounts(
      (await simulator.sample(twice, 4000)).counts,
      [0.25, 0.25, 0.25, 0.25],
      2,
      'A qubit used twice',
    );
  },
};

const initialisation: SimulatorConformanceCase = {
  name: 'initialises qubits at the start and in the middle',
  async run(simulator) {
    const w = [0, 0, 0.6, 0, 0, 0.8, 0, 0];
    const start = new Circuit(3).initialize(w, [2, 0]).cx(0, 1);
    using state = simulator.run(start);
    const tolerance = 10 * amplitudeTolerance(simulator);
    checkAllClose(state.amplitude(4), [0.6, 0], tolerance, 'The first qubit of a list');
    checkAllClose(state.amplitude(3), [0, 0.8], tolerance, 'The second qubit of a list');
    const middle = new Circuit(3, 0).h(0).cx(0, 1).h(2).initialize([0.6, 0, 0.8, 0], [0]);
    const { counts } = await simulator.sample(middle, 8000, { seed: 1 });
    const expected = [0.36, 0.64, 0.36, 0.64, 0.36, 0.64, 0.36, 0.64].map((p) => p / 4);
    checkCounts(counts, expected, 3, 'An entangled qubit initialised anew');
  },
};

const branches: SimulatorConformanceCase = {
  name: 'takes either branch, nested, and leaves the state alone where nothing runs',
  async run(simulator) {
    const circuit = new Circuit(2, 2).h(0).measure(0, 0);
    circuit.ifTest(
      bit(0),
      (body) =>
        body
          .ry(1, 1)
          .measure(1, 1)
          .ifTest(bit(1), (inner) => inner.x(1)),
      (body) => body.x(1),
    );
    circuit.measure(1, 1);
    const { counts } = await simulator.sample(circuit, 2000, { seed: 5 });
    checkCounts(counts, [0, 0.5, 0.5, 0], 2, 'Branches');
  },
};

const uint = (size: number) => ({ kind: 'uint', size }) as const;
const literal = (value: number): ClassicalExpression => ({
  kind: 'literal',
  type: uint(8),
  value: BigInt(value),
});

const loops: SimulatorConformanceCase = {
  name: 'runs loops: on a condition, over values used in angles, with break and continue, up to a limit',
  async run(simulator) {
    const untilOne = new Circuit(1, 1).h(0).measure(0, 0);
    untilOne.whileLoop(
      { kind: 'unary', operator: '!', operand: { kind: 'cast', type: { kind: 'bool' }, operand: bit(0) } },
      (body) => body.h(0).measure(0, 0),
    );
    check((await simulator.sample(untilOne, 300, { seed: 1 })).counts['1'] === 300, 'Repeat until success');
    const sum = new Circuit(1);
    sum.forLoop('k', { start: 1, stop: 9, step: 2 }, (body) => body.ry(parameter('k').times(0.1), 0));
    using state = simulator.run(sum);
    checkClose(
      state.amplitude(1)[0],
      Math.sin(1.25),
      10 * amplitudeTolerance(simulator),
      'Angles from a loop',
    );
    const leaving = new Circuit(1, 1).x(0).measure(0, 0).h(0).h(0);
    leaving.forLoop(null, [1, 2, 3, 4], (body) =>
      body
        .x(0)
        .ifTest(bit(0), (inner) => inner.break())
        .x(0),
    );
    using left = simulator.run(leaving);
    checkClose(left.probabilities()[0]!, 1, 10 * amplitudeTolerance(simulator), 'Left in the first round');
    const endless = new Circuit(1, 1)
      .x(0)
      .measure(0, 0)
      .whileLoop(bit(0), (body) => body.z(0));
    const limited = () => simulator.sample(endless, 2, { maxLoopRounds: 50 });
    await checkRefused(limited, 'BUDGET_EXCEEDED', 'An endless loop');
  },
};

const variables: SimulatorConformanceCase = {
  name: 'computes with classical variables, and starts those of bodies anew',
  async run(simulator) {
    const circuit = new Circuit(2, 4);
    const count = circuit.declare({ name: 'count', type: uint(8) });
    const target = { kind: 'variable', name: 'count', type: uint(8) } as const;
    circuit.forLoop(null, [0, 0, 0, 0, 0], (body) => {
      body.reset(0).ry(1.2, 0).measure(0, 0);
      body.ifTest(bit(0), (inner) => {
        inner.assign(target, { kind: 'binary', operator: '+', left: count, right: literal(1) });
      });
    });
    circuit.assign(
      { kind: 'bits', clbits: [0, 1, 2, 3] },
      { kind: 'cast', type: { kind: 'bit', size: 4 }, operand: count },
    );
    const p = Math.sin(0.6) ** 2;
    const binomial = [1, 5, 10, 10, 5, 1].map((ways, ones) => ways * p ** ones * (1 - p) ** (5 - ones));
    const expected = Array.from({ length: 16 }, (_, i) => binomial[i] ?? 0);
    checkCounts((await simulator.sample(circuit, 3000, { seed: 4 })).counts, expected, 4, 'Counted outcomes');
  },
};

const switches: SimulatorConformanceCase = {
  name: 'switches on a register',
  async run(simulator) {
    const circuit = new Circuit(3, 3).h(0).h(1).measure(0, 0).measure(1, 1);
    circuit.switchCase({ kind: 'bits', clbits: [0, 1] }, [
      [[0, 3], (body) => body.x(2)],
      [[1], (body) => body.ry(1, 2)],
      ['default', (body) => body.h(2)],
    ]);
    circuit.measure(2, 2);
    const p = Math.sin(0.5) ** 2;
    const one = [1, p, 0.5, 1];
    const expected = Array.from({ length: 8 }, (_, i) => (i < 4 ? 1 - one[i]! : one[i - 4]!) / 4);
    checkCounts((await simulator.sample(circuit, 4000, { seed: 8 })).counts, expected, 3, 'Cases');
  },
};

const cancellation: SimulatorConformanceCase = {
  name: 'ends sampling once it is cancelled',
  async run(simulator) {
    const circuit = randomCircuit(new Random(1), 3, 5);
    const dynamic = new Circuit(3, 3).compose(circuit).measure(0, 0).h(0).measure(1, 1).h(1);
    const signal = AbortSignal.abort(new Error('enough'));
    await checkRefused(() => simulator.sample(dynamic, 100, { signal }), 'CANCELLED', 'A cancelled sampling');
  },
};
