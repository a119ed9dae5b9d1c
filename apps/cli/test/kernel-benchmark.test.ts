import { Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { bestRatio } from '../src/kernel-benchmark/best-ratio.ts';
import { BENCHMARK_CASES, CASE_GROUPS } from '../src/kernel-benchmark/cases.ts';
import { describeDifference } from '../src/kernel-benchmark/compare-results.ts';
import {
  makeConvolution,
  makePerceptron,
  makeProduct,
  operationCount,
} from '../src/kernel-benchmark/work.ts';

describe('the ratio of best rounds', () => {
  it('is that of the best rounds, within its interval', () => {
    const { estimate, low, high } = bestRatio([2, 1, 3, 2, 2, 2], [4, 6, 5, 4, 4, 9], 1);
    expect(estimate).toBe(4);
    expect(low).toBeLessThanOrEqual(4);
    expect(high).toBeGreaterThanOrEqual(low);
  });

  it('has no width when every round is the same, and is the same for the same seed', () => {
    expect(bestRatio([1, 1, 1], [2, 2, 2], 1)).toEqual({ estimate: 2, low: 2, high: 2 });
    const random = new Random(3);
    const times = () => Array.from({ length: 12 }, () => 1 + random.uniform());
    const [ours, theirs] = [times(), times()];
    expect(bestRatio(ours, theirs, 5)).toEqual(bestRatio(ours, theirs, 5));
  });
});

describe('the comparison of results', () => {
  const expected = Array.from({ length: 100 }, (_, i) => Math.sin(i));

  it('lets roundings pass and nothing else', () => {
    const rounded = Float32Array.from(expected, (value) => value * (1 + 1e-6));
    expect(describeDifference(expected, rounded)).toBeNull();
    const wrong = Float32Array.from(expected);
    wrong[40] = wrong[40]! + 0.05;
    expect(describeDifference(expected, wrong)).toMatch(/value 40/);
    wrong[40] = Number.NaN;
    expect(describeDifference(expected, wrong)).toMatch(/value 40/);
    expect(describeDifference(expected, wrong.subarray(1))).toMatch(/99 values instead of 100/);
    expect(describeDifference(expected, new Float32Array(100))).not.toBeNull();
  });

  it('wants integers to be equal', () => {
    expect(describeDifference([1e6, 2], Int32Array.of(1e6, 2))).toBeNull();
    expect(describeDifference([1e6, 2], Int32Array.of(1e6 + 1, 2))).toMatch(/value 0/);
  });
});

describe('the cases', () => {
  it('have different names within a number of threads, and cover every group', () => {
    const names = BENCHMARK_CASES.map(({ name, threads }) => `${name} on ${threads}`);
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(BENCHMARK_CASES.map(({ group }) => group))).toEqual(new Set(CASE_GROUPS));
  });

  it('count two operations per multiply-add', () => {
    const random = new Random(1);
    expect(operationCount(makeProduct(2, 3, 5, random))).toBe(60);
    expect(operationCount(makePerceptron([4, 3, 2], 5, random))).toBe(2 * 5 * (12 + 6));
    const shape = {
      height: 5,
      width: 5,
      inChannels: 2,
      outChannels: 3,
      kernel: 3,
      stride: 2,
      padding: 1,
      groups: 1,
    };
    expect(operationCount(makeConvolution(shape, random))).toBe(2 * 9 * 9 * 2 * 3);
  });

  it('use random data that depends on the seed alone', () => {
    const make = (seed: number) => makeProduct(4, 4, 4, new Random(seed));
    expect(make(1)).toEqual(make(1));
    expect(make(1)).not.toEqual(make(2));
    expect(new Set(make(1).a).size).toBe(16);
  });
});
