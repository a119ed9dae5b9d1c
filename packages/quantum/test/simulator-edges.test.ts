import './relaxed-simd.ts';
import type { Worker } from 'node:worker_threads';
import { ThreadLostError } from '@qedge/codegen';
import {
  CancelledError,
  InvalidArgumentError,
  Random,
  ShapeMismatchError,
  UseAfterReleaseError,
} from '@qedge/core';
import {
  bitsEqual,
  Circuit,
  createStateVectorSimulator as createPortable,
  createReferenceSimulator,
  parameter,
  parseOpenQasm,
} from '@qedge/quantum';
import { createStateVectorSimulator } from '@qedge/quantum/node';
import { describe, expect, it } from 'vitest';
import { randomCircuit } from '../src/testing/index.ts';

describe('circuits that start from a given state', () => {
  it('reset the qubits that they initialise first', async () => {
    const half = Math.SQRT1_2;
    const circuit = new Circuit(2).initialize(Float64Array.of(half, 0, half, 0), [0]);
    for (const simulator of [createReferenceSimulator(), await createStateVectorSimulator()]) {
      using state = simulator.run(circuit, { initial: { kind: 'basis', basis: 3 } });
      expect(Array.from(state.probabilities(), (p) => Number(p.toFixed(12)))).toEqual([0, 0, 0.5, 0.5]);
      simulator.dispose();
    }
  });

  it('refuse qubits of a product without their imaginary parts', () => {
    const zero = [1, 0] as unknown as readonly [number, number, number, number];
    const run = () => createReferenceSimulator().prepare(1, { kind: 'product', qubits: [zero] });
    expect(run).toThrow(ShapeMismatchError);
  });

  it('need memory only for the qubits that the state or the circuit uses', async () => {
    using simulator = await createStateVectorSimulator();
    using bell = simulator.run(new Circuit(40).h(0).cx(0, 39).t(39));
    using state = simulator.run(new Circuit(40).x(20).swap(20, 39), {
      initial: { kind: 'state', state: bell },
    });
    const [re, im] = state.amplitude((1n << 20n) | (1n << 39n) | 1n);
    expect(re).toBeCloseTo(0.5, 12);
    expect(im).toBeCloseTo(0.5, 12);
    expect(state.amplitude(1n << 39n)[0]).toBeCloseTo(Math.SQRT1_2, 12);
  });

  it('give memory back when the state cannot be read', async () => {
    // 64 MiB of memory, of which 30 states of 4 MiB would be too many.
    using simulator = await createPortable({ isa: 'interpreter' });
    const lost = simulator.run(new Circuit(18));
    lost.dispose();
    for (let round = 0; round < 30; round++) {
      const initial = { kind: 'state', state: lost } as const;
      expect(() => simulator.prepare(18, initial)).toThrow(UseAfterReleaseError);
      const circuit = new Circuit(18);
      for (let qubit = 0; qubit < 18; qubit++) circuit.z(qubit);
      expect(() => simulator.run(circuit, { initial })).toThrow(UseAfterReleaseError);
    }
  });
});

describe('angles', () => {
  it('that are not finite at the values of parameters or variables are refused', async () => {
    const parameterized = new Circuit(1).rx(parameter('a').power(-1), 0);
    const dynamic = parseOpenQasm(
      'include "stdgates.inc"; qubit q; bit c; float f = 1.0; c = measure q; if (!c) f = f / 0.0; rx(f) q;',
    );
    for (const simulator of [createReferenceSimulator(), await createStateVectorSimulator()]) {
      const run = () => simulator.run(parameterized, { parameters: { a: 0 } });
      expect(run).toThrow(/angle of the circuit is not usable.*got Infinity/);
      expect(() => simulator.run(dynamic)).toThrow(InvalidArgumentError);
      expect(() => simulator.prepare(1.5, { kind: 'basis', basis: 0 })).toThrow(InvalidArgumentError);
      simulator.dispose();
    }
  });
});

describe('states of many qubits', () => {
  it('are refused with their size, however many', async () => {
    const circuit = new Circuit(5000);
    for (let qubit = 0; qubit < 5000; qubit++) circuit.h(qubit);
    for (const simulator of [createReferenceSimulator(), await createStateVectorSimulator()]) {
      expect(() => simulator.compile(circuit)).toThrow(/5000 qubits in use needs 2\^5004 bytes/);
      simulator.dispose();
    }
  });

  it('are multiplied whatever qubits of each have memory', () => {
    using simulator = createReferenceSimulator();
    using a = simulator.run(new Circuit(40).h(0).cx(0, 39));
    using b = simulator.run(new Circuit(40).h(39).s(39));
    using c = simulator.run(new Circuit(40).x(5).h(39));
    expect(a.innerProduct(b)[0]).toBeCloseTo(0.5, 12);
    expect(a.innerProduct(b)[1]).toBeCloseTo(0, 12);
    expect(a.innerProduct(c)).toEqual([0, 0]);
  });

  it('depend on the angles of their own run alone, whatever ran before', async () => {
    using simulator = await createStateVectorSimulator({ precision: 'f64' });
    const circuit = new Circuit(5);
    for (let qubit = 0; qubit < 5; qubit++)
      circuit.ry(parameter(`a${qubit}`), qubit).rz(parameter('b'), qubit);
    for (let qubit = 0; qubit < 4; qubit++) circuit.cx(qubit, qubit + 1).ry(parameter('b'), qubit);
    using compiled = simulator.compile(circuit);
    const run = (...parameters: number[]) => {
      using state = compiled.run({ parameters });
      return state.amplitudes();
    };
    // Beyond half a turn bits are stored inverted.
    const [near, far] = [
      [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
      [3.1, 0.2, 2.9, 0.4, 2.5, 0.6],
    ] as const;
    const [first, second] = [run(...near), run(...far)];
    expect(second).not.toEqual(first);
    expect([run(...near), run(...near), run(...far), run(...far)]).toEqual([first, first, second, second]);
    // Evolution begins with what the state has pending, which is another thing each time.
    using twice = compiled.run({ parameters: far });
    compiled.evolve(twice, { parameters: far });
    compiled.evolve(twice, { parameters: far });
    using reference = createReferenceSimulator();
    using plain = reference.compile(circuit);
    using expected = plain.run({ parameters: far });
    plain.evolve(expected, { parameters: far });
    plain.evolve(expected, { parameters: far });
    const [actual, wanted] = [twice.amplitudes(), expected.amplitudes()];
    for (let i = 0; i < wanted.length; i++) expect(Math.abs(actual[i]! - wanted[i]!)).toBeLessThan(1e-13);
  });
});

describe('samples', () => {
  it('are the same for a seed with every engine, however it arranges the state', async () => {
    const simulators = [
      createReferenceSimulator(),
      await createStateVectorSimulator(),
      await createStateVectorSimulator({ threads: 2 }),
      await createPortable(),
    ];
    for (let seed = 0; seed < 8; seed++) {
      const circuit = new Circuit(7, 7);
      for (const instruction of randomCircuit(new Random(seed), 7, 25).instructions) {
        circuit.append(instruction);
      }
      circuit.x(0).swap(0, 3).swap(1, 6);
      if (seed % 2 === 1) for (let qubit = 0; qubit < 7; qubit++) circuit.measure(qubit, 6 - qubit);
      const counts = [];
      for (const simulator of simulators)
        counts.push((await simulator.sample(circuit, 500, { seed })).counts);
      for (const other of counts.slice(1)) expect(other).toEqual(counts[0]);
    }
    for (const simulator of simulators) simulator.dispose();
  });

  it('follow the probabilities of states whose qubits lie in another order in memory', async () => {
    using simulator = await createStateVectorSimulator();
    const circuit = randomCircuit(new Random(3), 14, 120);
    for (let qubit = 0; qubit < 7; qubit++) circuit.swap(qubit, 13 - qubit);
    circuit.x(2).x(13);
    using state = simulator.run(circuit);
    using reference = createReferenceSimulator();
    using expected = reference.run(circuit);
    const shots = 200_000;
    expect(state.sample(shots, { seed: 4 }).counts).toEqual(expected.sample(shots, { seed: 4 }).counts);
    const probabilities = state.probabilities();
    for (const [bits, count] of Object.entries(state.sample(shots, { seed: 4 }).counts)) {
      const mean = shots * probabilities[Number.parseInt(bits, 2)]!;
      // Six standard deviations, and one shot where hardly any is expected.
      expect(Math.abs(count - mean)).toBeLessThan(6 * Math.sqrt(mean) + 6);
    }
  });

  it('may be tens of millions', async () => {
    using simulator = createReferenceSimulator();
    const shots = 2 ** 24 + 1000;
    const sample = await simulator.sample(new Circuit(2).h(0).cx(0, 1), shots, { seed: 5 });
    expect(sample.shots).toBe(shots);
    expect(Object.keys(sample.counts).sort()).toEqual(['00', '11']);
    // Five standard deviations of sqrt(shots) / 2.
    expect(Math.abs(sample.counts['00']! - shots / 2)).toBeLessThan(2.5 * Math.sqrt(shots));
  });

  it('are refused when they were cancelled before they began, or have no limit of rounds', async () => {
    using simulator = createReferenceSimulator();
    const circuit = new Circuit(1).h(0);
    const signal = AbortSignal.abort();
    await expect(simulator.sample(circuit, 5, { signal })).rejects.toThrow(CancelledError);
    const maxLoopRounds = Number.NaN;
    await expect(simulator.sample(circuit, 5, { maxLoopRounds })).rejects.toThrow(InvalidArgumentError);
  });

  it('end with an error when the circuit is disposed before they are done', async () => {
    using simulator = createReferenceSimulator();
    const circuit = new Circuit(1, 1);
    circuit.whileLoop(bitsEqual(0, 0), (body) => {
      body.x(0).h(0).reset(0).measure(0, 0);
    });
    const compiled = simulator.compile(circuit);
    const sampling = compiled.sample(1);
    // The loop never ends, and gives the event loop a turn every 20 ms.
    setTimeout(() => compiled.dispose(), 1);
    await expect(sampling).rejects.toThrow(UseAfterReleaseError);
  });
});

describe('a simulator whose thread has ended', () => {
  it('says so, for running and for sampling, and can be disposed', async () => {
    const workers: Worker[] = [];
    const remember = (worker: Worker) => workers.push(worker);
    process.on('worker', remember);
    const simulator = await createStateVectorSimulator({ threads: 2, isa: 'wasm-strict' });
    process.off('worker', remember);
    // Large enough to be worth a second thread.
    const circuit = randomCircuit(new Random(1), 18, 200);
    const compiled = simulator.compile(circuit);
    compiled.run().dispose();
    await Promise.all(workers.map((worker) => worker.terminate()));
    expect(workers).toHaveLength(1);
    expect(() => compiled.run()).toThrow(ThreadLostError);
    await expect(compiled.sample(10)).rejects.toThrow(ThreadLostError);
    expect(() => simulator.run(circuit)).toThrow(ThreadLostError);
    compiled.dispose();
    simulator.dispose();
  });

  it('runs circuits of many gates in time and memory that grow with their number', () => {
    // Memory that grows with the square would be 10 GB for this one.
    const circuit = new Circuit(3);
    for (let i = 0; i < 6000; i++) circuit.u(0.1 * i, 0.3, 0.4, i % 3).cz(i % 3, (i + 1) % 3);
    const state = createReferenceSimulator().run(circuit.compose(circuit.inverse()));
    expect(state.probabilities()[0]).toBeCloseTo(1, 9);
    state.dispose();
  });
});
