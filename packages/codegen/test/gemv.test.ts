import { InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createInterpreterHost,
  defaultGemvBlocking,
  emitKernel,
  type GemvDescription,
  InterpreterTarget,
  kernelKey,
  type TargetTraits,
} from '../src/index.ts';
import { columnMajor, rowMajor, type Sizes } from './product-cases.ts';
import { TAIL_SIZES, upTo } from './tail-sizes.ts';
import { findTrialError } from './trial-errors.ts';
import { findVectorErrors, openVectorHosts, type VectorHost } from './vector-hosts.ts';

let hosts: VectorHost[];

beforeAll(() => {
  hosts = openVectorHosts();
});

afterAll(() => {
  for (const { host } of hosts) host.dispose();
});

function dots(
  [rows, columns, depth]: Sizes,
  traits: TargetTraits,
  others: Partial<GemvDescription> = {},
): GemvDescription {
  return {
    kind: 'gemv',
    batch: 1,
    rows,
    columns,
    depth,
    a: { rowStride: depth, batchStride: 0 },
    b: { columnStride: depth, batchStride: 0 },
    c: rowMajor(rows, columns),
    alpha: 'one',
    beta: 'zero',
    epilogue: { bias: false, activation: 'none' },
    blocking: defaultGemvBlocking({ rows, columns }, traits),
    ...others,
  };
}

function findErrors(seed: number, describe: (traits: TargetTraits) => GemvDescription[]): string[] {
  return hosts.flatMap((host) =>
    describe(host.host.traits).flatMap((description) => findTrialError(host, description, seed) ?? []),
  );
}

describe('products of a matrix with few vectors equal the reference on every target', () => {
  it('for every tail of the depth, and longer ones', () => {
    const depths = [...TAIL_SIZES, 127, 500];
    expect(findErrors(1, (traits) => depths.map((depth) => dots([3, 1, depth], traits)))).toEqual([]);
  });

  it('for every tail of rows', () => {
    expect(findErrors(2, (traits) => TAIL_SIZES.map((rows) => dots([rows, 1, 9], traits)))).toEqual([]);
  });

  it('for 1 to 12 vectors', () => {
    const describe = (traits: TargetTraits) => upTo(12).map((columns) => dots([7, columns, 19], traits));
    expect(findErrors(3, describe)).toEqual([]);
  });

  it('for random layouts, batches, factors, epilogues and blockings, with nothing written outside', () => {
    const cases = fc.record({
      sizes: fc.tuple(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 80 }),
      ),
      batch: fc.constantFrom(1, 1, 2, 3),
      gap: fc.constantFrom(0, 3),
      sharedA: fc.boolean(),
      turned: fc.boolean(),
      alpha: fc.constantFrom('one', 'argument'),
      beta: fc.constantFrom('zero', 'one', 'argument'),
      bias: fc.boolean(),
      activation: fc.constantFrom('none', 'relu', 'relu6', 'sigmoid', 'tanh', 'gelu', 'silu'),
      lowerRows: fc.nat(7),
      lowerColumns: fc.nat(3),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(cases, ({ sizes, batch, gap, sharedA, turned, alpha, beta, bias, activation, ...rest }) => {
        const [rows, columns, depth] = sizes;
        const describe = (traits: TargetTraits) => {
          const { tileRows, tileColumns } = defaultGemvBlocking({ rows, columns }, traits);
          return dots(sizes, traits, {
            batch,
            a: { rowStride: depth + gap, batchStride: sharedA ? 0 : rows * (depth + gap) },
            b: { columnStride: depth + gap, batchStride: columns * (depth + gap) },
            c: turned ? columnMajor(rows, columns, gap) : rowMajor(rows, columns, gap),
            alpha,
            beta,
            epilogue: { bias, activation },
            blocking: {
              tileRows: Math.max(1, tileRows - rest.lowerRows),
              tileColumns: Math.max(1, tileColumns - rest.lowerColumns),
            },
          });
        };
        expect(findErrors(rest.seed, (traits) => [describe(traits)])).toEqual([]);
      }),
      { seed: 20261122, numRuns: 25 },
    );
  });
});

describe('the bits of dot products', () => {
  it('are equal on all strict hosts', () => {
    const strict = hosts.filter(({ host }) => host.strict);
    const blocking = { tileRows: 1, tileColumns: 1 };
    const descriptions = [1, 15, 16, 17, 100, 333].map((depth) => {
      return dots([5, 2, depth], strict[0]!.host.traits, { blocking });
    });
    expect(findVectorErrors(strict, descriptions, 9)).toEqual([]);
  });
});

describe('a description of a product with few vectors', () => {
  const { traits } = createInterpreterHost({ lanes: 4 });
  const valid = dots([4, 2, 5], traits);

  it.each([
    ['no rows', { rows: 0 }],
    ['a fraction of a column', { columns: 1.5 }],
    ['no depth', { depth: 0 }],
    ['a negative stride', { a: { rowStride: -5, batchStride: 0 } }],
    ['results at one place', { c: { rowStride: 1, columnStride: 1, batchStride: 0 } }],
    ['an unknown activation', { epilogue: { bias: false, activation: 'step' as never } }],
    ['a tile without rows', { blocking: { tileRows: 0, tileColumns: 1 } }],
  ])('with %s is refused', (_, change) => {
    const description = { ...valid, ...change };
    expect(() => emitKernel(new InterpreterTarget(traits), description)).toThrow(InvalidArgumentError);
  });

  it('has another key for every field that changes the code', () => {
    const variants: GemvDescription[] = [
      valid,
      { ...valid, rows: 3 },
      { ...valid, depth: 6 },
      { ...valid, a: { rowStride: 7, batchStride: 0 } },
      { ...valid, b: { columnStride: 7, batchStride: 0 } },
      { ...valid, c: columnMajor(4, 2) },
      { ...valid, alpha: 'argument' },
      { ...valid, beta: 'one' },
      { ...valid, epilogue: { bias: true, activation: 'none' } },
      { ...valid, epilogue: { bias: false, activation: 'tanh' } },
      { ...valid, blocking: { tileRows: 1, tileColumns: 1 } },
    ];
    expect(new Set(variants.map(kernelKey)).size).toBe(variants.length);
  });
});
