import { InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CopyAxis, kernelKey, mergeCopyAxes, type StridedCopyDescription } from '../src/index.ts';
import { TAIL_SIZES } from './tail-sizes.ts';
import { findVectorErrors, openVectorHosts, type VectorHost } from './vector-hosts.ts';

let hosts: VectorHost[];

beforeAll(() => {
  hosts = openVectorHosts();
});

afterAll(() => {
  for (const { host } of hosts) host.dispose();
});

function copy(
  elementBytes: 1 | 4,
  ...axes: readonly (readonly [number, number, number])[]
): StridedCopyDescription {
  return {
    kind: 'strided-copy',
    elementBytes,
    axes: axes.map(([size, inputStride, outputStride]) => ({ size, inputStride, outputStride })),
  };
}

const SIZES = [1, 4] as const;

/** Axes of random sizes whose output strides leave gaps, in any order, with any strides of the input. */
const AXES = fc
  .tuple(
    fc.array(
      fc.record({
        size: fc.oneof(
          { weight: 3, arbitrary: fc.integer({ min: 1, max: 9 }) },
          fc.integer({ min: 10, max: 40 }),
        ),
        gap: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3 })),
        input: fc.oneof(fc.constantFrom(0, 1, -1), fc.integer({ min: -50, max: 50 })),
      }),
      { maxLength: 4 },
    ),
    fc.nat(),
  )
  .map(([parts, rotation]): CopyAxis[] => {
    let span = 1;
    const axes = parts.map(({ size, gap, input }) => {
      const outputStride = span + gap;
      span = (size - 1) * outputStride + span;
      return { size, inputStride: input, outputStride };
    });
    const turn = axes.length === 0 ? 0 : rotation % axes.length;
    return [...axes.slice(turn), ...axes.slice(0, turn)];
  });

describe('a strided copy', () => {
  it('moves every element to its place and no other, whatever the strides, on every target', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...SIZES), AXES), { minLength: 6, maxLength: 6 }),
        fc.nat(1e6),
        (cases, seed) => {
          const descriptions = cases.map(([elementBytes, axes]): StridedCopyDescription => {
            return { kind: 'strided-copy', elementBytes, axes };
          });
          expect(findVectorErrors(hosts, descriptions, seed)).toEqual([]);
        },
      ),
      { seed: 20_261_122, numRuns: 12 },
    );
  });

  it.each(SIZES)('of %i bytes has no tail that fails: runs, repeated elements, gaps', (bytes) => {
    const descriptions = TAIL_SIZES.flatMap((size) => [
      copy(bytes, [2, size + 1, size + 3], [size, 1, 1]),
      copy(bytes, [2, 1, size + 1], [size, 0, 1]),
      copy(bytes, [2, size * 2, size * 3], [size, -2, 3]),
    ]);
    expect(findVectorErrors(hosts, descriptions, 3)).toEqual([]);
  });

  it.each(SIZES)('of %i bytes transposes matrices of any size', (bytes) => {
    const descriptions = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33].flatMap((rows) =>
      [1, 3, 8, 16, 21, 35].flatMap((columns) => [
        copy(bytes, [columns, 1, rows], [rows, columns, 1]),
        copy(bytes, [2, rows * columns, rows * columns + 1], [columns, 1, rows], [rows, -columns, 1]),
      ]),
    );
    expect(findVectorErrors(hosts, descriptions, 4)).toEqual([]);
  });

  it('merges axes that lie one after the other', () => {
    const axes = copy(4, [2, 60, 60], [3, 20, 20], [1, 9, 2], [20, 1, 1]).axes;
    expect(mergeCopyAxes(axes)).toEqual([{ size: 120, inputStride: 1, outputStride: 1 }]);
    expect(mergeCopyAxes(copy(4, [4, 0, 5], [5, 0, 1]).axes)).toEqual([
      { size: 20, inputStride: 0, outputStride: 1 },
    ]);
  });

  it('is refused where it writes a place twice, reaches too far or has too many axes', () => {
    const bad = [
      copy(4, [2, 1, 1], [2, 2, 1]),
      copy(4, [3, 1, 2], [4, 2, 1]),
      copy(4, [2, 2 ** 28, 4]),
      copy(1, [2, 1, 2 ** 30]),
      copy(4, [2, 1, 0]),
      { ...copy(4), elementBytes: 2 as 4 },
      copy(4, ...Array.from({ length: 7 }, () => [1, 1, 1] as const)),
    ];
    for (const description of bad) expect(() => kernelKey(description)).toThrow(InvalidArgumentError);
  });
});
