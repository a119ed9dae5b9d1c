import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTable } from '../src/index.ts';

describe('formatTable', () => {
  it('aligns text left and numbers right, with four significant digits', () => {
    const rows = [
      { model: 'float32', 'latency (ms)': 1.234567, runs: 12345 },
      { model: 'int8', 'latency (ms)': 0.5, runs: 7 },
    ];
    expect(formatTable(rows)).toBe(
      [
        '| model   | latency (ms) |  runs |',
        '| ------- | -----------: | ----: |',
        '| float32 |        1.235 | 12345 |',
        '| int8    |          0.5 |     7 |',
      ].join('\n'),
    );
  });

  it('is empty without rows', () => {
    expect(formatTable([])).toBe('');
  });

  it('keeps its shape whatever the cells hold', () => {
    const cell = fc.oneof(fc.string(), fc.constantFrom('a|b', 'a\nb', '\\|'), fc.double());
    fc.assert(
      fc.property(fc.array(fc.record({ a: cell, b: cell }), { minLength: 1 }), (rows) => {
        const lines = formatTable(rows).split('\n');
        expect(lines).toHaveLength(rows.length + 2);
        for (const line of lines) {
          const bars = line.replaceAll(/\\[\\|]/g, '').split('|').length - 1;
          expect(bars).toBe(3);
        }
      }),
      { seed: 1 },
    );
  });

  it('refuses rows with other keys', () => {
    expect(() => formatTable([{ a: 1 }, { b: 2 } as unknown as { a: number }])).toThrow('Row 1 does not fit');
  });
});
