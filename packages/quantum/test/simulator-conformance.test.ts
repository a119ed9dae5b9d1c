import './relaxed-simd.ts';
import { Random } from '@qedge/core';
import { createStateVectorSimulator as createPortable, createReferenceSimulator } from '@qedge/quantum';
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
