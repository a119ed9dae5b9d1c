import { lineTarget, transpile, verifyEquivalence } from '@qedge/quantum';
import { describe, expect, it } from 'vitest';
import { randomCircuit } from '../random-circuit.ts';

describe('assumeZeroInputs and onlyMeasuredResults', () => {
  it.each([1, 2, 3] as const)('keep what is measured from |0...0> at level %i', async (level) => {
    for (let seed = 0; seed < 8; seed++) {
      const circuit = randomCircuit(seed, 4, 14).measureAll();
      const options = { seed, level, assumeZeroInputs: true, onlyMeasuredResults: true };
      const result = await transpile(circuit, lineTarget(5), options);
      const report = await verifyEquivalence(circuit, result, {
        ...{ target: lineTarget(5), inputs: 'zero', compare: 'measurements' },
      });
      expect([seed, report.equivalent, report.reason]).toEqual([seed, true, report.reason]);
    }
  });
});
