import { createHash } from 'node:crypto';
import { FileFormatError, Random } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeMatrix, encodeMatrix } from '../../src/entropy-coding/matrix-codec.ts';
import type { MatrixDescription } from '../../src/entropy-coding/matrix-scan.ts';
import { anyMatrix, type Codes, entropyBytes, prunedCodes, symmetric } from './code-matrices.ts';

function roundTrip(codes: Codes, description: MatrixDescription): Uint8Array {
  const coded = encodeMatrix(codes, description);
  const decoded = codes instanceof Int8Array ? new Int8Array(codes.length) : new Uint8Array(codes.length);
  decoded.fill(77);
  decodeMatrix(coded, description, decoded);
  expect(decoded).toEqual(codes);
  return coded;
}

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
    expect(roundTrip(codes, description).length).toBeLessThan(0.93 * entropyBytes(codes));
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
    expect(hash.digest('hex')).toBe('80c6b2a0bac09f8948cec470093da2dfcad321e8144eff8b0afb2454f6a286db');
  });

  it('reads what was written before lines were counted', () => {
    const written =
      'AUtypS6j5Z7cnxO3rSIYpMfXI0EtCM7axzpF1yTpRITx1XER2B4sDL1546h9KeNgH98QRXpSnte18CnIiT8fElG6jwbqP+zEkFS8j03mn4arU1bJRtMPuoQZ' +
      'kHTKqHQK9Xw5wyywS2evM5YVq3TBUGlf/uVvaNSeE045wFzuCzy/XYvzH0MJcXFrA2gFEh7S';
    const description = symmetric(49, 30, 4);
    const codes = new Int8Array(49 * 30);
    decodeMatrix(Buffer.from(written, 'base64'), description, codes);
    expect(codes).toEqual(prunedCodes(description, 0.08, 4));
  });

  it('needs fewer bytes where lines are in the order of their counts', () => {
    const description = symmetric(200, 100, 3);
    const codes = prunedCodes(description, 0.05, 7);
    const rows = Array.from({ length: 200 }, (_, row) => codes.subarray(100 * row, 100 * row + 100));
    const count = (row: Int8Array) => row.reduce((sum, code) => sum + (code === 0 ? 0 : 1), 0);
    const sorted = Int8Array.from(rows.sort((a, b) => count(b) - count(a)).flatMap((row) => [...row]));
    // Of each of 200 lines with about 5 codes the count is free: log2(sqrt(2 pi e 5)) = 3.2 bits, less what differences take.
    const saved = roundTrip(codes, description).length - roundTrip(sorted, description).length;
    expect(saved).toBeGreaterThan(20);
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
