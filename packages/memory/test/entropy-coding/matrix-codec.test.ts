import { createHash } from 'node:crypto';
import { FileFormatError, Random } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMatrix, encodeMatrix, type MatrixDescription } from '../../src/entropy-coding/matrix-codec.ts';

type Codes = Int8Array | Uint8Array;

function roundTrip(codes: Codes, description: MatrixDescription): Uint8Array {
  const coded = encodeMatrix(codes, description);
  const decoded = codes instanceof Int8Array ? new Int8Array(codes.length) : new Uint8Array(codes.length);
  decoded.fill(77);
  decodeMatrix(coded, description, decoded);
  expect(decoded).toEqual(codes);
  return coded;
}

function symmetric(rows: number, columns: number, bits: number): MatrixDescription {
  const highest = bits === 1 ? 1 : 2 ** (bits - 1) - 1;
  return { rows, columns, lowest: -highest, highest, center: 0 };
}

/** Values whose columns and lines differ in density, as those of pruned layers do. */
function prunedCodes(
  { rows, columns, highest }: MatrixDescription,
  density: number,
  seed: number,
): Int8Array {
  const random = new Random(seed);
  const perRow = Float64Array.from({ length: rows }, () => random.uniform() ** 3);
  const perColumn = Float64Array.from({ length: columns }, () => random.uniform());
  return Int8Array.from({ length: rows * columns }, (_, i) => {
    const p = density * 8 * perRow[Math.floor(i / columns)]! * perColumn[i % columns]!;
    if (random.uniform() >= p) return 0;
    return (1 + random.integer(highest)) * (random.uniform() < 0.5 ? -1 : 1);
  });
}

const anyMatrix = fc
  .record({
    seed: fc.nat(),
    rows: fc.nat(40),
    columns: fc.nat(40),
    bits: fc.integer({ min: 1, max: 8 }),
    signed: fc.boolean(),
    density: fc.constantFrom(0, 0.02, 0.3, 1),
    extremes: fc.boolean(),
  })
  .map(({ seed, rows, columns, bits, signed, density, extremes }) => {
    const random = new Random(seed);
    const lowest = signed ? (bits === 1 ? -1 : -(2 ** (bits - 1))) : 0;
    const highest = signed ? (bits === 1 ? 1 : 2 ** (bits - 1) - 1) : 2 ** bits - 1;
    const center =
      random.uniform() < 0.5 ? lowest + random.integer(highest - lowest + 1) : Math.max(0, lowest);
    const codes = signed ? new Int8Array(rows * columns) : new Uint8Array(rows * columns);
    for (let i = 0; i < codes.length; i++) {
      if (random.uniform() >= density) codes[i] = center;
      else if (extremes) codes[i] = random.uniform() < 0.5 ? lowest : highest;
      else codes[i] = lowest + random.integer(highest - lowest + 1);
    }
    return { codes, description: { rows, columns, lowest, highest, center } };
  });

describe('the coder of code matrices', () => {
  it('gives back every width, shape, density and center, in at most a little more than packed bytes', () => {
    fc.assert(
      fc.property(anyMatrix, ({ codes, description }) => {
        const coded = roundTrip(codes, description);
        const bits = Math.log2(description.highest - description.lowest + 1);
        // What learning costs: a fifth for a matrix of a thousand codes, and some bytes for smaller ones.
        expect(coded.length).toBeLessThanOrEqual(1.2 * ((codes.length * bits) / 8) + 48);
      }),
      { seed: 3, numRuns: 150 },
    );
  });

  it.each([
    [0, 0],
    [0, 5],
    [5, 0],
    [1, 1],
    [1, 1000],
    [1000, 1],
    [37, 41],
  ])('gives back %i x %i codes that are all 0, all equal, or all at their limits', (rows, columns) => {
    const description = symmetric(rows, columns, 8);
    for (const value of [0, 1, -1, 127, -127]) {
      const codes = new Int8Array(rows * columns).fill(value);
      const coded = roundTrip(codes, description);
      // 16 decisions of 0.0005 bits each once they are learnt.
      expect(coded.length).toBeLessThan(60 + codes.length / 64);
    }
    roundTrip(
      Int8Array.from({ length: rows * columns }, (_, i) => (i % 2 === 0 ? 127 : -127)),
      description,
    );
  });

  it('needs fewer bytes than the entropy of the codes where lines and columns differ', () => {
    const description = symmetric(128, 300, 3);
    const codes = prunedCodes(description, 0.05, 5);
    const counts = new Map<number, number>();
    for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
    let entropyBits = 0;
    for (const count of counts.values()) entropyBits -= count * Math.log2(count / codes.length);
    expect(roundTrip(codes, description).length).toBeLessThan((0.93 * entropyBits) / 8);
  });

  it('finds that a line is an image, whatever its width', () => {
    const random = new Random(9);
    const [width, height, units] = [23, 17, 40];
    const codes = new Int8Array(width * height * units);
    for (let unit = 0; unit < units; unit++) {
      // A spot of values around some pixel.
      const [x, y] = [random.integer(width), random.integer(height)];
      for (let pixel = 0; pixel < width * height; pixel++) {
        const distance = Math.hypot((pixel % width) - x, Math.floor(pixel / width) - y);
        if (distance < 4 && random.uniform() < 0.8) codes[pixel * units + unit] = 1 + random.integer(3);
      }
    }
    const description = symmetric(width * height, units, 3);
    const coded = roundTrip(codes, description);
    expect(coded[0]! & 2).toBe(2);
    expect(coded[2]! | (coded[3]! << 8)).toBe(width);
  });

  it('writes the same bytes on every machine', () => {
    const hash = createHash('sha256');
    for (const bits of [1, 2, 3, 4, 8]) {
      for (const density of [0.01, 0.1, 1]) {
        const description = symmetric(100, 49, bits);
        const codes = prunedCodes(description, density, bits);
        if (bits === 1) for (let i = 0; i < codes.length; i++) codes[i] = codes[i]! < 0 ? -1 : 1;
        hash.update(roundTrip(codes, description));
      }
    }
    expect(hash.digest('hex')).toBe('c7b296686d6f7f476bb425fd77263cbe8b696376d7837ba966586e7c8ca00531');
  });

  it('reads anything without more work than the codes are, or refuses it', () => {
    const random = new Random(1);
    const description = symmetric(30, 20, 3);
    const good = encodeMatrix(prunedCodes(description, 0.1, 1), description);
    const codes = new Int8Array(600);
    let refused = 0;
    for (let round = 0; round < 500; round++) {
      const bytes = good.slice(0, random.integer(good.length + 1));
      for (let flips = random.integer(4); flips >= 0 && bytes.length > 0; flips--) {
        bytes[random.integer(bytes.length)] = random.integer(256);
      }
      try {
        decodeMatrix(bytes, description, codes);
      } catch (error) {
        expect(error).toBeInstanceOf(FileFormatError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(0);
  });
});
