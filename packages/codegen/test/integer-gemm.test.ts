import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Activation,
  createInterpreterHost,
  defaultCodeRowStride,
  defaultIntegerBlocking,
  encodedCodeBytes,
  encodeRowZeroPoint,
  INTEGER_GEMM_ARGUMENTS,
  type IntegerGemmDescription,
  type IntegerWeights,
  integerBlockingCandidates,
  integerPanelLayout,
  kernelTrial,
  MAX_INTEGER_DEPTH,
  MAX_ROW_ZERO_POINT_DEPTH,
  NO_EPILOGUE,
  packIntegerPanels,
  type TargetTraits,
} from '../src/index.ts';
import {
  referenceIntegerGemm,
  referenceIntegerSum,
  referenceScaledSum,
} from '../src/reference/integer-gemm.ts';
import { findIntegerError, type IntegerHost, openIntegerHosts } from './integer-hosts.ts';
import { runKernel } from './run-kernel.ts';
import { FEW_TAIL_SIZES, TAIL_SIZES } from './tail-sizes.ts';

let hosts: IntegerHost[];

beforeAll(() => {
  hosts = openIntegerHosts({ strict: false });
});

afterAll(() => {
  for (const host of hosts) host.dispose();
});

const WEIGHTS: readonly IntegerWeights[] = ['int8', 'int4'];
const ACTIVATIONS: readonly Activation[] = ['none', 'relu', 'relu6', 'sigmoid', 'tanh', 'gelu', 'silu'];

type Sizes = readonly [rows: number, columns: number, depth: number];
type Others = Partial<Omit<IntegerGemmDescription, 'kind' | 'rows' | 'columns' | 'depth'>>;

/** A product with the blocking that a target is given by default. */
function product(
  [rows, columns, depth]: Sizes,
  traits: TargetTraits,
  others: Others = {},
): IntegerGemmDescription {
  const weights = others.weights ?? 'int8';
  const epilogue = others.epilogue ?? NO_EPILOGUE;
  return {
    kind: 'integer-gemm',
    rows,
    columns,
    depth,
    weights,
    aRowStride: defaultCodeRowStride(depth),
    cRowStride: columns + 3,
    output: 'int32',
    rowScales: false,
    rowZeroPoints: false,
    epilogue,
    blocking: defaultIntegerBlocking({ rows, columns, depth, weights, epilogue }, traits),
    ...others,
  };
}

/** The errors of all descriptions that `describe` gives for each host. */
function findErrors(
  seed: number,
  describe: (traits: TargetTraits) => Iterable<IntegerGemmDescription>,
): string[] {
  const errors: string[] = [];
  for (const host of hosts) {
    for (const description of describe(host.traits)) {
      const error = findIntegerError(host, description, seed);
      if (error !== null) errors.push(error);
    }
  }
  return errors;
}

describe.each(WEIGHTS)('integer products with %s weights equal the reference on every target', (weights) => {
  it('for every tail of columns', () => {
    expect(
      findErrors(1, (traits) => TAIL_SIZES.map((columns) => product([2, columns, 9], traits, { weights }))),
    ).toEqual([]);
  });

  it('for every tail of the depth', () => {
    expect(
      findErrors(2, (traits) => TAIL_SIZES.map((depth) => product([3, 19, depth], traits, { weights }))),
    ).toEqual([]);
  });

  it('for every tail of rows, and one row with every width of the tile', () => {
    expect(
      findErrors(3, (traits) => [
        ...FEW_TAIL_SIZES.map((rows) => product([rows, 21, 13], traits, { weights })),
        ...integerBlockingCandidates(
          { rows: 1, columns: 300, depth: 40, weights, epilogue: NO_EPILOGUE },
          traits,
        ).map((blocking) => product([1, 300, 40], traits, { weights, blocking })),
      ]),
    ).toEqual([]);
  });

  it('for blocks of rows of every kind', () => {
    const blockings = [
      { tileRows: 1, tileVectors: 1, rowBlock: 1 },
      { tileRows: 3, tileVectors: 1, rowBlock: 3 },
      { tileRows: 4, tileVectors: 1, rowBlock: 8 },
      { tileRows: 2, tileVectors: 2, rowBlock: 5 },
      { tileRows: 1, tileVectors: 3, rowBlock: 100 },
    ];
    expect(
      findErrors(4, (traits) =>
        [17, 20, 31].flatMap((rows) =>
          blockings.map((blocking) => product([rows, 50, 11], traits, { weights, blocking })),
        ),
      ),
    ).toEqual([]);
  });

  it('with zero points and scales per row, bias and every activation', () => {
    const options = ACTIVATIONS.flatMap((activation) =>
      [0, 1, 2, 3].map(
        (bits): Others => ({
          weights,
          output: 'float32',
          rowScales: (bits & 1) > 0,
          rowZeroPoints: (bits & 2) > 0,
          epilogue: { bias: bits !== 1, activation, softmax: false },
        }),
      ),
    );
    expect(
      findErrors(5, (traits) =>
        options.flatMap((others) => [
          product([5, 37, 21], traits, others),
          product([1, 9, 3], traits, others),
        ]),
      ),
    ).toEqual([]);
    expect(
      findErrors(6, (traits) => [product([4, 40, 17], traits, { weights, rowZeroPoints: true })]),
    ).toEqual([]);
  });

  it('at random', () => {
    const size = fc.integer({ min: 1, max: 80 });
    const sizes = fc.tuple(fc.integer({ min: 1, max: 20 }), size, size);
    const property = fc.property(
      sizes,
      fc.boolean(),
      fc.boolean(),
      fc.nat(1e6),
      (shape, scaled, zeros, seed) => {
        const others: Others = {
          weights,
          output: scaled ? 'float32' : 'int32',
          rowScales: scaled,
          rowZeroPoints: zeros,
          epilogue: { bias: scaled, activation: scaled ? 'relu6' : 'none', softmax: false },
        };
        expect(findErrors(seed, (traits) => [product(shape, traits, others)])).toEqual([]);
      },
    );
    fc.assert(property, { seed: 20_261_122, numRuns: 30 });
  });

  it('where sums come as near to the ends of int32 as they can', () => {
    const deepest = MAX_INTEGER_DEPTH;
    const withRows = MAX_ROW_ZERO_POINT_DEPTH;
    const fast = (traits: TargetTraits) => !traits.id.startsWith('interpreter');
    expect(
      findErrors(7, (traits) =>
        fast(traits)
          ? [
              product([3, traits.lanes + 1, deepest], traits, { weights }),
              product([3, traits.lanes + 1, withRows], traits, { weights, rowZeroPoints: true }),
            ]
          : [],
      ),
    ).toEqual([]);
  });
});

describe('the trial of an integer product', () => {
  const host = createInterpreterHost({ lanes: 8, dot: 'bytes' });
  const description = product([9, 700, 24], host.traits, {
    blocking: { tileRows: 4, tileVectors: 1, rowBlock: 8 },
  });

  it.each(['all', 'sample'] as const)(
    'with effort %s notices one wrong sum, a write into a gap, and one outside',
    (effort) => {
      const attempt = (spoil: (c: Int32Array, bytes: Uint8Array, cStart: number) => void) => {
        const trial = kernelTrial(description, host.traits, effort, 5);
        const memory = host.createMemory(trial.byteLength);
        const block = trial.prepare(memory);
        host.load([description], memory)[0]!.run(block);
        const view = new DataView(memory.buffer, memory.byteOffset);
        const cStart =
          view.getUint32(block - memory.address + 8 * INTEGER_GEMM_ARGUMENTS.c, true) - memory.address;
        const length = 8 * description.cRowStride + description.columns;
        const c = new Int32Array(memory.buffer, memory.byteOffset + cStart, length);
        spoil(c, new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength), cStart);
        return trial.findError(memory);
      };
      expect(attempt(() => {})).toBeNull();
      expect(attempt((c) => c[0]!++)).toMatch(/^C\[0, 0\]: expected/);
      expect(attempt((c) => c[c.length - 1]!--)).toMatch(/^C\[8, 699\]: expected/);
      expect(attempt((c) => (c[description.columns] = 0))).toMatch(/which is no result/);
      expect(attempt((c, bytes, cStart) => (bytes[cStart + c.byteLength] = 0))).toMatch(/byte 0 after C/);
      expect(attempt((_c, bytes, cStart) => (bytes[cStart - 1] = 0))).toMatch(/was overwritten/);
    },
  );
});

describe('a product of int8 with int8', () => {
  it('is one of uint8 codes with zero point 128, per tensor or per row', () => {
    const host = createInterpreterHost({ lanes: 8, dot: 'words' });
    const [rows, columns, depth] = [3, 10, 7];
    const a = Int8Array.from({ length: rows * depth }, (_, i) => ((i * 91) % 256) - 128);
    const b = Int8Array.from({ length: depth * columns }, (_, i) => ((i * 53) % 256) - 128);
    const expected = Array.from({ length: rows * columns }, (_, i) => {
      let sum = 0;
      for (let k = 0; k < depth; k++)
        sum += a[Math.floor(i / columns) * depth + k]! * b[k * columns + (i % columns)]!;
      return sum;
    });
    for (const rowZeroPoints of [false, true]) {
      const description = product([rows, columns, depth], host.traits, {
        rowZeroPoints,
        cRowStride: columns,
      });
      const codes = new Uint16Array(rows * description.aRowStride);
      for (let i = 0; i < a.length; i++)
        codes[Math.floor(i / depth) * description.aRowStride + (i % depth)] = a[i]! + 128;
      const panels = new Uint8Array(integerPanelLayout(description, host.traits).byteLength);
      const zeroPoint = rowZeroPoints ? 0 : 128;
      packIntegerPanels(
        description,
        host.traits,
        { codes: b, rowStride: columns, columnStride: 1, zeroPoint, scales: null, bias: null },
        panels,
      );
      const rowParameters = new Int32Array(2 * rows).fill(encodeRowZeroPoint(128));
      expect(encodedCodeBytes('int8', host.traits)).toBe(2);
      const c = new Uint8Array(rows * columns * 4);
      const results = runKernel(host, description, [
        new Uint8Array(codes.buffer),
        panels,
        c,
        new Uint8Array(rowParameters.buffer),
      ]);
      expect([...new Int32Array(results[2]!.buffer)]).toEqual(expected);
    }
  });
});

describe('the reference of integer products', () => {
  it('agrees with sums worked out by hand', () => {
    expect(referenceIntegerSum([255, 0, 10], 10, [-128, 127, 5])).toBe(245 * -128 - 10 * 127);
    const c = referenceIntegerGemm(
      { rows: 2, depth: 2, columns: 1 },
      Uint8Array.from([1, 2, 3, 4]),
      [0, 1],
      Int8Array.from([5, -6]),
    );
    expect([...c]).toEqual([5 - 12, 10 - 18]);
  });

  it('rounds the sum, the scale, the product and the bias to float32, in this order', () => {
    const [sum, rowScale, columnScale, bias] = [
      16_777_217,
      Math.fround(0.1),
      Math.fround(0.3),
      Math.fround(1e-3),
    ];
    const scale = Math.fround(rowScale * columnScale);
    expect(referenceScaledSum(sum, rowScale, columnScale, bias)).toBe(
      Math.fround(Math.fround(16_777_216 * scale) + bias),
    );
    expect(referenceScaledSum(3, null, columnScale, null)).toBe(Math.fround(3 * columnScale));
  });
});
