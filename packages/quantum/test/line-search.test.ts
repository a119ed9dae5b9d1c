import { describe, expect, it } from 'vitest';
import { searchLine } from '../src/variational/line-search.ts';
import { solveDamped } from '../src/variational/solve-damped.ts';

const from = (x: number, value: number, slope: number) => ({
  parameters: Float64Array.of(x),
  value,
  gradient: Float64Array.of(slope),
});

describe('searchLine', () => {
  it('lands on the minimum of a parabola at once', () => {
    const found = searchLine(([x]) => (x! - 3) ** 2, from(0, 9, -6), Float64Array.of(-6), 0.9);
    expect(found!.parameters[0]).toBeCloseTo(3, 12);
    expect(found!.value).toBeCloseTo(0, 20);
  });

  it('keeps the first good step where the parabola misleads', () => {
    const wall = ([x]: Float64Array) => (x! <= 1 ? -x! + 0.1 * x! * x! : 10 * x!);
    const found = searchLine(wall, from(0, 0, -1), Float64Array.of(-1), 1);
    expect(found).toMatchObject({ step: 1, value: -0.9 });
  });

  it('shortens steps that go too far', () => {
    const found = searchLine(([x]) => x! ** 4 - x!, from(0, 0, -1), Float64Array.of(-1), 100);
    expect(found!.value).toBeLessThan(-0.2);
  });

  it('gives up where nothing is lower or the direction leads up', () => {
    expect(searchLine(([x]) => Math.abs(x!), from(0, 0, -1), Float64Array.of(-1), 1)).toBeNull();
    expect(searchLine(([x]) => x!, from(0, 0, 1), Float64Array.of(-1), 1)).toBeNull();
    expect(searchLine(() => Number.NaN, from(0, 0, Number.NaN), Float64Array.of(1), 1)).toBeNull();
  });
});

describe('solveDamped', () => {
  it('solves positive definite systems, and singular ones once damped', () => {
    const [x, y] = solveDamped(Float64Array.of(4, 1, 1, 3), Float64Array.of(1, 2), 0)!;
    expect([x, y]).toEqual([expect.closeTo(1 / 11, 14), expect.closeTo(7 / 11, 14)]);
    expect(solveDamped(Float64Array.of(1, 1, 1, 1), Float64Array.of(1, 1), 0)).toBeNull();
    const damped = solveDamped(Float64Array.of(1, 1, 1, 1), Float64Array.of(1, 1), 0.5)!;
    for (const value of damped) expect(value).toBeCloseTo(1 / 2.5, 14);
    expect(solveDamped(new Float64Array(0), new Float64Array(0), 0)).toEqual(new Float64Array(0));
  });
});
