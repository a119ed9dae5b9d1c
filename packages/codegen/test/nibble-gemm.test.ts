import { InvalidArgumentError } from '@qedge/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Activation,
  createInterpreterHost,
  defaultNibbleBlocking,
  kernelKey,
  kernelTrial,
  NIBBLE_GEMM_ARGUMENTS,
  type NibbleGemmDescription,
  nibbleBlockingCandidates,
  nibblePanelLayout,
  packNibblePanels,
  RegisterBudgetError,
  type TargetTraits,
} from '../src/index.ts';
import { referenceNibbleSum } from '../src/reference/nibble-gemm.ts';
import { findIntegerError, type IntegerHost, openIntegerHosts } from './integer-hosts.ts';
import { FEW_TAIL_SIZES, TAIL_SIZES } from './tail-sizes.ts';

let hosts: IntegerHost[];

beforeAll(() => {
  hosts = openIntegerHosts({ strict: true });
});

afterAll(() => {
  for (const host of hosts) host.dispose();
});

const ACTIVATIONS: readonly Activation[] = ['none', 'relu', 'relu6', 'sigmoid', 'tanh', 'gelu', 'silu'];

type Sizes = readonly [rows: number, columns: number, depth: number];
type Others = Partial<Omit<NibbleGemmDescription, 'kind' | 'rows' | 'columns' | 'depth'>>;

function product(
  [rows, columns, depth]: Sizes,
  traits: TargetTraits,
  others: Others = {},
): NibbleGemmDescription {
  const scales = others.scales ?? 'float32';
  return {
    kind: 'nibble-gemm',
    rows,
    columns,
    depth,
    aRowStride: Math.ceil(depth / 32) * 32 + 32,
    cRowStride: columns + 3,
    scales,
    zeroPoints: 'eight',
    epilogue: { bias: true, activation: 'none', softmax: false },
    blocking: defaultNibbleBlocking({ rows, columns, scales }, traits),
    ...others,
  };
}

function findErrors(
  seed: number,
  describe: (traits: TargetTraits) => Iterable<NibbleGemmDescription>,
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

const FORMS = (['float32', 'float16'] as const).flatMap((scales) =>
  (['eight', 'given'] as const).map((zeroPoints) => ({ scales, zeroPoints })),
);
/** Every scale format and every choice of zero points, once. */
const SWEPT_FORMS = [FORMS[0]!, FORMS[3]!];

describe.each(SWEPT_FORMS)('products with nibbles, $scales scales and zero points $zeroPoints', (form) => {
  it('equal the reference for every tail of columns', () => {
    expect(
      findErrors(1, (traits) => TAIL_SIZES.map((columns) => product([2, columns, 40], traits, form))),
    ).toEqual([]);
  });

  it('equal the reference for every tail of the depth', () => {
    expect(
      findErrors(2, (traits) => TAIL_SIZES.map((depth) => product([1, 19, depth], traits, form))),
    ).toEqual([]);
  });

  it('equal the reference for every tail of rows and every width of the tile', () => {
    const shape = { rows: 7, columns: 100, scales: form.scales };
    expect(
      findErrors(3, (traits) => [
        ...FEW_TAIL_SIZES.map((rows) => product([rows, 21, 64], traits, form)),
        ...nibbleBlockingCandidates(shape, traits).map((blocking) =>
          product([7, 100, 96], traits, { ...form, blocking }),
        ),
      ]),
    ).toEqual([]);
  });
});

describe.each(FORMS)('products with nibbles, $scales scales and zero points $zeroPoints', (form) => {
  it('equal the reference with every activation, with and without bias', () => {
    const epilogues = ACTIVATIONS.flatMap((activation) =>
      [false, true].map((bias) => ({ bias, activation, softmax: false })),
    );
    expect(
      findErrors(4, (traits) =>
        epilogues.map((epilogue) => product([3, 37, 50], traits, { ...form, epilogue })),
      ),
    ).toEqual([]);
  });

  it('equal the reference at random', () => {
    const sizes = fc.tuple(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 80 }),
      fc.integer({ min: 1, max: 300 }),
    );
    const property = fc.property(sizes, fc.nat(1e6), (shape, seed) => {
      expect(findErrors(seed, (traits) => [product(shape, traits, form)])).toEqual([]);
    });
    fc.assert(property, { seed: 20_261_122, numRuns: 6 });
  });
});

describe('the trial of a product with nibbles', () => {
  const host = createInterpreterHost({ lanes: 8, dot: 'bytes' });
  const description = product([3, 300, 64], host.traits, { blocking: { tileRows: 2, tileVectors: 1 } });

  it.each(['all', 'sample'] as const)(
    'with effort %s notices a wrong bit, a write into a gap, and one outside',
    (effort) => {
      const attempt = (spoil: (c: Int32Array, bytes: Uint8Array, cStart: number) => void) => {
        const trial = kernelTrial(description, host.traits, effort, 5);
        const memory = host.createMemory(trial.byteLength);
        const block = trial.prepare(memory);
        host.load([description], memory)[0]!.run(block);
        const view = new DataView(memory.buffer, memory.byteOffset);
        const cStart =
          view.getUint32(block - memory.address + 8 * NIBBLE_GEMM_ARGUMENTS.c, true) - memory.address;
        const c = new Int32Array(memory.buffer, memory.byteOffset + cStart, 2 * description.cRowStride + 300);
        spoil(c, new Uint8Array(memory.buffer, memory.byteOffset, memory.byteLength), cStart);
        return trial.findError(memory);
      };
      expect(attempt(() => {})).toBeNull();
      expect(attempt((c) => c[0]!++)).toMatch(/^C\[0, 0\]: expected/);
      expect(attempt((c) => c[c.length - 1]!--)).toMatch(/^C\[2, 299\]: expected/);
      expect(attempt((c) => (c[300] = 0))).toMatch(/which is no result/);
      expect(attempt((c, bytes, cStart) => (bytes[cStart + c.byteLength] = 0))).toMatch(/byte 0 after C/);
    },
  );
});

describe('packed nibbles', () => {
  it('are refused with wrong lengths or types', () => {
    const { traits } = createInterpreterHost();
    const description = product([1, 3, 40], traits, { zeroPoints: 'given' });
    const target = new Uint8Array(nibblePanelLayout(description, traits).byteLength);
    const source = {
      nibbles: new Uint8Array(3 * 2 * 16),
      scales: new Float32Array(6),
      zeroPoints: new Uint8Array(3),
      bias: new Float32Array(3),
    };
    const pack = (change: object, into = target) =>
      packNibblePanels(description, traits, { ...source, ...change }, into);
    expect(() => pack({})).not.toThrow();
    for (const change of [
      { nibbles: new Uint8Array(95) },
      { scales: new Float32Array(5) },
      { scales: new Uint16Array(6) },
      { zeroPoints: null },
      { zeroPoints: new Uint8Array(6) },
      { bias: null },
    ]) {
      expect(() => pack(change)).toThrow(InvalidArgumentError);
    }
    expect(() => pack({}, new Uint8Array(target.length + 1))).toThrow(InvalidArgumentError);
  });
});

describe('nibble-gemm descriptions', () => {
  const host = createInterpreterHost();
  const valid = product([3, 4, 5], host.traits);

  it('have different keys when anything differs', () => {
    const changes: Partial<NibbleGemmDescription>[] = [
      {},
      { rows: 4 },
      { columns: 5 },
      { depth: 6 },
      { aRowStride: 128 },
      { cRowStride: 9 },
      { scales: 'float16' },
      { zeroPoints: 'given' },
      { epilogue: { bias: false, activation: 'none', softmax: false } },
      { epilogue: { bias: true, activation: 'silu', softmax: false } },
      { blocking: { tileRows: 2, tileVectors: 1 } },
      { blocking: { tileRows: 3, tileVectors: 2 } },
    ];
    const keys = changes.map((change) => kernelKey({ ...valid, ...change }));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('are refused when they make no sense, or do not fit the registers', () => {
    for (const change of [
      { rows: 0 },
      { aRowStride: 31 },
      { cRowStride: 3 },
      { scales: 'float64' },
      { zeroPoints: 'seven' },
      { epilogue: { bias: true, activation: 'none', softmax: true } },
      { blocking: { tileRows: 1, tileVectors: 0 } },
    ]) {
      const description = { ...valid, ...change } as NibbleGemmDescription;
      expect(() => kernelTrial(description, host.traits, 'all', 1), JSON.stringify(change)).toThrow(
        InvalidArgumentError,
      );
    }
    const tall = { ...valid, rows: 9, blocking: { tileRows: 9, tileVectors: 1 } };
    expect(() => host.load([tall], host.createMemory(64))).toThrow(RegisterBudgetError);
  });
});

describe('the reference of nibble products', () => {
  it('agrees with a sum worked out by hand', () => {
    const codes = Array.from({ length: 33 }, (_, k) => (k === 0 ? 127 : k === 32 ? -3 : 0));
    const nibbles = Array.from({ length: 33 }, (_, k) => (k === 0 ? 15 : k === 32 ? 2 : 9));
    const sum = referenceNibbleSum({
      codes,
      rowScales: [0.5, 2],
      nibbles,
      columnScales: [0.25, 1],
      zeroPoints: [8, 1],
    });
    expect(sum).toEqual({ value: 127 * 7 * 0.125 - 3 * 2, magnitude: 127 * 7 * 0.125 + 6 });
  });
});
