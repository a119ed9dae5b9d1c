import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { divide, splitProduct } from '../src/engine/split-work.ts';

describe('dividing indices among threads', () => {
  it('covers every index once, in order, with equal shares up to one multiple', () => {
    const cases = fc.record({
      total: fc.integer({ min: 1, max: 500 }),
      parts: fc.integer({ min: 1, max: 9 }),
      multiple: fc.integer({ min: 1, max: 64 }),
    });
    fc.assert(
      fc.property(cases, ({ total, parts, multiple }) => {
        const sections = divide(total, parts, multiple);
        expect(sections.length).toBe(Math.min(parts, Math.ceil(total / multiple)));
        let next = 0;
        for (const { from, count } of sections) {
          expect(from).toBe(next);
          expect(from % multiple).toBe(0);
          expect(count).toBeGreaterThan(0);
          next += count;
        }
        expect(next).toBe(total);
        const units = sections.map(({ count }) => Math.ceil(count / multiple));
        expect(Math.max(...units) - Math.min(...units)).toBeLessThanOrEqual(1);
      }),
      { seed: 1 },
    );
  });
});

describe('splitting a product', () => {
  const cut = { batch: 1, rows: 100, columns: 96, tileRows: 6, panelColumns: 16, wholeRows: false };

  it('computes every element on exactly one thread', () => {
    const cases = fc.record({
      batch: fc.integer({ min: 1, max: 5 }),
      rows: fc.integer({ min: 1, max: 40 }),
      columns: fc.integer({ min: 1, max: 70 }),
      tileRows: fc.integer({ min: 1, max: 8 }),
      panelColumns: fc.constantFrom(4, 16, 32),
      wholeRows: fc.boolean(),
    });
    fc.assert(
      fc.property(cases, fc.integer({ min: 1, max: 4 }), (product, threads) => {
        const seen = new Uint8Array(product.batch * product.rows * product.columns);
        const parts = splitProduct(product, threads);
        expect(parts.length).toBeLessThanOrEqual(threads);
        for (const { batch, rows, columns } of parts) {
          if (product.wholeRows) expect(columns.count).toBe(product.columns);
          expect(columns.from % product.panelColumns).toBe(0);
          for (let b = batch.from; b < batch.from + batch.count; b++) {
            for (let i = rows.from; i < rows.from + rows.count; i++) {
              const at = (b * product.rows + i) * product.columns + columns.from;
              for (let j = 0; j < columns.count; j++) seen[at + j]!++;
            }
          }
        }
        expect(seen.every((count) => count === 1)).toBe(true);
      }),
      { seed: 2 },
    );
  });

  it('gives whole products to threads where there are enough, else the more even of rows and columns', () => {
    expect(splitProduct({ ...cut, batch: 4 }, 2).map(({ batch }) => batch.count)).toEqual([2, 2]);
    expect(splitProduct(cut, 2).map(({ rows, columns }) => [rows.count, columns.count])).toEqual([
      [100, 48],
      [100, 48],
    ]);
    expect(splitProduct({ ...cut, columns: 16 }, 2).map(({ rows }) => rows.count)).toEqual([48, 52]);
    expect(splitProduct({ ...cut, rows: 1 }, 3).map(({ columns }) => columns.count)).toEqual([32, 32, 32]);
    expect(splitProduct({ ...cut, rows: 1, wholeRows: true }, 3)).toHaveLength(1);
  });
});
