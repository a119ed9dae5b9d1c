import './relaxed-simd.ts';
import { CapabilityUnavailableError, Random } from '@qedge/core';
import { bitsEqual, Circuit, createReferenceSimulator } from '@qedge/quantum';
import { createStateVectorSimulator } from '@qedge/quantum/node';
import { describe, expect, it } from 'vitest';
import { createReferenceEngine } from '../src/simulation/engine/reference-engine.ts';
import { hoistGates } from '../src/simulation/program/hoist-gates.ts';
import { measuredPart } from '../src/simulation/program/measured-part.ts';
import { StateSimulator } from '../src/simulation/state-simulator.ts';
import { randomCircuit } from '../src/testing/index.ts';
import { phaseFreeDifference, runDynamicCircuit } from './run-dynamic-circuit.ts';

/** Gates between measurements, conditions and loops that may be left early. */
function randomDynamicCircuit(random: Random, resets: boolean): Circuit {
  const qubits = 2 + random.integer(4);
  const circuit = new Circuit(qubits, 4);
  const appendGates = (target: Circuit) => {
    for (const instruction of randomCircuit(random, qubits, 6).instructions) target.append(instruction);
  };
  for (let round = 0; round < 5; round++) {
    appendGates(circuit);
    const [qubit, clbit] = [random.integer(qubits), random.integer(4)];
    const kind = random.integer(resets ? 5 : 4);
    circuit.measure(qubit, clbit);
    if (kind === 1) circuit.ifTest({ kind: 'bit', clbit }, appendGates, appendGates);
    else if (kind === 2) circuit.ifTest({ kind: 'bit', clbit }, (body) => body.measure(0, 3));
    else if (kind === 3) {
      circuit.forLoop(null, [1, 2, 3], (body) => {
        body
          .measure(qubit, clbit)
          .ifTest({ kind: 'bit', clbit }, (inner) => inner.append({ kind: 'break', qubits: [] }));
        appendGates(body);
      });
    } else if (kind === 4) circuit.reset(qubit);
  }
  appendGates(circuit);
  return circuit;
}

function withInstructions(circuit: Circuit, instructions: Circuit['instructions']): Circuit {
  const copy = circuit.emptyCopy();
  for (const instruction of instructions) copy.append(instruction);
  return copy;
}

/** A state travels along a chain of Bell pairs; every hop is corrected by what was measured. */
function teleportation(hops: number): Circuit {
  const circuit = new Circuit(2 * hops + 1, 2 * hops + 1).ry(0.7, 0).rz(0.3, 0);
  for (let hop = 0; hop < hops; hop++) {
    const [sent, half, received] = [2 * hop, 2 * hop + 1, 2 * hop + 2];
    circuit.h(half).cx(half, received).cx(sent, half).h(sent);
    circuit.measure(half, 2 * hop).measure(sent, 2 * hop + 1);
    circuit.ifTest(bitsEqual(2 * hop, 1), (body) => body.x(received));
    circuit.ifTest(bitsEqual(2 * hop + 1, 1), (body) => body.z(received));
  }
  return circuit.ry(-0.7, 2 * hops).measure(2 * hops, 2 * hops);
}

describe('what is done to dynamic circuits before they run', () => {
  it('moves gates in front of measurements without changing any outcome or state', () => {
    let moved = 0;
    for (let seed = 0; seed < 150; seed++) {
      const circuit = randomDynamicCircuit(new Random(seed), true);
      const instructions = hoistGates(circuit.instructions, new Set());
      if (instructions.some((each, i) => each !== circuit.instructions[i])) moved++;
      const expected = runDynamicCircuit(circuit, new Random(seed));
      const actual = runDynamicCircuit(withInstructions(circuit, instructions), new Random(seed));
      expect(actual.bits).toEqual(expected.bits);
      expect(phaseFreeDifference(actual.amplitudes, expected.amplitudes)).toBeLessThan(1e-12);
    }
    expect(moved).toBeGreaterThan(50);
  });

  it('leaves gates behind a jump and gates whose angles change where they are', () => {
    const circuit = new Circuit(2, 1);
    const loop = circuit.clone();
    loop.forLoop(null, [1, 2], (body) => {
      body
        .measure(0, 0)
        .ifTest(bitsEqual(0, 0), (inner) => inner.append({ kind: 'break', qubits: [] }))
        .x(1);
    });
    const [body] = loop.instructions;
    if (body?.kind !== 'for') throw new Error('a loop was expected');
    const kinds = (list: Circuit['instructions']) => list.map(({ kind }) => kind);
    expect(kinds(hoistGates(body.body.instructions, new Set()))).toEqual(['measure', 'if', 'gate']);
    const gates = new Circuit(2, 1).measure(0, 0).rx(0.1, 1);
    expect(kinds(hoistGates(gates.instructions, new Set()))).toEqual(['gate', 'measure']);
  });

  it('leaves out what no outcome depends on', () => {
    let left = 0;
    for (let seed = 0; seed < 150; seed++) {
      // Without resets, whose outcomes take random numbers too.
      const circuit = randomDynamicCircuit(new Random(seed), false);
      const instructions = measuredPart(circuit.instructions);
      left += circuit.instructionCount - instructions.length;
      const expected = runDynamicCircuit(circuit, new Random(seed));
      const actual = runDynamicCircuit(withInstructions(circuit, instructions), new Random(seed));
      expect(actual.bits).toEqual(expected.bits);
    }
    expect(left).toBeGreaterThan(150);
    const unseen = new Circuit(3, 1).h(0).reset(0).x(1).cx(1, 2).initialize([0, 0, 1, 0], [2]).measure(0, 0);
    expect(measuredPart(unseen.instructions).map(({ kind }) => kind)).toEqual(['reset', 'measure']);
  });
});

describe('states of dynamic circuits', () => {
  it('lose the qubits that are measured for the last time, and give the same outcomes', async () => {
    using native = await createStateVectorSimulator({ precision: 'f64' });
    using threaded = await createStateVectorSimulator({ precision: 'f64', threads: 2 });
    using reference = createReferenceSimulator();
    // 15 qubits: taken out one by one down to 12, lanes and others.
    const circuit = teleportation(7);
    const expected = (await reference.sample(circuit, 40, { seed: 3 })).counts;
    expect((await native.sample(circuit, 40, { seed: 3 })).counts).toEqual(expected);
    expect((await threaded.sample(circuit, 40, { seed: 3 })).counts).toEqual(expected);
  });

  it('arrive whatever was measured on the way', async () => {
    using simulator = await createStateVectorSimulator();
    const sample = await simulator.sample(teleportation(8), 1000, { seed: 4 });
    // The last rotation undoes the first one, but for the turn about z between them.
    const one = sample.marginal([16]).counts['1'] ?? 0;
    const probability = (Math.sin(0.7) ** 2 * (1 - Math.cos(0.3))) / 2;
    // Five standard deviations.
    const deviation = Math.sqrt(1000 * probability * (1 - probability));
    expect(Math.abs(one - 1000 * probability)).toBeLessThan(5 * deviation);
    for (const bit of [0, 7, 15]) {
      expect(Math.abs(sample.marginal([bit]).counts['1']! - 500)).toBeLessThan(5 * Math.sqrt(250));
    }
  });

  it('are run again where memory that was thought to be there is not given', async () => {
    const engine = createReferenceEngine();
    let states = 0;
    using simulator = new StateSimulator({
      ...engine,
      allocate: (qubitCount) => {
        if (states === 1) throw new CapabilityUnavailableError('There is not enough memory');
        states++;
        const state = engine.allocate(qubitCount);
        const dispose = () => {
          states--;
          state.dispose();
        };
        return { ...state, dispose, [Symbol.dispose]: dispose };
      },
    });
    using reference = createReferenceSimulator();
    const circuit = teleportation(2);
    const { counts } = await simulator.sample(circuit, 100, { seed: 8 });
    expect(counts).toEqual((await reference.sample(circuit, 100, { seed: 8 })).counts);
    expect(states).toBe(0);
  });
});
