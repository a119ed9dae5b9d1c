import { InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type KernelDescription,
  type PoolingDescription,
  type PoolingOperation,
  type PoolingRequest,
  planPooling,
} from '../src/index.ts';
import { poolingTileColumns } from '../src/kernels/pooling/plan-pooling.ts';
import { runKernel } from './run-kernel.ts';
import { TAIL_SIZES } from './tail-sizes.ts';
import { findTrialError } from './trial-errors.ts';
import { openVectorHosts, type VectorHost } from './vector-hosts.ts';
import { squareWindow, windowCases } from './window-cases.ts';

const OPERATIONS: readonly PoolingOperation[] = ['max', 'average', 'average-with-padding'];

let hosts: VectorHost[];

beforeAll(() => {
  hosts = openVectorHosts();
});

afterAll(() => {
  for (const { host } of hosts) host.dispose();
});

function findErrors(describe: (host: VectorHost) => KernelDescription, seed = 1): string[] {
  return hosts.flatMap((host) => findTrialError(host, describe(host), seed) ?? []);
}

/** Runs a pooling of one image on a host. */
function pool(host: VectorHost, request: PoolingRequest, input: Float32Array, outputs: number): number[] {
  const description = planPooling(request, host.host.traits);
  return [...runKernel(host.host, description, [input, new Float32Array(outputs)])[1]!];
}

describe('pooling', () => {
  it('has the bits of plain loops for random windows and tiles on every host', () => {
    const cases = fc.record({
      shape: windowCases(40),
      operation: fc.constantFrom(...OPERATIONS),
      tileColumns: fc.integer({ min: 0, max: 6 }),
    });
    fc.assert(
      fc.property(cases, fc.integer(), ({ shape, operation, tileColumns }, seed) => {
        const describe = ({ host }: VectorHost): PoolingDescription => {
          const plan = planPooling({ kind: 'pooling', operation, ...shape }, host.traits);
          return tileColumns > 0 ? { ...plan, tileColumns } : plan;
        };
        expect(findErrors(describe, seed)).toEqual([]);
      }),
      { numRuns: 30, seed: 20_264 },
    );
  });

  it('has no tail of channels that fails', () => {
    const errors = TAIL_SIZES.flatMap((channels) => {
      const operation = OPERATIONS[channels % 3]!;
      const input = { height: 3, width: 3, channels };
      const outputRows = { from: 0, count: 2 };
      const request = {
        kind: 'pooling',
        operation,
        batch: 1,
        input,
        window: squareWindow(2),
        outputRows,
      } as const;
      return findErrors(({ host }) => planPooling(request, host.traits));
    });
    expect(errors).toEqual([]);
  });

  it('is global with a window as large as the image', () => {
    const window = squareWindow(7);
    const input = { height: 7, width: 7, channels: 21 };
    const outputRows = { from: 0, count: 1 };
    for (const operation of OPERATIONS) {
      const request = { kind: 'pooling', operation, batch: 2, input, window, outputRows } as const;
      expect(findErrors(({ host }) => planPooling(request, host.traits))).toEqual([]);
    }
  });

  it('passes over NaN and keeps infinities when it looks for the largest', () => {
    const { NaN: nan, POSITIVE_INFINITY: up, NEGATIVE_INFINITY: down } = Number;
    const input = { height: 1, width: 6, channels: 1 };
    const window = { ...squareWindow(1), width: 2, strideWidth: 2 };
    const outputRows = { from: 0, count: 1 };
    const request = { kind: 'pooling', operation: 'max', batch: 1, input, window, outputRows } as const;
    for (const host of hosts) {
      expect(pool(host, request, Float32Array.of(nan, 2, nan, nan, up, 1), 3), host.name).toEqual([
        2,
        down,
        up,
      ]);
      expect(pool(host, request, Float32Array.of(2, nan, down, down, -0, 0), 3), host.name).toEqual([
        2,
        down,
        -0,
      ]);
    }
  });

  it('lets NaN and infinities through an average, and divides by what it is told', () => {
    const { NaN: nan, POSITIVE_INFINITY: up } = Number;
    const input = { height: 1, width: 4, channels: 1 };
    const window = squareWindow(2, 1, { strideHeight: 3, strideWidth: 2 });
    const outputRows = { from: 0, count: 1 };
    const shared = { kind: 'pooling', batch: 1, input, window, outputRows } as const;
    const x = Float32Array.of(3, 1, 5, nan);
    const y = Float32Array.of(6, up, 1, 2);
    for (const host of hosts) {
      expect(pool(host, { ...shared, operation: 'average' }, x, 3), host.name).toEqual([3, 3, nan]);
      expect(pool(host, { ...shared, operation: 'average' }, y, 3), host.name).toEqual([6, up, 2]);
      expect(pool(host, { ...shared, operation: 'average-with-padding' }, y, 3), host.name).toEqual([
        1.5,
        up,
        0.5,
      ]);
    }
  });

  it('of a window without a cell is -Infinity, NaN or 0', () => {
    const input = { height: 1, width: 1, channels: 1 };
    const window = squareWindow(2, 1, { dilationHeight: 2, dilationWidth: 2 });
    const shared = { kind: 'pooling', batch: 1, input, window, outputRows: { from: 0, count: 1 } } as const;
    const results = [Number.NEGATIVE_INFINITY, Number.NaN, 0];
    for (const host of hosts) {
      for (const [i, operation] of OPERATIONS.entries()) {
        expect(pool(host, { ...shared, operation }, Float32Array.of(1), 1), host.name).toEqual([results[i]]);
      }
    }
  });

  it('is refused when it is impossible', () => {
    const { host } = hosts[0]!;
    const input = { height: 4, width: 4, channels: 2 };
    const outputRows = { from: 0, count: 3 };
    const request = {
      kind: 'pooling',
      operation: 'max',
      batch: 1,
      input,
      window: squareWindow(2),
      outputRows,
    } as const;
    const good = planPooling(request, host.traits);
    expect(poolingTileColumns(request, host.traits)).toContain(good.tileColumns);
    const bad: KernelDescription[] = [
      { ...good, operation: 'median' as 'max' },
      { ...good, batch: 0 },
      { ...good, tileColumns: 0 },
      { ...good, outputRows: { from: 3, count: 1 } },
      { ...good, window: squareWindow(5) },
    ];
    for (const description of bad) {
      expect(() => host.load([description], host.createMemory(64))).toThrow(InvalidArgumentError);
    }
  });
});
