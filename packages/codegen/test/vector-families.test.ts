import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACTIVATIONS } from '../src/description/epilogue.ts';
import type {
  Activation,
  ChannelScaleDescription,
  ConversionDescription,
  ElementwiseDescription,
  KernelDescription,
  ReductionDescription,
  RowNormalizationDescription,
  SoftmaxDescription,
} from '../src/index.ts';
import { TAIL_SIZES } from './tail-sizes.ts';
import { findVectorErrors, openVectorHosts, type VectorHost } from './vector-hosts.ts';

let hosts: VectorHost[];

beforeAll(() => {
  hosts = openVectorHosts();
});

afterAll(() => {
  for (const { host } of hosts) host.dispose();
});

/** Tails of every size, and lengths at which loops have 1, 2 and many turns. */
const LENGTHS = [...TAIL_SIZES, 127, 128, 129, 255, 500, 1027];
const OPERATIONS = ['add', 'subtract', 'multiply', 'divide', 'maximum', 'minimum', 'scale-and-add'] as const;
const CONVERSIONS = (['float16', 'bfloat16', 'int8', 'uint8'] as const).flatMap((narrow) => [
  { from: 'float32', to: narrow } as const,
  { from: narrow, to: 'float32' } as const,
]);

function softmax(rows: number, width: number, gaps: readonly [number, number]): SoftmaxDescription {
  return { kind: 'softmax', rows, width, inputStride: width + gaps[0], outputStride: width + gaps[1] };
}

function rowNormalization(
  rows: number,
  width: number,
  others: Partial<RowNormalizationDescription> = {},
): RowNormalizationDescription {
  return {
    kind: 'row-normalization',
    rows,
    width,
    inputStride: width + 3,
    outputStride: width + 2,
    deviation: 'root',
    epsilon: 1e-5,
    affine: true,
    activation: 'none',
    ...others,
  };
}

function channelScale(rows: number, width: number, activation: Activation): ChannelScaleDescription {
  return { kind: 'channel-scale', rows, width, inputStride: width + 1, outputStride: width + 4, activation };
}

function elementwise(
  operation: ElementwiseDescription['operation'],
  rows: number,
  width: number,
  broadcast: boolean,
  activation: Activation = 'none',
): ElementwiseDescription {
  const [aStride, bStride, outputStride] = [width + 1, broadcast ? 0 : width + 2, width + 3];
  return { kind: 'elementwise', operation, rows, width, aStride, bStride, outputStride, activation };
}

function reduction(
  operation: ReductionDescription['operation'],
  rows: number,
  width: number,
): ReductionDescription {
  return { kind: 'reduction', operation, rows, width, inputStride: width + 1 };
}

describe('vector kernels give what their references say, for every tail, on every target', () => {
  const check = (descriptions: readonly KernelDescription[]) => {
    expect(findVectorErrors(hosts, descriptions, 7)).toEqual([]);
  };

  it.each(ACTIVATIONS)('the activation %s', (activation) => {
    check(LENGTHS.map((length) => ({ kind: 'activation', activation, length })));
  });

  it('softmax', () => {
    check(LENGTHS.map((width) => softmax((width % 3) + 1, width, [width % 4, width % 5])));
  });

  it('layer normalisation', () => {
    check(LENGTHS.map((width) => rowNormalization((width % 3) + 1, width)));
  });

  it('standardisation of rows', () => {
    const others = { deviation: 'sum', affine: false, epsilon: 1e-6 } as const;
    // A single number has the deviation 0, and its quotient is nothing but rounding.
    check(LENGTHS.filter((width) => width > 1).map((width) => rowNormalization(2, width, others)));
  });

  it('scaling of channels', () => {
    check(LENGTHS.map((width) => channelScale((width % 3) + 1, width, 'relu')));
  });

  it.each(OPERATIONS)('%s', (operation) => {
    check(LENGTHS.map((width) => elementwise(operation, (width % 3) + 1, width, width % 2 === 0)));
  });

  it.each(CONVERSIONS)('conversion from $from to $to', (formats) => {
    check(LENGTHS.map((length): ConversionDescription => ({ kind: 'conversion', ...formats, length })));
  });

  it.each(['sum', 'maximum'] as const)('reduction to the %s', (operation) => {
    check(LENGTHS.map((width) => reduction(operation, (width % 4) + 1, width)));
  });

  it('sizes, strides and activations at random', () => {
    const size = fc.integer({ min: 1, max: 70 });
    const activation = fc.constantFrom(...ACTIVATIONS);
    const description: fc.Arbitrary<KernelDescription> = fc.oneof(
      fc.tuple(size, size, fc.tuple(size, size)).map((sizes) => softmax(...sizes)),
      fc
        .tuple(
          size,
          size,
          fc.record({ activation, affine: fc.boolean(), deviation: fc.constantFrom('root', 'sum') }),
        )
        .map(([rows, width, others]) => rowNormalization(rows, width + 1, others)),
      fc.tuple(size, size, activation).map((sizes) => channelScale(...sizes)),
      fc
        .tuple(fc.constantFrom(...OPERATIONS), size, size, fc.boolean(), activation)
        .map((sizes) => elementwise(...sizes)),
      fc.tuple(fc.constantFrom('sum', 'maximum'), size, size).map((sizes) => reduction(...sizes)),
    );
    fc.assert(
      fc.property(
        fc.array(description, { minLength: 8, maxLength: 8 }),
        fc.nat(1e6),
        (descriptions, seed) => {
          expect(findVectorErrors(hosts, descriptions, seed)).toEqual([]);
        },
      ),
      { seed: 20_260_906, numRuns: 12 },
    );
  });
});
