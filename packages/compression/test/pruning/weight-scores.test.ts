import { InvalidArgumentError, Random, ShapeMismatchError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { activationScores, GradientScores, kernelValues, magnitudeScores } from '../../src/index.ts';
import { kernelTopology } from './topologies.ts';

describe('scores of weights', () => {
  it('take the kernels of a model and leave biases out', () => {
    const topology = kernelTopology({ dense: [3, 2], conv: [1, 1, 2, 2] });
    const values = kernelValues(topology);
    expect([...values.keys()]).toEqual(['dense/kernel', 'conv/kernel']);
    expect(values.get('conv/kernel')).toBe(topology.layers[1]!.weights[0]!.data);
  });

  it('are magnitudes, or magnitudes times the activation of the row', () => {
    const weights = new Map([['dense/kernel', Float32Array.of(1, -1, /**/ 5, -5, /**/ 2, -3)]]);
    expect([...magnitudeScores(weights).get('dense/kernel')!]).toEqual([1, 1, 5, 5, 2, 3]);
    const rms = new Map([['dense/kernel', Float32Array.of(10, 0, 1)]]);
    expect([...activationScores(weights, rms).get('dense/kernel')!]).toEqual([10, 10, 0, 0, 2, 3]);
    expect(activationScores(weights, new Map()).size).toBe(0);
    const wrong = new Map([['dense/kernel', new Float32Array(4)]]);
    expect(() => activationScores(weights, wrong)).toThrow(ShapeMismatchError);
  });
});

describe('GradientScores', () => {
  /** Numbers with exact sums: small multiples of 1/8. */
  const eighths = (length: number) =>
    fc.array(
      fc.integer({ min: -16, max: 16 }).map((value) => value / 8),
      { minLength: length, maxLength: length },
    );

  it('sums weight times gradient over the batches: movement with its sign, sensitivity without', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(eighths(4), eighths(4)), { minLength: 1, maxLength: 6 }), (batches) => {
        const scores = new GradientScores();
        for (const [weights, gradients] of batches) {
          scores.add(
            new Map([['a', Float32Array.from(weights)]]),
            new Map([['a', Float32Array.from(gradients)]]),
          );
        }
        const sums = [0, 1, 2, 3].map((at) =>
          batches.reduce((sum, [weights, gradients]) => sum + weights[at]! * gradients[at]!, 0),
        );
        // + 0 makes -0 into 0.
        expect([...scores.movement().get('a')!].map((value) => value + 0)).toEqual(
          sums.map((sum) => -sum + 0),
        );
        expect([...scores.sensitivity().get('a')!]).toEqual(sums.map(Math.abs));
        expect(scores.batches).toBe(batches.length);
      }),
      { seed: 1 },
    );
  });

  it('gives the derivative of the loss for scaling a weight, as SNIP defines it', () => {
    // L = sum over samples of (w . x - y)^2 / 2, with the gradient by hand; the derivative by scaling each weight is checked numerically.
    const random = new Random(5);
    const weights = Float32Array.from({ length: 5 }, () => random.normal());
    const samples = Array.from({ length: 8 }, () => ({
      x: Array.from({ length: 5 }, () => random.normal()),
      y: random.normal(),
    }));
    const error = ({ x, y }: (typeof samples)[number], w: ArrayLike<number>) =>
      x.reduce((sum, value, at) => sum + value * w[at]!, -y);
    const scores = new GradientScores();
    for (const sample of samples) {
      const gradient = Float32Array.from(sample.x, (value) => error(sample, weights) * value);
      scores.add(new Map([['w', weights]]), new Map([['w', gradient]]));
    }
    const loss = (w: ArrayLike<number>) =>
      samples.reduce((sum, sample) => sum + error(sample, w) ** 2 / 2, 0);
    weights.forEach((weight, at) => {
      const scaled = (factor: number) => Array.from(weights, (w, i) => (i === at ? weight * factor : w));
      const derivative = (loss(scaled(1.001)) - loss(scaled(0.999))) / 0.002;
      expect(scores.sensitivity().get('w')![at]).toBeCloseTo(Math.abs(derivative), 4);
      expect(scores.movement().get('w')![at]).toBeCloseTo(-derivative, 4);
    });
  });

  it('ranks weights that move away from 0 above those that shrink', () => {
    // Descent moves a weight against its gradient: the first grows, the second shrinks, both have magnitude 1.
    const scores = new GradientScores();
    scores.add(new Map([['w', Float32Array.of(1, 1)]]), new Map([['w', Float32Array.of(-0.5, 0.5)]]));
    const [growing, shrinking] = scores.movement().get('w')!;
    expect(growing).toBeGreaterThan(shrinking!);
  });

  it('adds nothing when something does not fit', () => {
    const scores = new GradientScores();
    const weights = new Map([['a', Float32Array.of(1, 2)]]);
    scores.add(
      weights,
      new Map([
        ['a', Float32Array.of(1, 1)],
        ['other', new Float32Array(9)],
      ]),
    );
    expect(() => scores.add(weights, new Map())).toThrow(InvalidArgumentError);
    expect(() => scores.add(weights, new Map([['a', new Float32Array(3)]]))).toThrow(ShapeMismatchError);
    expect(() => scores.add(new Map(), new Map())).toThrow(InvalidArgumentError);
    const both = new Map([...weights, ['b', Float32Array.of(1)] as const]);
    expect(() => scores.add(both, both)).toThrow(InvalidArgumentError);
    expect(scores.batches).toBe(1);
    expect([...scores.movement().get('a')!]).toEqual([-1, -2]);
  });
});
