import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EnergyFigure, energyOver, type Provenance, sumEnergy } from '../src/index.ts';

const figure = (joules: number, provenance: Provenance, relativeError: number, method: string) =>
  ({ joules, provenance, relativeError, method }) satisfies EnergyFigure;

describe('energyOver', () => {
  it('is power times time, with provenance and band kept', () => {
    expect(
      energyOver({ watts: 6, provenance: 'calibrated', relativeError: 0.1, method: 'fit' }, 500),
    ).toEqual({ joules: 3, provenance: 'calibrated', relativeError: 0.1, method: 'fit' });
  });
});

describe('sumEnergy', () => {
  it('adds joules and absolute bands and takes the weakest provenance', () => {
    const sum = sumEnergy([figure(8, 'measured', 0.01, 'RAPL'), figure(2, 'modelled', 0.5, 'load model')]);
    expect(sum.joules).toBe(10);
    expect(sum.provenance).toBe('modelled');
    // 8 J * 1 % + 2 J * 50 % = 1.08 J of 10 J.
    expect(sum.relativeError).toBeCloseTo(0.108, 14);
    expect(sum.method).toBe('RAPL; load model');
  });

  it('names every method once', () => {
    expect(sumEnergy([figure(1, 'measured', 0, 'RAPL'), figure(1, 'measured', 0, 'RAPL')]).method).toBe(
      'RAPL',
    );
  });

  it('of nothing is zero and says so', () => {
    expect(sumEnergy([])).toEqual({
      joules: 0,
      provenance: 'measured',
      relativeError: 0,
      method: 'no energy was used',
    });
  });

  it('has a band between the tightest and the widest part, in any order', () => {
    const parts = fc.array(
      fc.record({
        joules: fc.double({ min: 0.001, max: 1e6, noNaN: true }),
        provenance: fc.constantFrom<Provenance>('measured', 'calibrated', 'modelled'),
        relativeError: fc.double({ min: 0, max: 2, noNaN: true }),
        method: fc.constantFrom('a', 'b'),
      }),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(parts, (figures) => {
        const [sum, reversed] = [sumEnergy(figures), sumEnergy(figures.toReversed())];
        const bands = figures.map((part) => part.relativeError);
        expect(sum.relativeError).toBeGreaterThanOrEqual(Math.min(...bands) - 1e-12);
        expect(sum.relativeError).toBeLessThanOrEqual(Math.max(...bands) + 1e-12);
        expect(reversed.provenance).toBe(sum.provenance);
        expect(reversed.joules / sum.joules).toBeCloseTo(1, 12);
      }),
      { seed: 1 },
    );
  });
});
