import { InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createInterpreterHost,
  defaultCodeRowStride,
  encodedCodeBytes,
  encodedGroupCodeBytes,
  type IntegerWeights,
  kernelKey,
  kernelTrial,
  prefersNibbles,
  type QuantizationMode,
  type QuantizeRowsDescription,
  readsUint8InPlace,
} from '../src/index.ts';
import { leastCodeRowStride, paddedCodeDepth } from '../src/kernels/integer/code-form.ts';
import {
  referenceQuantize,
  referenceQuantizeAsymmetric,
  referenceQuantizeSymmetric,
  referenceSymmetricScale,
} from '../src/reference/quantize.ts';
import { findIntegerError, type IntegerHost, openIntegerHosts } from './integer-hosts.ts';
import { TAIL_SIZES } from './tail-sizes.ts';

let hosts: IntegerHost[];

beforeAll(() => {
  hosts = openIntegerHosts({ strict: false });
});

afterAll(() => {
  for (const host of hosts) host.dispose();
});

const MODES: readonly QuantizationMode[] = [
  'static',
  'row-symmetric',
  'row-asymmetric',
  'group-symmetric',
  'uint8',
  'int8',
];

function quantization(
  mode: QuantizationMode,
  depth: number,
  { gap = 1, weights = 'int4' }: { readonly gap?: number; readonly weights?: IntegerWeights } = {},
): QuantizeRowsDescription {
  // Some targets write four bytes behind the codes for int4 weights.
  const codeRowStride = paddedCodeDepth(mode, depth) + (weights === 'int4' ? 4 : 0) + 4 * gap;
  return { kind: 'quantize-rows', mode, weights, depth, sourceRowStride: depth + gap, codeRowStride };
}

describe.each(MODES)('quantising rows in mode %s', (mode) => {
  it('equals the reference at every tail of the depth, on rows of every kind, padding and parameters included', () => {
    const errors: string[] = [];
    for (const host of hosts) {
      for (const depth of TAIL_SIZES) {
        const error = findIntegerError(host, quantization(mode, depth, { gap: depth % 3 }), depth);
        if (error !== null) errors.push(error);
      }
    }
    expect(errors).toEqual([]);
  });

  it('equals the reference at larger depths and other seeds', () => {
    const property = fc.property(fc.integer({ min: 81, max: 700 }), fc.nat(1e6), (depth, seed) => {
      const weights = mode === 'group-symmetric' ? 'int4' : 'int8';
      const errors = hosts.map((host) =>
        findIntegerError(host, quantization(mode, depth, { weights }), seed),
      );
      expect(errors.filter((error) => error !== null)).toEqual([]);
    });
    fc.assert(property, { seed: 20_261_122, numRuns: 4 });
  });
});

describe('the reference of quantisation', () => {
  it('rounds ties to even, clamps to the codes 0..255, and counts NaN as 0', () => {
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
    expect([...referenceQuantize(x, 1, 2)]).toEqual([2, 2, 4, 4, 2, 0, 255, 0, 2, 255, 0, 0]);
  });

  it('divides in float32, so that a quotient that float64 puts below a tie may be one', () => {
    const scale = Math.fround(0.1);
    const x = Float32Array.from([0.25]);
    expect(0.25 / scale).toBeLessThan(2.5);
    expect(Math.fround(0.25 / scale)).toBe(2.5);
    expect([...referenceQuantize(x, scale, 0)]).toEqual([2]);
  });

  it('gives a row of zeros, and one of NaN, the smallest scale and zero codes', () => {
    for (const value of [0, -0, Number.NaN]) {
      const x = new Float32Array(3).fill(value);
      expect(referenceQuantizeSymmetric(x)).toEqual({ scale: 2 ** -126, codes: new Int8Array(3) });
      expect(referenceQuantizeAsymmetric(x)).toEqual({
        scale: 2 ** -126,
        zeroPoint: 0,
        codes: new Uint8Array(3),
      });
    }
  });

  it('keeps scales finite and normal at both ends of float32', () => {
    expect(referenceSymmetricScale(Float32Array.from([Infinity, -1]))).toBe(
      Math.fround(((2 - 2 ** -23) * 2 ** 127) / 127),
    );
    expect(referenceSymmetricScale(Float32Array.from([1e-45]))).toBe(2 ** -126);
    const { scale, zeroPoint, codes } = referenceQuantizeAsymmetric(Float32Array.from([-Infinity, 0, 3e38]));
    expect([scale, zeroPoint, ...codes]).toEqual([Math.fround(2 ** 127 / 255), 127, 0, 127, 255]);
  });

  it('covers a row that is positive or negative throughout together with 0', () => {
    expect(referenceQuantizeAsymmetric(Float32Array.from([255, 51])).codes).toEqual(
      Uint8Array.from([255, 51]),
    );
    const negative = referenceQuantizeAsymmetric(Float32Array.from([-255, -51]));
    expect([negative.zeroPoint, ...negative.codes]).toEqual([255, 0, 204]);
  });
});

describe('quantize-rows descriptions', () => {
  const { traits } = createInterpreterHost();
  const valid = quantization('static', 5);

  it('have different keys when anything differs', () => {
    const others = [
      {},
      { mode: 'int8' },
      { depth: 6, sourceRowStride: 6 },
      { sourceRowStride: 9 },
      { codeRowStride: 64 },
    ];
    const keys = others.map((change) => kernelKey({ ...valid, ...change } as QuantizeRowsDescription));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('are refused when they make no sense', () => {
    for (const change of [
      { mode: 'dynamic' },
      { depth: 0 },
      { sourceRowStride: 4 },
      { codeRowStride: 7 },
      { mode: 'group-symmetric', codeRowStride: 31 },
    ]) {
      const description = { ...valid, ...change } as QuantizeRowsDescription;
      expect(() => kernelTrial(description, traits, 'all', 1), JSON.stringify(change)).toThrow(
        InvalidArgumentError,
      );
    }
  });

  it('come with strides and forms that every kernel accepts', () => {
    for (const depth of [1, 4, 31, 32, 63, 64, 100, 512, 1024, 4096]) {
      const stride = defaultCodeRowStride(depth);
      for (const mode of MODES) expect(stride).toBeGreaterThanOrEqual(paddedCodeDepth(mode, depth));
      expect(depth >= 512 && stride % 512 === 0).toBe(false);
    }
    const bytes = createInterpreterHost({ dot: 'bytes' }).traits;
    const words = createInterpreterHost({ dot: 'words' }).traits;
    expect([encodedCodeBytes('int4', bytes), encodedCodeBytes('int4', words)]).toEqual([1, 2]);
    expect([encodedGroupCodeBytes(bytes), encodedGroupCodeBytes(words)]).toEqual([1, 2]);
    const pairs = { ...words, multiplyBytes: 7 } as const;
    expect([
      encodedGroupCodeBytes(pairs),
      encodedCodeBytes('int4', pairs),
      encodedCodeBytes('int8', pairs),
    ]).toEqual([1, 1, 2]);
    for (const depth of [1, 28, 29, 60, 61, 64, 4096]) {
      expect(defaultCodeRowStride(depth)).toBeGreaterThanOrEqual(leastCodeRowStride('int4', depth, pairs));
    }
    expect([prefersNibbles(64, pairs), prefersNibbles(1, words)]).toEqual([true, false]);
    expect([prefersNibbles(8, bytes), prefersNibbles(9, bytes)]).toEqual([true, false]);
    expect([readsUint8InPlace(bytes, 8), readsUint8InPlace(bytes, 7), readsUint8InPlace(words, 8)]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
