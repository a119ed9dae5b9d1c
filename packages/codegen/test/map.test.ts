import { InvalidArgumentError, type PointwiseExpression, type PointwiseFunction } from '@qedge/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KernelHost, kernelKey, type MapDescription } from '../src/index.ts';
import { unitInLastPlace } from '../src/kernels/elements/array-trial.ts';
import { planMap } from '../src/kernels/map/map-program.ts';
import { POINTWISE_ERROR_ULPS, referenceFunction } from '../src/reference/pointwise.ts';
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

const FUNCTIONS: readonly PointwiseFunction[] = [
  ...(
    [
      'relu',
      'relu6',
      'sigmoid',
      'tanh',
      'gelu',
      'gelu-tanh',
      'silu',
      'hard-swish',
      'softplus',
      'absolute',
      'negate',
      'exponential',
      'logarithm',
      'square-root',
      'reciprocal',
      'error-function',
      'floor',
      'ceiling',
      'round',
      'sign',
    ] as const
  ).map((kind) => ({ kind })),
  { kind: 'clip', low: -1.5, high: Number.POSITIVE_INFINITY },
  { kind: 'clip', low: 0, high: 1 },
  { kind: 'leaky-relu', alpha: 0.01 },
  { kind: 'elu', alpha: 1.25 },
  { kind: 'hard-sigmoid', alpha: 0.2, beta: 0.5 },
];
const OPERATIONS = [
  'add',
  'subtract',
  'multiply',
  'divide',
  'minimum',
  'maximum',
  'power',
  'equal',
  'less',
  'greater',
] as const;

const X: PointwiseExpression = { input: 0 };
const Y: PointwiseExpression = { input: 1 };

function map(
  expression: PointwiseExpression,
  width: number,
  inputs = 2,
  rows = 1,
  outer = 1,
): MapDescription {
  return {
    kind: 'map',
    outer,
    rows,
    width,
    inputs: Array.from({ length: inputs }, (_, i) => ({
      outerStride: i === 3 ? 0 : rows * (width + 2) + 1,
      rowStride: i === 2 ? 0 : width + i,
      columnStride: i === 1 && rows > 1 ? 0 : 1,
    })),
    output: { outerStride: rows * (width + 2) + 3, rowStride: width + 2 },
    expression,
  };
}

function check(descriptions: readonly MapDescription[], seed = 11): void {
  expect(findVectorErrors(hosts, descriptions, seed)).toEqual([]);
}

/** Every 29,989th float32 of finite value, in the order of their bits. */
const DENSE = Float32Array.from(
  new Float32Array(
    Uint32Array.from({ length: Math.floor(2 ** 32 / 29_989) }, (_, i) => i * 29_989).buffer,
  ).filter((x) => Number.isFinite(x)),
);

function largestError(host: KernelHost, apply: PointwiseFunction): { ulps: number; argument: number } {
  const length = DENSE.length;
  const input = { outerStride: 0, rowStride: length, columnStride: 1 } as const;
  const output = { outerStride: length, rowStride: length };
  const expression = { apply, to: X };
  const shape = { outer: 1, rows: 1, width: length } as const;
  const [values] = runKernel(host, { kind: 'map', ...shape, inputs: [input], output, expression }, [
    new Float32Array(length),
    DENSE,
  ]);
  let [ulps, argument] = [0, 0];
  for (let i = 0; i < length; i++) {
    const expected = referenceFunction(apply, DENSE[i]!);
    const rounded = Math.fround(expected);
    if (!Number.isFinite(rounded)) {
      expect(values![i], `at ${DENSE[i]}`).toBe(rounded);
      continue;
    }
    const error = Math.abs(values![i]! - expected) / unitInLastPlace(expected);
    if (error > ulps) [ulps, argument] = [error, DENSE[i]!];
  }
  return { ulps, argument };
}

const EXPRESSION: fc.Arbitrary<PointwiseExpression> = fc.letrec<{ tree: PointwiseExpression }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, depthSize: 'medium' },
    fc.nat(3).map((input) => ({ input })),
    fc.constantFrom(0, 1, -1, 0.5, 3, -2.5).map((constant) => ({ constant })),
    fc.record({ apply: fc.constantFrom(...FUNCTIONS), to: tie('tree') }),
    fc.record({
      operation: fc.constantFrom(...OPERATIONS.filter((operation) => operation !== 'power')),
      a: tie('tree'),
      b: tie('tree'),
    }),
    fc.record({ condition: tie('tree'), a: tie('tree'), b: tie('tree') }),
  ),
})).tree;

describe('a map', () => {
  it.each(FUNCTIONS.map((apply) => [apply.kind, apply] as const))(
    'of %s is right everywhere',
    (_kind, apply) => {
      check([
        map({ apply, to: X }, 1200, 1),
        ...FEW_TAIL_SIZES.slice(0, 9).map((width) => map({ apply, to: X }, width, 1)),
      ]);
    },
  );

  it.each(OPERATIONS)('of the operation %s is right for special numbers', (operation) => {
    check([map({ operation, a: X, b: Y }, 1500), map({ operation, a: Y, b: X }, 33, 2, 3)]);
  });

  it('has constant powers', () => {
    const powers = [0, 1, 2, 3, 4, -1, -2, 0.5, -0.5, 2.5, -3].map((constant) =>
      map({ operation: 'power', a: X, b: { constant } }, 500, 1),
    );
    check(powers);
  });

  it('has no tail, stride or repeated input that fails', () => {
    const expression: PointwiseExpression = {
      condition: { operation: 'less', a: X, b: Y },
      a: { operation: 'add', a: { input: 2 }, b: { input: 3 } },
      b: { constant: 7 },
    };
    check(FEW_TAIL_SIZES.map((width) => map(expression, width, 4, (width % 3) + 1, (width % 2) + 1)));
  });

  it('computes random expressions as they are written', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(EXPRESSION, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 3 })), {
          minLength: 5,
          maxLength: 5,
        }),
        fc.nat(1e6),
        (cases, seed) => {
          check(
            cases.map(([expression, width, rows]) => map(expression, width, 4, rows)),
            seed,
          );
        },
      ),
      { seed: 20_261_123, numRuns: 15 },
    );
  });

  it('computes equal parts once', () => {
    const sigmoid: PointwiseExpression = { apply: { kind: 'sigmoid' }, to: X };
    const { steps } = planMap({
      operation: 'multiply',
      a: sigmoid,
      b: { operation: 'add', a: sigmoid, b: Y },
    });
    expect(steps.filter(({ kind }) => kind === 'apply')).toHaveLength(1);
  });

  it.each(['exponential', 'logarithm', 'error-function', 'softplus', 'elu'] as const)(
    'stays within the stated error of %s over all magnitudes, however multiply-adds round',
    (kind) => {
      const apply: PointwiseFunction = kind === 'elu' ? { kind, alpha: 1 } : { kind };
      const roundings = [
        hosts.find(({ name }) => name === 'wasm-strict'),
        hosts.findLast(({ host }) => !host.strict),
      ];
      for (const { name, host } of roundings.flatMap((found) => found ?? [])) {
        const { ulps, argument } = largestError(host, apply);
        expect(ulps, `${name} at ${argument}`).toBeLessThanOrEqual(POINTWISE_ERROR_ULPS[kind]!);
        expect(ulps).toBeGreaterThan(0.4);
      }
    },
  );

  it('is refused when it is impossible', () => {
    const good = map({ operation: 'add', a: X, b: Y }, 8);
    const bad: MapDescription[] = [
      { ...good, expression: { input: 2 } },
      { ...good, expression: { apply: { kind: 'sine' as 'sign' }, to: X } },
      { ...good, expression: { operation: 'modulo' as 'add', a: X, b: Y } },
      { ...good, expression: { apply: { kind: 'leaky-relu', alpha: Number.NaN }, to: X } },
      { ...good, expression: {} as PointwiseExpression },
      { ...good, width: 0 },
      { ...good, output: { outerStride: 8, rowStride: 7 } },
      { ...good, inputs: Array.from({ length: 5 }, () => good.inputs[0]!) },
    ];
    for (const description of bad) expect(() => kernelKey(description)).toThrow(InvalidArgumentError);
  });
});
