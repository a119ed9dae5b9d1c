import './relaxed-simd.ts';
import { Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { referenceQuantize } from '../src/index.ts';
import { INTERPRETED_TRAITS, interpreterBackend, runQuantize, wasmBackend } from './kernel-fixture.ts';

const backends = [
  ...INTERPRETED_TRAITS.map(interpreterBackend),
  wasmBackend('strict'),
  wasmBackend('relaxed'),
];

describe('the quantisation reference', () => {
  it('rounds ties to even, clamps to the codes 0..255, and makes NaN zero', () => {
    const x = Float32Array.from([
      0,
      0.5,
      1.5,
      2.5,
      -0.5,
      -1.5,
      1e9,
      -1e9,
      Number.NaN,
      Infinity,
      -Infinity,
      -3,
    ]);
    const codes = new Int16Array(x.length);
    referenceQuantize(x, 1, 2, codes);
    expect([...codes]).toEqual([0, 0, 2, 2, 0, -2, 253, -2, 0, 253, -2, -2]);
  });
});

describe.each(backends)('quantising rows on $name', (backend) => {
  it('equals the reference at every tail length, padding included', () => {
    const random = new Random(3);
    for (let depth = 1; depth <= 35; depth++) {
      const x = new Float32Array(3 * depth).map(() => random.normal() * 2);
      const outcome = runQuantize(backend, x, depth, 8 / 255, 128);
      expect(outcome.actual, `depth ${depth}`).toEqual(outcome.expected);
      expect(outcome.guardsIntact, `depth ${depth}`).toBe(true);
    }
  });

  it('equals the reference on ties, specials and both ends of the zero point', () => {
    const specials = [
      0,
      -0,
      0.125,
      0.375,
      -0.125,
      -0.375,
      1e30,
      -1e30,
      Number.NaN,
      Infinity,
      -Infinity,
      1e-45,
      31.875,
    ];
    const x = Float32Array.from(specials);
    for (const zeroPoint of [0, 1, 127, 255]) {
      const outcome = runQuantize(backend, x, x.length, 0.25, zeroPoint);
      expect(outcome.actual, `zero point ${zeroPoint}`).toEqual(outcome.expected);
    }
  });
});
