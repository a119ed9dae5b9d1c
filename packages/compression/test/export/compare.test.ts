import { VerificationError } from '@qedge/core';
import { GraphBuilder } from '@qedge/kernels/graph';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { affineWeight } from '../../src/export/affine-weights.ts';
import { compareOutputs, compareResults } from '../../src/export/compare-outputs.ts';
import { compareCodes, compareNumbers, measureChange } from '../../src/export/compare-weights.ts';

describe('comparisons of what was written', () => {
  it('find one code, one bit, one number too few', () => {
    expect(compareCodes('w', [1, 2, 3], [1, 2, 3])).toBe(3);
    expect(() => compareCodes('w', [1, 2, 3], [1, 2, 4])).toThrow(/"w".*code 3 at index 2/);
    expect(() => compareCodes('w', [1, 2, 3], [1, 2])).toThrow(VerificationError);
    expect(() => compareCodes('w', [1, 2], [1, 2, 3])).toThrow(VerificationError);
    expect(compareNumbers('w', Float32Array.of(Number.NaN, 0), [Number.NaN, 0])).toBe(2);
    expect(() => compareNumbers('w', Float32Array.of(0), [-0])).toThrow(VerificationError);
    expect(() => compareNumbers('w', Float32Array.of(1), [1 + 2 ** -23])).toThrow(VerificationError);
  });

  it('find outputs that differ, are missing or are not numbers', () => {
    expect(compareResults('it', [[1, -2]], [[1, -2.00001]], 1e-4)).toMatchObject({
      outputs: 2,
      largestOutput: 2,
    });
    const infinite = [[Number.POSITIVE_INFINITY, Number.NaN]];
    expect(compareResults('it', infinite, infinite, 1e-4).largestDifference).toBe(0);
    for (const actual of [[[1, -2.1]], [[1]], [], [[1, Number.NaN]], [[1, -2], [3]]]) {
      expect(() => compareResults('it', [[1, -2]], actual, 1e-4)).toThrow(VerificationError);
    }
  });

  it('run both models', () => {
    const scaled = (factor: number) => {
      const builder = new GraphBuilder('scaled');
      const x = builder.input('x', { dtype: 'float32', shape: [1, 3] });
      const expression = { operation: 'multiply', a: { input: 0 }, b: { constant: factor } } as const;
      builder.output(builder.add({ kind: 'pointwise', expression }, [x])[0]);
      return builder.finish();
    };
    expect(compareOutputs('it', scaled(2), scaled(2)).largestDifference).toBe(0);
    expect(() => compareOutputs('it', scaled(2), scaled(2.1))).toThrow(VerificationError);
  });

  it('measure how far numbers are off', () => {
    const change = measureChange('w', 'why', Float32Array.of(3, 4), Float32Array.of(3, 4.5));
    // 25 over 0.25.
    expect(change).toEqual({ name: 'w', reason: 'why', largestError: 0.5, signalToNoiseDecibels: 20 });
  });
});

describe('affineWeight', () => {
  it('keeps 0 exactly and every number within half a step, but for the ends', () => {
    const numbers = fc.array(fc.float({ noNaN: true, min: -1000, max: 1000 }), { maxLength: 40 });
    const kinds = fc.constantFrom('uint8' as const, 'uint16' as const);
    fc.assert(
      fc.property(numbers, kinds, (list, dtype) => {
        const data = Float32Array.from([0, ...list]);
        const { decoded, entry } = affineWeight(
          { source: 'w', name: 'w', shape: [data.length], data },
          dtype,
        );
        const { scale } = entry.quantization!;
        expect(Math.abs(decoded[0]!)).toBe(0);
        // Rounding of float32 comes on top of it.
        const slack = 0.5001 * scale! + 2 ** -23 * 1000;
        expect(data.every((value, i) => Math.abs(decoded[i]! - value) <= slack)).toBe(true);
      }),
      { seed: 3, numRuns: 200 },
    );
  });
});
