import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { QedgeError } from '@qedge/core';
import { createReferenceSimulator, parseOpenQasm } from '@qedge/quantum';
import { createStateVectorSimulator } from '@qedge/quantum/node';
import { afterAll, describe, expect, it } from 'vitest';
import { sharedDirectory } from './shared-data.ts';

const folder = sharedDirectory('qasm');
const files = folder === null ? [] : readdirSync(folder).filter((file) => file.endsWith('.qasm'));
/** States up to these are compared amplitude by amplitude with the reference. */
const COMPARED_QUBITS = 10;
/** States beyond these are not worth a test's time. */
const RUN_QUBITS = 20;

describe.skipIf(folder === null)('collected OpenQASM programs', () => {
  const reference = createReferenceSimulator();
  const native = createStateVectorSimulator({ precision: 'f32' });
  afterAll(async () => (await native).dispose());

  it.each(files)('simulates %s, or says why not', async (file) => {
    const circuit = parseOpenQasm(readFileSync(join(folder!, file), 'utf8'));
    const simulator = await native;
    let compiled: ReturnType<typeof simulator.compile>;
    try {
      compiled = simulator.compile(circuit);
    } catch (error) {
      expect((error as QedgeError).code).toBe('CAPABILITY_UNAVAILABLE');
      expect((error as QedgeError).facts.bytesNeeded).toBeGreaterThan(8 * 2 ** 30);
      return;
    }
    const { activeQubitCount } = compiled;
    if (activeQubitCount > RUN_QUBITS) return;
    using state = compiled.run();
    // Thousands of gates in single precision.
    expect(Math.abs(state.normSquared() - 1)).toBeLessThan(1e-3);
    if (activeQubitCount > COMPARED_QUBITS || circuit.qubitCount > COMPARED_QUBITS) return;
    const expected = reference.run(circuit).amplitudes();
    const actual = state.amplitudes();
    const difference = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - actual[i]!)), 0);
    // Single precision rounds each of up to 400 gates by about 1e-7.
    expect(difference).toBeLessThan(2e-5);
  });
});
