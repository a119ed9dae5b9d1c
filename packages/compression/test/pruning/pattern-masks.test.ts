import { InvalidArgumentError, NonFiniteValueError, ShapeMismatchError, UnsupportedError } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kernelValues, magnitudeScores, maskByPattern, maskSparsity } from '../../src/index.ts';
import { listKernels } from '../../src/tfjs.ts';
import { kernelTopology } from './topologies.ts';

/** Row-major index of `[place, input, output]`. */
const at = (place: number, input: number, output: number, inputs: number, outputs: number) =>
  (place * inputs + input) * outputs + output;

describe('maskByPattern', () => {
  it('keeps the best of every run of inputs of each output, in any kernel and for any pattern', () => {
    const axis = fc.integer({ min: 1, max: 9 });
    const pattern = fc
      .integer({ min: 2, max: 6 })
      .chain((of) => fc.tuple(fc.integer({ min: 1, max: of - 1 }), fc.constant(of)));
    fc.assert(
      fc.property(
        axis,
        axis,
        fc.boolean(),
        pattern,
        fc.integer({ min: 1, max: 99 }),
        (inputs, outputs, dense, [keep, of], seed) => {
          const topology = kernelTopology(
            { layer: dense ? [inputs, outputs] : [2, 3, inputs, outputs] },
            seed,
          );
          // Rounded to halves, so that there are many ties.
          const scores = new Map(
            Array.from(magnitudeScores(kernelValues(topology)), ([name, values]) => [
              name,
              values.map((v) => Math.round(2 * v) / 2),
            ]),
          );
          const mask = maskByPattern(listKernels(topology), scores, { keep, of }).get('layer/kernel')!;
          const score = scores.get('layer/kernel')!;
          for (let place = 0; place < (dense ? 1 : 6); place++) {
            for (let output = 0; output < outputs; output++) {
              for (let first = 0; first < inputs; first += of) {
                const run = Array.from({ length: Math.min(of, inputs - first) }, (_, i) =>
                  at(place, first + i, output, inputs, outputs),
                );
                const kept = [...run].sort((a, b) => score[b]! - score[a]! || b - a).slice(0, keep);
                expect(run.filter((i) => mask[i] === 1)).toEqual(kept.sort((a, b) => a - b));
              }
            }
          }
        },
      ),
      { seed: 1, numRuns: 100 },
    );
  });

  it('reaches exactly the sparsity of the pattern', () => {
    const topology = kernelTopology({ conv: [3, 3, 8, 5], dense: [16, 7] });
    const scores = magnitudeScores(kernelValues(topology));
    const masks = (keep: number, of: number) => maskByPattern(listKernels(topology), scores, { keep, of });
    expect(maskSparsity(masks(2, 4))).toBe(0.5);
    expect(maskSparsity(masks(1, 4))).toBe(0.75);
    expect(maskSparsity(masks(7, 8))).toBe(1 / 8);
  });

  it('never brings a removed weight back', () => {
    const topology = kernelTopology({ dense: [4, 1] });
    const scores = new Map([['dense/kernel', Float32Array.of(9, 8, -7, 6)]]);
    const mask = (removed: number[]) => {
      const previous = new Map([
        ['dense/kernel', Uint8Array.from([0, 1, 2, 3], (i) => (removed.includes(i) ? 0 : 1))],
      ]);
      return [
        ...maskByPattern(listKernels(topology), scores, { keep: 2, of: 4, previous }).get('dense/kernel')!,
      ];
    };
    expect(mask([0])).toEqual([0, 1, 0, 1]);
    expect(mask([0, 1])).toEqual([0, 0, 1, 1]);
    expect(mask([0, 1, 3])).toEqual([0, 0, 1, 0]);
  });

  it('refuses depthwise kernels, impossible patterns and scores that do not fit', () => {
    const topology = kernelTopology({ dense: [4, 1] });
    const kernels = listKernels(topology);
    const scores = magnitudeScores(kernelValues(topology));
    for (const [keep, of] of [
      [0, 4],
      [4, 4],
      [5, 4],
      [1.5, 4],
      [1, Number.NaN],
      [1, Number.POSITIVE_INFINITY],
    ]) {
      expect(() => maskByPattern(kernels, scores, { keep: keep!, of: of! })).toThrow(InvalidArgumentError);
    }
    expect(() => maskByPattern(kernels, new Map(), { keep: 2, of: 4 })).toThrow(InvalidArgumentError);
    const short = new Map([['dense/kernel', new Float32Array(3)]]);
    expect(() => maskByPattern(kernels, short, { keep: 2, of: 4 })).toThrow(ShapeMismatchError);
    const broken = new Map([['dense/kernel', new Float32Array(4).fill(Number.NaN)]]);
    expect(() => maskByPattern(kernels, broken, { keep: 2, of: 4 })).toThrow(NonFiniteValueError);
    const depthwise = kernelTopology({ depth: [3, 3, 4, 1] }, 1, { depth: 'DepthwiseConv2D' });
    const depthwiseScores = magnitudeScores(kernelValues(depthwise));
    expect(() => maskByPattern(listKernels(depthwise), depthwiseScores, { keep: 2, of: 4 })).toThrow(
      UnsupportedError,
    );
  });
});
