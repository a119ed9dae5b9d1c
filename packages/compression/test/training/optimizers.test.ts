import { InvalidArgumentError, Random } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import { makeOptimizer, type OptimizerSettings } from '../../src/training/make-optimizer.ts';

const all: OptimizerSettings[] = [
  { kind: 'adam' },
  { kind: 'sgd' },
  { kind: 'sgd', momentum: 0.9 },
  { kind: 'sgd', momentum: 0.9, nesterov: true },
];

function gradients(steps: number, size: number): Float32Array[] {
  const random = new Random(4);
  return Array.from({ length: steps }, () => Float32Array.from({ length: size }, () => random.normal()));
}

describe('stochastic gradient descent', () => {
  it('follows its definition, with momentum, look-ahead and decoupled decay', () => {
    for (const momentum of [0, 0.9]) {
      for (const nesterov of [false, true]) {
        const values = Float32Array.from({ length: 10 }, (_, i) => i / 10 - 0.5);
        const expected = Array.from(values);
        const velocity = expected.map(() => 0);
        const settings = { kind: 'sgd', momentum, nesterov } as const;
        const optimizer = makeOptimizer(settings, [{ values, weightDecay: 0.1 }]);
        for (const gradient of gradients(30, 10)) {
          optimizer.update([gradient], 0.01, [null]);
          gradient.forEach((g, i) => {
            velocity[i] = momentum * velocity[i]! + g;
            expected[i]! *= 1 - 0.01 * 0.1;
            expected[i]! -= 0.01 * (nesterov ? g + momentum * velocity[i]! : velocity[i]!);
          });
        }
        // Thirty roundings of values near 1 and of velocities near 10 times 0.01.
        values.forEach((value, i) => {
          expect(Math.abs(value - expected[i]!)).toBeLessThan(3e-6);
        });
      }
    }
  });
});

describe.each(all)('the optimiser %j', (settings) => {
  it('changes nothing where the mask is 0 or the gradient is missing', () => {
    const [a, b] = [new Float32Array(6).fill(1), new Float32Array(3).fill(2)];
    const optimizer = makeOptimizer(settings, [
      { values: a, weightDecay: 0.1 },
      { values: b, weightDecay: 0.1 },
    ]);
    const mask = Uint8Array.of(1, 0, 1, 0, 1, 0);
    for (const gradient of gradients(5, 6)) optimizer.update([gradient, null], 0.1, [mask, null]);
    expect([...b]).toEqual([2, 2, 2]);
    a.forEach((value, i) => {
      if (mask[i] === 0) expect(value).toBe(1);
      else expect(value).not.toBe(1);
    });
    for (const moments of optimizer.saveState().moments[0]!) {
      moments.forEach((moment, i) => {
        if (mask[i] === 0) expect(moment).toBe(0);
      });
    }
  });

  it('forgets where a mask is 0', () => {
    const optimizer = makeOptimizer(settings, [{ values: new Float32Array(4), weightDecay: 0 }]);
    optimizer.update([Float32Array.of(1, 2, 3, 4)], 0.1, [null]);
    optimizer.forget(0, Uint8Array.of(1, 0, 1, 0));
    for (const moments of optimizer.saveState().moments[0]!) {
      expect(Array.from(moments, (moment) => moment === 0)).toEqual([false, true, false, true]);
    }
  });

  it('goes on from its state with the same bits, which is a copy', () => {
    const steps = gradients(8, 5);
    const start = () => new Float32Array(5).fill(0.5);
    const [whole, halves] = [start(), start()];
    const optimizer = makeOptimizer(settings, [{ values: whole, weightDecay: 0.1 }]);
    const first = makeOptimizer(settings, [{ values: halves, weightDecay: 0.1 }]);
    const second = makeOptimizer(settings, [{ values: halves, weightDecay: 0.1 }]);
    for (const gradient of steps) optimizer.update([gradient], 0.1, [null]);
    for (const gradient of steps.slice(0, 3)) first.update([gradient], 0.1, [null]);
    const state = first.saveState();
    second.restoreState(structuredClone(state));
    for (const gradient of steps.slice(3)) second.update([gradient], 0.1, [null]);
    expect(halves).toEqual(whole);
    expect(first.saveState()).toEqual(state);
    const unfit = { step: 1, moments: [[new Float32Array(1)]] };
    expect(() => second.restoreState(unfit)).toThrow(InvalidArgumentError);
  });
});
