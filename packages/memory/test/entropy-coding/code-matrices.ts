import { Random } from '@qedge/core';
import fc from 'fast-check';
import type { MatrixDescription } from '../../src/entropy-coding/matrix-scan.ts';

export type Codes = Int8Array | Uint8Array;

/** Symmetric codes of a width. */
export function symmetric(rows: number, columns: number, bits: number): MatrixDescription {
  const highest = bits === 1 ? 1 : 2 ** (bits - 1) - 1;
  return { rows, columns, lowest: -highest, highest, center: 0 };
}

/** Values whose columns and lines differ in density, as those of pruned layers do. */
export function prunedCodes(
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

/** Codes of any width, center, density and shape up to 40 x 40. */
export const anyMatrix = fc
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

/** Rounded normal numbers whose spread is that of their column, as those of dense layers are. */
export function denseCodes({ rows, columns, highest }: MatrixDescription, seed: number): Int8Array {
  const random = new Random(seed);
  const spread = Float64Array.from({ length: columns }, () => (highest * (1 + random.uniform())) / 7);
  return Int8Array.from({ length: rows * columns }, (_, i) =>
    Math.max(-highest, Math.min(highest, Math.round(random.normal() * spread[i % columns]!))),
  );
}

/** Bytes of codes at the entropy of their frequencies. */
export function entropyBytes(codes: Codes): number {
  const counts = new Map<number, number>();
  for (const code of codes) counts.set(code, (counts.get(code) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= count * Math.log2(count / codes.length);
  return bits / 8;
}
