import { InvalidArgumentError, Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { makeShiftAugmenter } from '../../src/index.ts';

/** Every pixel by its own formula. */
function shifted(image: Float32Array, height: number, width: number, down: number, right: number): number[] {
  return [...image].map((_, at) => {
    const [row, column] = [Math.floor(at / width) - down, (at % width) - right];
    return row >= 0 && row < height && column >= 0 && column < width ? image[row * width + column] : 0;
  });
}

describe('makeShiftAugmenter', () => {
  it('makes each of the nine shifts by one pixel, about equally often', () => {
    const [height, width] = [3, 4];
    const image = Float32Array.from({ length: 12 }, (_, i) => i + 1);
    const counts = new Map<string, number>();
    for (const down of [-1, 0, 1]) {
      for (const right of [-1, 0, 1]) counts.set(String(shifted(image, height, width, down, right)), 0);
    }
    const shift = makeShiftAugmenter([height, width], 1, new Random(1));
    for (let i = 0; i < 900; i++) {
      const target = new Float32Array(12).fill(-1);
      shift(image, 0, target, 0);
      counts.set(String([...target]), (counts.get(String([...target])) ?? Number.NaN) + 1);
    }
    // 900 draws over 9 shifts: 100 each, standard deviation 9.4; 60..140 is more than four of them.
    expect(counts.size).toBe(9);
    for (const count of counts.values()) expect(Math.abs(count - 100)).toBeLessThan(40);
  });

  it('reads and writes at the given places and nowhere else', () => {
    const source = Float32Array.of(9, 9, 9, 9, 1, 2, 3, 4, 9);
    const target = new Float32Array(10).fill(-1);
    makeShiftAugmenter([2, 2], 0, new Random(0))(source, 4, target, 3);
    expect([...target]).toEqual([-1, -1, -1, 1, 2, 3, 4, -1, -1, -1]);
  });

  it('repeats itself for equal seeds', () => {
    const draw = (seed: number) => {
      const shift = makeShiftAugmenter([4, 4], 2, new Random(seed));
      const target = new Float32Array(160);
      const image = Float32Array.from({ length: 16 }, (_, i) => i);
      for (let i = 0; i < 10; i++) shift(image, 0, target, 16 * i);
      return target;
    };
    expect(draw(5)).toEqual(draw(5));
    expect(draw(5)).not.toEqual(draw(6));
  });

  it('refuses a shift that moves the whole image out', () => {
    expect(() => makeShiftAugmenter([2, 5], 2, new Random(0))).toThrow(InvalidArgumentError);
    expect(() => makeShiftAugmenter([2, 5], -1, new Random(0))).toThrow(InvalidArgumentError);
    expect(() => makeShiftAugmenter([2, 5], 0.5, new Random(0))).toThrow(InvalidArgumentError);
  });
});
