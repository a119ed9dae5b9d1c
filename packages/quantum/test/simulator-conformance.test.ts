import './relaxed-simd.ts';
import { Random } from '@qedge/core';
import {
  Circuit,
  createStateVectorSimulator as createPortable,
  createReferenceSimulator,
} from '@qedge/quantum';
import { createStateVectorSimulator } from '@qedge/quantum/node';
import { afterAll, describe, expect, it } from 'vitest';
import { describeSimulatorConformance, randomCircuit } from '../src/testing/index.ts';
import { stateMachines } from './state-machines.ts';

const framework = { describe, it, afterAll };
const isas = new Set((await stateMachines()).map(({ isa }) => isa));

describeSimulatorConformance('reference', async () => createReferenceSimulator(), framework);
for (const precision of ['f32', 'f64'] as const) {
  const make = () => createStateVectorSimulator({ precision });
  describeSimulatorConformance(`state vector ${precision}`, make, framework);
}
// Both precisions of every target are tested as machines; here one of each is enough.
if (isas.has('avx2')) {
  const make = () => createStateVectorSimulator({ isa: 'avx2', precision: 'f32' });
  describeSimulatorConformance('state vector avx2 f32', make, framework);
} else it.skip('state vector avx2 f32: not on this host');
describeSimulatorConformance('portable state vector', () => createPortable({ precision: 'f64' }), framework);

describe('strict simulators', () => {
  it('give the same bits with any number of threads, and nearly the same with any target', async () => {
    const circuit = randomCircuit(new Random(9), 15, 120);
    const first = new Map<string, Float64Array>();
    for (const isa of ['avx512', 'avx2', 'wasm-strict'] as const) {
      if (!isas.has(isa)) continue;
      for (const threads of [1, 2, 3]) {
        using simulator = await createStateVectorSimulator({ precision: 'f64', isa, threads, strict: true });
        using state = simulator.run(circuit);
        const amplitudes = state.amplitudes();
        const expected = first.get(isa);
        if (expected === undefined) first.set(isa, amplitudes);
        else expect(amplitudes).toEqual(expected);
      }
    }
    // Targets plan differently (lanes, blocks), so they add in other orders.
    const [one, ...others] = [...first.values()];
    for (const other of others) {
      const difference = one!.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i]!)), 0);
      expect(difference).toBeLessThan(1e-13);
    }
  });
});

/** Gates, measurements, resets, preparations, branches and loops in random order. */
function randomDynamicCircuit(random: Random): Circuit {
  const qubits = 2 + random.integer(5);
  const circuit = new Circuit(qubits, 4);
  const appendGates = (target: Circuit) => {
    for (const instruction of randomCircuit(random, qubits, 5).instructions) target.append(instruction);
  };
  for (let round = 0; round < 4; round++) {
    appendGates(circuit);
    const [qubit, clbit] = [random.integer(qubits), random.integer(4)];
    const kind = random.integer(5);
    if (kind === 0) circuit.measure(qubit, clbit);
    else if (kind === 1) circuit.reset(qubit);
    else if (kind === 2)
      circuit.measure(qubit, clbit).ifTest({ kind: 'bit', clbit }, appendGates, appendGates);
    else if (kind === 3) circuit.forLoop(null, [1, 2], (body) => appendGates(body.measure(qubit, clbit)));
    else circuit.initialize([0.6, 0, 0, 0.8], [qubit]);
  }
  appendGates(circuit);
  return circuit;
}

describe('dynamic circuits', () => {
  it('end in the same states on plain loops and on generated code, by seed', async () => {
    using reference = createReferenceSimulator();
    using native = await createStateVectorSimulator({ precision: 'f64' });
    for (let seed = 0; seed < 40; seed++) {
      const circuit = randomDynamicCircuit(new Random(seed));
      using expected = reference.run(circuit, { seed });
      using actual = native.run(circuit, { seed });
      expect(actual.clbits).toEqual(expected.clbits);
      const [a, b] = [actual.amplitudes(), expected.amplitudes()];
      // Dozens of gates, and norms restored after measurements.
      expect(a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)).toBeLessThan(1e-12);
    }
  });
});
