import { describe, expect, it } from 'vitest';
import {
  DTYPE_BITS,
  type DType,
  dtypeByteLength,
  isDType,
  isPrecision,
  PRECISION_BITS,
  PRECISIONS,
} from '../src/index.ts';

describe('dtypes', () => {
  it.each([
    ['float64', Float64Array],
    ['float32', Float32Array],
    ['int32', Int32Array],
    ['int16', Int16Array],
    ['int8', Int8Array],
    ['uint8', Uint8Array],
  ] as const)('%s is as wide as the typed array that holds it', (dtype, Storage) => {
    expect(DTYPE_BITS[dtype]).toBe(8 * Storage.BYTES_PER_ELEMENT);
    expect(dtypeByteLength(dtype, 5)).toBe(new Storage(5).byteLength);
  });

  it('packs two 4-bit codes per byte and rounds up', () => {
    expect([0, 1, 2, 3].map((count) => dtypeByteLength('int4', count))).toEqual([0, 1, 1, 2]);
    expect(dtypeByteLength('uint4', 7)).toBe(4);
  });

  it('are told from other values', () => {
    for (const name of Object.keys(DTYPE_BITS)) expect(isDType(name)).toBe(true);
    for (const value of ['int2', 'toString', '', null, undefined, 8, {}]) expect(isDType(value)).toBe(false);
  });
});

describe('precisions', () => {
  it('are listed widest first, each with its bits', () => {
    const widths = PRECISIONS.map((precision) => PRECISION_BITS[precision].weightBits);
    expect(widths).toEqual(widths.toSorted((a, b) => b - a));
    expect(PRECISIONS.toSorted()).toEqual(Object.keys(PRECISION_BITS).toSorted());
    for (const precision of PRECISIONS)
      expect(DTYPE_BITS[precision satisfies DType]).toBe(PRECISION_BITS[precision].weightBits);
  });

  it('are told from other values', () => {
    for (const name of PRECISIONS) expect(isPrecision(name)).toBe(true);
    for (const value of ['int2', 'constructor', '', null, 4]) expect(isPrecision(value)).toBe(false);
  });
});
