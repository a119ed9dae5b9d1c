import { describe, expect, it } from 'vitest';
import { InterpreterTarget, type TargetTraits, WASM_TRAITS } from '../src/index.ts';
import { BANDWIDTH } from '../src/kernels/peak/bandwidth-family.ts';
import { PEAK, peakOperations } from '../src/kernels/peak/peak-family.ts';

describe('a peak kernel', () => {
  it.each(['fma', 'dot'] as const)('counts its own %s products', (operation) => {
    for (const lanes of [4, 8, 16]) {
      for (const dot of ['bytes', 'words'] as const) {
        const traits: TargetTraits = { ...WASM_TRAITS.strict, lanes, dot };
        const description = { kind: 'peak', operation, turns: 3 } as const;
        const target = new InterpreterTarget(traits);
        PEAK.emit(target, description);
        const trial = PEAK.trial(description, traits, 'all', 1);
        const buffer = new ArrayBuffer(trial.byteLength + 64);
        const memory = { buffer, byteOffset: 64, byteLength: trial.byteLength, address: 64 };
        target.finish()(memory)(trial.prepare(memory));
        expect(trial.findError(memory)).toBeNull();
        expect(peakOperations(description, traits)).toBeGreaterThan(0);
      }
    }
  });

  it.each([0, 1.5, 2 ** 18 + 1, Number.NaN])('refuses %s turns', (turns) => {
    expect(() => PEAK.validate({ kind: 'peak', operation: 'fma', turns })).toThrow(/turns/);
  });

  it('refuses an operation that it does not know', () => {
    expect(() => PEAK.validate({ kind: 'peak', operation: 'add' as 'fma', turns: 1 })).toThrow(
      /operation of a peak kernel/,
    );
  });
});

describe('a bandwidth kernel', () => {
  it('reads every word as often as it is told', () => {
    for (const lanes of [4, 8, 16]) {
      const traits: TargetTraits = { ...WASM_TRAITS.strict, lanes };
      const target = new InterpreterTarget(traits);
      BANDWIDTH.emit(target, { kind: 'bandwidth' });
      const trial = BANDWIDTH.trial({ kind: 'bandwidth' }, traits, 'all', 1);
      const memory = {
        buffer: new ArrayBuffer(trial.byteLength + 64),
        byteOffset: 64,
        byteLength: trial.byteLength,
        address: 64,
      };
      target.finish()(memory)(trial.prepare(memory));
      expect(trial.findError(memory)).toBeNull();
    }
  });
});
