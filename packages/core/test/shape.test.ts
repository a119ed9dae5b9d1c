import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assertShape,
  elementCount,
  formatShape,
  InvalidArgumentError,
  rowMajorStrides,
  ShapeMismatchError,
  shapesEqual,
} from '../src/index.ts';

const shapes = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 5 });

describe('shapes', () => {
  it('count their elements, a scalar having one and an empty axis none', () => {
    expect(elementCount([])).toBe(1);
    expect(elementCount([2, 3, 4])).toBe(24);
    expect(elementCount([2, 0, 4])).toBe(0);
    expect(elementCount([2 ** 53 - 1])).toBe(2 ** 53 - 1);
  });

  it.each([[[-1]], [[1.5]], [[Number.NaN]], [[2 ** 53]], [[2 ** 27, 2 ** 27]], [['3']]])(
    'refuse the sizes %j',
    (shape) => {
      expect(() => elementCount(shape as number[])).toThrow(InvalidArgumentError);
    },
  );

  it('have strides that number the elements row by row', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 4 }), (shape) => {
        const strides = rowMajorStrides(shape);
        const offsets: number[] = [];
        const walk = (axis: number, offset: number) => {
          if (axis === shape.length) offsets.push(offset);
          else for (let i = 0; i < shape[axis]!; i++) walk(axis + 1, offset + i * strides[axis]!);
        };
        walk(0, 0);
        expect(offsets).toEqual([...Array(elementCount(shape)).keys()]);
      }),
      { seed: 1 },
    );
  });

  it('are equal exactly when every size is', () => {
    fc.assert(
      fc.property(shapes, shapes, (a, b) => {
        expect(shapesEqual(a, [...a])).toBe(true);
        expect(shapesEqual(a, b)).toBe(formatShape(a) === formatShape(b));
        expect(shapesEqual(a, [...a, 1])).toBe(false);
      }),
      { seed: 1 },
    );
  });

  it('that differ are refused with both named', () => {
    expect(() => assertShape([2, 3], [2, 3], 'The bias')).not.toThrow();
    try {
      assertShape([3, 2], [2, 3], 'The kernel');
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ShapeMismatchError);
      expect(error).toMatchObject({
        message: 'The kernel has the wrong shape: expected [2, 3], got [3, 2]',
        facts: { expectedShape: [2, 3], actualShape: [3, 2] },
      });
    }
  });
});
