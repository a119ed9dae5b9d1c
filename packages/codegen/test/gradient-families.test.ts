import { InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type DepthwiseFilterGradientDescription,
  kernelKey,
  NO_PADDING,
  type PoolingGradientDescription,
  type SlidingWindow,
  samePadding,
} from '../src/index.ts';
import { findVectorErrors, openVectorHosts, type VectorHost } from './vector-hosts.ts';

let hosts: VectorHost[];

beforeAll(() => {
  hosts = openVectorHosts();
});

afterAll(() => {
  for (const { host } of hosts) host.dispose();
});

const windows = fc
  .record({
    batch: fc.integer({ min: 1, max: 3 }),
    height: fc.integer({ min: 1, max: 9 }),
    width: fc.integer({ min: 1, max: 9 }),
    channels: fc.constantFrom(1, 3, 4, 7, 16, 19, 33),
    taps: fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })),
    strides: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    dilation: fc.constantFrom(1, 1, 2),
    same: fc.boolean(),
  })
  .map(({ batch, height, width, channels, taps, strides, dilation, same }) => {
    const input = { height, width, channels };
    const unpadded = {
      height: taps[0],
      width: taps[1],
      strideHeight: strides[0],
      strideWidth: strides[1],
      dilationHeight: dilation,
      dilationWidth: dilation,
    };
    const fits = (taps[0] - 1) * dilation < height && (taps[1] - 1) * dilation < width;
    const padding = same || !fits ? samePadding(input, unpadded) : NO_PADDING;
    return { batch, input, window: { ...unpadded, padding } satisfies SlidingWindow };
  });

describe('gradients of windowed operations', () => {
  it('pass back to the largest cell, or to all, whatever the window', () => {
    const descriptions = windows.chain((shape) =>
      fc.constantFrom('max', 'average').map((operation): PoolingGradientDescription => {
        return { kind: 'pooling-gradient', operation: operation as 'max' | 'average', ...shape };
      }),
    );
    fc.assert(
      fc.property(descriptions, (description) => {
        expect(findVectorErrors(hosts, [description], 5)).toEqual([]);
      }),
      { seed: 7, numRuns: 40 },
    );
  });

  it('add up the weights of a depthwise convolution, whatever the window', () => {
    fc.assert(
      fc.property(windows, (shape) => {
        const description: DepthwiseFilterGradientDescription = {
          kind: 'depthwise-filter-gradient',
          ...shape,
        };
        expect(findVectorErrors(hosts, [description], 5)).toEqual([]);
      }),
      { seed: 8, numRuns: 40 },
    );
  });

  it('refuse a window that is larger than the padded image', () => {
    const input = { height: 2, width: 2, channels: 1 };
    const window = {
      height: 3,
      width: 3,
      strideHeight: 1,
      strideWidth: 1,
      dilationHeight: 1,
      dilationWidth: 1,
      padding: NO_PADDING,
    };
    for (const kind of ['pooling-gradient', 'depthwise-filter-gradient'] as const) {
      const shape = { batch: 1, input, window };
      const description =
        kind === 'pooling-gradient' ? { kind, operation: 'max' as const, ...shape } : { kind, ...shape };
      expect(() => kernelKey(description)).toThrow(InvalidArgumentError);
    }
  });
});

describe('a step of Adam', () => {
  it('updates parameters and both moments at every length', () => {
    for (const length of [1, 3, 15, 16, 17, 33, 64, 130]) {
      const description = { kind: 'adam-update', length, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 } as const;
      expect(findVectorErrors(hosts, [description], 5)).toEqual([]);
    }
  });

  it('refuses decays of 1', () => {
    const description = { kind: 'adam-update', length: 4, beta1: 1, beta2: 0.999, epsilon: 1e-7 } as const;
    expect(() => kernelKey(description)).toThrow(InvalidArgumentError);
  });
});
