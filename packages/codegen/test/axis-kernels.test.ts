import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type {
  ArgExtremumDescription,
  AxisReductionDescription,
  GatherDescription,
  ResizeDescription,
} from '../src/index.ts';
import { runKernel } from './run-kernel.ts';
import { FEW_TAIL_SIZES } from './tail-sizes.ts';
import { findVectorErrors, openVectorHosts, type VectorHost } from './vector-hosts.ts';

let hosts: VectorHost[];

beforeAll(() => {
  hosts = openVectorHosts();
});

afterAll(() => {
  for (const { host } of hosts) host.dispose();
});

const REDUCTIONS = ['sum', 'mean', 'maximum', 'minimum'] as const;
const EXTREMA = ['maximum', 'minimum'] as const;

function axis(outer: number, length: number, inner: number, gaps: readonly [number, number]) {
  const axisStride = inner + gaps[0];
  return { outer, length, inner, axisStride, outerStride: length * axisStride + gaps[1] };
}

const LAYOUTS = [
  ...FEW_TAIL_SIZES.map((size) => axis((size % 3) + 1, size, 1, [0, size % 4])),
  ...FEW_TAIL_SIZES.map((size) => axis((size % 2) + 1, (size % 11) + 1, size, [size % 3, 1])),
  axis(2, 49, 200, [0, 0]),
  axis(1, 9, 1, [3, 0]),
];

describe('reductions along an axis', () => {
  it.each(REDUCTIONS)('to the %s give what the reference says for every tail', (operation) => {
    const descriptions = LAYOUTS.map((layout): AxisReductionDescription => {
      return { kind: 'axis-reduction', operation, ...layout };
    });
    expect(findVectorErrors(hosts, descriptions, 5)).toEqual([]);
  });

  it('pass over NaN, and give infinities where there is nothing else', () => {
    const { NaN: nan, POSITIVE_INFINITY: up, NEGATIVE_INFINITY: down } = Number;
    const layout = axis(1, 2, 3, [0, 0]);
    const input = Float32Array.of(nan, nan, -0, 1, nan, -0);
    for (const { name, host } of hosts) {
      const reduce = (operation: 'maximum' | 'minimum') => {
        const description = { kind: 'axis-reduction', operation, ...layout } as const;
        return [...runKernel(host, description, [input, new Float32Array(3)])[1]!];
      };
      expect(reduce('maximum'), name).toEqual([1, down, 0]);
      expect(reduce('minimum'), name).toEqual([1, up, 0]);
    }
  });
});

describe('searches along an axis', () => {
  it.each(EXTREMA)('find the first %s for every tail', (operation) => {
    const descriptions = LAYOUTS.map((layout): ArgExtremumDescription => {
      return { kind: 'arg-extremum', operation, ...layout };
    });
    expect(findVectorErrors(hosts, descriptions, 6)).toEqual([]);
  });

  it('take the first of equal elements, wherever they lie', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 2 }), { minLength: 1, maxLength: 70 }), (values) => {
        const input = Float32Array.from(values);
        const length = values.length;
        const layout = axis(1, length, 1, [0, 0]);
        for (const { name, host } of hosts.slice(0, 4)) {
          const description = { kind: 'arg-extremum', operation: 'maximum', ...layout } as const;
          const output = runKernel(host, description, [input, new Float32Array(1)])[1]!;
          expect(new Int32Array(output.buffer)[0], name).toBe(values.indexOf(Math.max(...values)));
        }
      }),
      { seed: 20_261_124, numRuns: 15 },
    );
  });
});

describe('resizing images', () => {
  it.each([1, 2, 4] as const)('sums %i rows and columns for any number of channels', (taps) => {
    const descriptions = FEW_TAIL_SIZES.map((channels): ResizeDescription => {
      const [outputHeight, outputWidth] = [(channels % 3) + 1, (channels % 4) + 2];
      const outputStride = outputHeight * outputWidth * channels + (channels % 2) * 5;
      const image = { inputHeight: 3, inputWidth: 4, channels, outputHeight, outputWidth };
      return { kind: 'resize', batch: (channels % 2) + 1, taps, outputStride, ...image };
    });
    expect(findVectorErrors(hosts, descriptions, 9)).toEqual([]);
  });
});

describe('gathering rows', () => {
  it('copies rows of any length by their indices', () => {
    const descriptions = FEW_TAIL_SIZES.flatMap((size): GatherDescription[] => [
      {
        kind: 'gather',
        outer: (size % 2) + 1,
        count: 5,
        rows: 7,
        rowBytes: size,
        rowStrideBytes: size + (size % 3),
      },
      {
        kind: 'gather',
        outer: 1,
        count: (size % 4) + 1,
        rows: 9,
        rowBytes: size * 4,
        rowStrideBytes: size * 4,
      },
    ]);
    expect(findVectorErrors(hosts, descriptions, 8)).toEqual([]);
  });
});
