import { Circuit, createReferenceSimulator, createStateVectorSimulator } from '@qedge/quantum';
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

  it('refuses what is too large for a laptop before it allocates anything', () => {
    using simulator = createReferenceSimulator();
    const circuit = new Circuit(40);
    for (let qubit = 0; qubit < 40; qubit++) circuit.h(qubit);
    expect(() => simulator.compile(circuit)).toThrow(/needs 16 TiB.*at most 24 qubits/s);
  });
});
