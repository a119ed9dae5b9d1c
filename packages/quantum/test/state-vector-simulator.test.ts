import { CapabilityUnavailableError } from '@qedge/core';
import {
  Circuit,
  createReferenceSimulator,
  createStateVectorSimulator,
  PauliSum,
  parameter,
} from '@qedge/quantum';
import { describe, expect, it } from 'vitest';

describe('createStateVectorSimulator', () => {
  it('refuses options that mean nothing', async () => {
    await expect(createStateVectorSimulator({ precision: 'f16' as 'f32' })).rejects.toThrow(/f32 or f64/);
    await expect(createStateVectorSimulator({ maxBytes: -1 })).rejects.toThrow(/a number >= 0/);
    await expect(createStateVectorSimulator({ threads: 0 })).rejects.toThrow(/integer from 1/);
  });

  it('keeps to the bytes that it is given, and says what would work', async () => {
    using simulator = await createStateVectorSimulator({ precision: 'f64', maxBytes: 16 * 2 ** 10 });
    const chain = (qubits: number) => {
      const circuit = new Circuit(qubits);
      for (let qubit = 0; qubit < qubits; qubit++) circuit.h(qubit);
      return circuit;
    };
    simulator.run(chain(10)).dispose();
    expect(() => simulator.compile(chain(11))).toThrow(/needs 32 KiB.*at most 10 qubits.*precision f32/s);
  });

  it('counts the bytes of all states at the same time: those held and those that a call needs', async () => {
    const bytes = 16 * 2 ** 10;
    const chain = new Circuit(10);
    for (let qubit = 0; qubit < 10; qubit++) chain.ry(parameter(`t${qubit}`), qubit);
    const parameters = Array.from({ length: 10 }, (_, i) => i / 10);
    const energy = PauliSum.fromTerms([['ZZ'.padEnd(10, 'I'), 1]]);
    using one = await createStateVectorSimulator({ precision: 'f64', maxBytes: bytes });
    const alone = one.compile(chain);
    const first = alone.run({ parameters });
    expect(() => alone.run({ parameters })).toThrow(CapabilityUnavailableError);
    first.dispose();
    const value = alone.expectation(energy, { parameters });
    // A gradient needs two states, and takes none where there is memory for one.
    expect(() => alone.gradient(energy, { parameters })).toThrow(/needs 32 KiB/);
    alone.run({ parameters }).dispose();
    using two = await createStateVectorSimulator({ precision: 'f64', maxBytes: 2 * bytes });
    expect(two.compile(chain).gradient(energy, { parameters }).value).toBeCloseTo(value, 12);
  });

  it('counts the states of a batch for as long as the circuit keeps them', async () => {
    const bytes = 1024 * 2 ** 10;
    using simulator = await createStateVectorSimulator({ precision: 'f64', maxBytes: bytes });
    const compiled = simulator.compile(new Circuit(8).ry(parameter('t'), 0).cx(0, 7));
    compiled.runBatch(
      Float64Array.from({ length: 256 }, (_, i) => i / 256),
      () => {},
    );
    // 16 qubits take all of the memory.
    const wide = new Circuit(16);
    for (let qubit = 0; qubit < 16; qubit++) wide.h(qubit);
    expect(() => simulator.run(wide)).toThrow(CapabilityUnavailableError);
    compiled.dispose();
    simulator.run(wide).dispose();
  });

  it('refuses what is too large for a laptop before it allocates anything', () => {
    using simulator = createReferenceSimulator();
    const circuit = new Circuit(40);
    for (let qubit = 0; qubit < 40; qubit++) circuit.h(qubit);
    expect(() => simulator.compile(circuit)).toThrow(/needs 16 TiB.*at most 24 qubits/s);
  });
});
