import { createHash } from 'node:crypto';
import { FileFormatError, Random } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leastMagnitudeOf, openBitsOf, tokenOf } from '../../src/entropy-coding/code-tokens.ts';
import { frequenciesOf, levelsOf } from '../../src/entropy-coding/frequency-tables.ts';
import { encodeMatrix } from '../../src/entropy-coding/matrix-codec.ts';
import type { MatrixDescription } from '../../src/entropy-coding/matrix-scan.ts';
import { decodeRansMatrix, encodeRansMatrix } from '../../src/entropy-coding/rans-matrix-codec.ts';
import { anyMatrix, type Codes, denseCodes, entropyBytes, prunedCodes, symmetric } from './code-matrices.ts';

function roundTrip(codes: Codes, description: MatrixDescription): Uint8Array {
  const coded = encodeRansMatrix(codes, description);
  const decoded = codes instanceof Int8Array ? new Int8Array(codes.length) : new Uint8Array(codes.length);
  decoded.fill(77);
  decodeRansMatrix(coded, description, decoded);
  expect(decoded).toEqual(codes);
  return coded;
}

describe('tokens', () => {
  it('hold each magnitude once', () => {
    for (let magnitude = 0; magnitude < 256; magnitude++) {
      const token = tokenOf(magnitude);
      const rest = magnitude - leastMagnitudeOf(token);
      expect(rest).toBeGreaterThanOrEqual(0);
      expect(rest).toBeLessThan(2 ** openBitsOf(token));
      if (magnitude > 0) expect(token - tokenOf(magnitude - 1)).toBe(rest === 0 ? 1 : 0);
    }
  });
});

describe('frequency tables', () => {
  it('sum up to 4096 and miss no symbol that occurs, however rare it is', () => {
    const counts = fc.array(fc.constantFrom(0, 1, 7, 500, 1e6), { minLength: 1, maxLength: 57 });
    fc.assert(
      fc.property(counts, (values) => {
        const frequencies = frequenciesOf(levelsOf(Uint32Array.from(values)));
        expect(frequencies.reduce((sum, frequency) => sum + frequency, 0)).toBe(4096);
        const occurring = values.map((count) => count > 0);
        if (occurring.includes(true)) {
          expect(Array.from(frequencies, (frequency) => frequency > 0)).toEqual(occurring);
        }
      }),
      { seed: 1, numRuns: 200 },
    );
  });
});

describe('the quick coder of code matrices', () => {
  it('gives back every width, shape, density and center', () => {
    fc.assert(
      fc.property(anyMatrix, ({ codes, description }) => {
        roundTrip(codes, description);
      }),
      { seed: 3, numRuns: 60 },
    );
  });

  it.each([
    [0, 0],
    [0, 5],
    [1, 1],
    [1, 1000],
    [1000, 1],
    [37, 41],
  ])('gives back %i x %i codes that are all equal or all at their limits', (rows, columns) => {
    const description = symmetric(rows, columns, 8);
    for (const value of [0, 1, -127]) {
      // A symbol without alternatives needs no bits.
      expect(roundTrip(new Int8Array(rows * columns).fill(value), description).length).toBeLessThan(
        40 + codesOpenBytes(value, rows * columns),
      );
    }
    roundTrip(
      Int8Array.from({ length: rows * columns }, (_, i) => (i % 2 === 0 ? 127 : -127)),
      description,
    );
  });

  it('takes what the arithmetic coder takes for dense codes, 0.5 % above their entropy, and finds what lines and columns tell', () => {
    for (const bits of [8, 4]) {
      const description = symmetric(256, 60, bits);
      const codes = denseCodes(description, bits);
      const { length } = roundTrip(codes, description);
      expect(length).toBeLessThan(1.005 * entropyBytes(codes));
      expect(length).toBeLessThan(1.01 * encodeMatrix(codes, description).length);
    }
    const description = symmetric(128, 300, 3);
    const pruned = prunedCodes(description, 0.05, 5);
    expect(roundTrip(pruned, description).length).toBeLessThan(0.97 * entropyBytes(pruned));
  });

  it('writes the same bytes on every machine', () => {
    const hash = createHash('sha256');
    for (const bits of [2, 4, 8]) {
      const description = symmetric(100, 49, bits);
      for (const density of [0.01, 0.3])
        hash.update(roundTrip(prunedCodes(description, density, bits), description));
      hash.update(roundTrip(denseCodes(description, bits), description));
    }
    expect(hash.digest('hex')).toBe('d46b4e56ca9dbc9a64f6db81f6e1ee81a854d9c437c43245c4116a0c9fc124db');
  });

  it('refuses what is cut, longer or changed, or reads other codes with no more work', () => {
    const random = new Random(1);
    const description = symmetric(49, 30, 4);
    const good = encodeRansMatrix(denseCodes(description, 1), description);
    const codes = new Int8Array(49 * 30);
    for (let length = 0; length < good.length; length++) {
      expect(() => decodeRansMatrix(good.slice(0, length), description, codes)).toThrow(FileFormatError);
    }
    expect(() => decodeRansMatrix(Uint8Array.of(...good, 0, 0), description, codes)).toThrow(FileFormatError);
    let refused = 0;
    for (let round = 0; round < 400; round++) {
      const bytes = good.slice();
      const front = round % 2 === 0 ? 12 : bytes.length;
      for (let flips = random.integer(3); flips >= 0; flips--)
        bytes[random.integer(front)] = random.integer(256);
      try {
        decodeRansMatrix(bytes, description, codes);
      } catch (error) {
        expect(error).toBeInstanceOf(FileFormatError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(360);
  });
});

/** Bytes of the bits that symbols of one value leave open. */
function codesOpenBytes(value: number, count: number): number {
  return (openBitsOf(tokenOf(Math.abs(value))) * count) / 8;
}
