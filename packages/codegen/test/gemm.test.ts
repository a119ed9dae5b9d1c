import { InvalidArgumentError, Random, ShapeMismatchError } from '@qedge/core';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createInterpreterHost,
  defaultGemmBlocking,
  emitKernel,
  type GemmDescription,
  type GemmPanelFormat,
  gemmBlockingCandidates,
  gemmPanelBytes,
  gemmPanelColumns,
  gemmScratchBytes,
  InterpreterTarget,
  kernelKey,
  kernelTrial,
  packGemmPanels,
  RegisterBudgetError,
  type TargetTraits,
} from '../src/index.ts';
import { readElements, referenceStrictElement } from '../src/reference/gemm.ts';
import { bfloat16Value, float16Value } from '../src/target/narrow-numbers.ts';
import { columnMajor, packedRight, product, productCases, rowMajor, type Sizes } from './product-cases.ts';
import { runKernel } from './run-kernel.ts';
import { FEW_TAIL_SIZES, TAIL_SIZES } from './tail-sizes.ts';
import { findTrialError } from './trial-errors.ts';
import { openVectorHosts, type VectorHost } from './vector-hosts.ts';

let hosts: VectorHost[];

beforeAll(() => {
  hosts = openVectorHosts();
});

afterAll(() => {
  for (const { host } of hosts) host.dispose();
});

function findErrors(seed: number, describe: (traits: TargetTraits) => Iterable<GemmDescription>): string[] {
  return hosts.flatMap((host) =>
    [...describe(host.host.traits)].flatMap((description) => findTrialError(host, description, seed) ?? []),
  );
}

const FORMATS: readonly GemmPanelFormat[] = ['float32', 'float16', 'bfloat16'];

describe('products equal the reference on every target', () => {
  it('for every tail of rows', () => {
    expect(findErrors(1, (traits) => TAIL_SIZES.map((rows) => product([rows, 19, 3], traits)))).toEqual([]);
  });

  it('for every tail of columns', () => {
    expect(findErrors(2, (traits) => TAIL_SIZES.map((columns) => product([5, columns, 3], traits)))).toEqual(
      [],
    );
  });

  it('for every tail of the depth', () => {
    expect(findErrors(3, (traits) => TAIL_SIZES.map((depth) => product([3, 18, depth], traits)))).toEqual([]);
  });

  it('for every tail of packed panels of every format', () => {
    const sizes = FEW_TAIL_SIZES.map((n): Sizes => [1 + (n % 9), n, 5]);
    const describePanels = (traits: TargetTraits) =>
      FORMATS.flatMap((format) =>
        sizes.map((size) => product(size, traits, { b: packedRight(size, traits, 1, format) })),
      );
    expect(findErrors(4, describePanels)).toEqual([]);
  });

  // The interpreters need a hundred times as long for a product.
  it.each([
    ['compiled', 30, false],
    ['interpreted', 10, true],
  ])(
    'for random layouts, batches, panels, factors, epilogues and blockings (%s)',
    (_, numRuns, interpreted) => {
      const chosen = hosts.filter(({ host }) => (host.isa === 'interpreter') === interpreted);
      expect(chosen.length).toBeGreaterThan(0);
      fc.assert(
        fc.property(productCases, ({ describe, seed }) => {
          const errors = chosen.flatMap(
            (host) => findTrialError(host, describe(host.host.traits), seed) ?? [],
          );
          expect(errors).toEqual([]);
        }),
        { seed: 20261122, numRuns },
      );
    },
  );

  it('for a product that is larger than every cache level of its blocking', () => {
    const blocking = (traits: TargetTraits) => ({
      ...defaultGemmBlocking(product([150, 150, 150], traits), traits),
      depthBlock: 40,
      rowBlock: 40,
    });
    const fast = hosts.filter(({ host }) => host.isa !== 'interpreter');
    for (const host of fast) {
      const { traits } = host.host;
      const description = product([150, 150, 150], traits, { blocking: blocking(traits), beta: 'argument' });
      expect(findTrialError(host, description, 5)).toBeNull();
    }
  });
});

/** Values that must pass through a product as IEEE 754 says. */
const SPECIAL_VALUES = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  0,
  -0,
  2 ** -149,
  -(2 ** -130),
  3.4e38,
  -3.4e38,
  1,
  -2.5,
];

function specialMatrix(random: Random, length: number): Float32Array {
  return new Float32Array(length).map(() =>
    random.integer(6) > 0 ? random.normal() : SPECIAL_VALUES[random.integer(SPECIAL_VALUES.length)]!,
  );
}

function strictProduct(sizes: Sizes, a: Float32Array, b: Float32Array): Float32Array {
  const [rows, columns, depth] = sizes;
  const reference = {
    depth,
    alpha: 1,
    beta: 0,
    epilogue: { bias: false, activation: 'none', softmax: false } as const,
    a: readElements(a, rowMajor(rows, depth)),
    b: readElements(b, rowMajor(depth, columns)),
    c: () => 0,
    bias: () => 0,
  };
  return new Float32Array(rows * columns).map((_, i) =>
    referenceStrictElement(reference, 0, Math.floor(i / columns), i % columns),
  );
}

describe('unusual numbers', () => {
  it('pass through as in the reference: bit for bit on strict hosts, NaN and infinities on all', () => {
    const random = new Random(7);
    for (const sizes of [
      [7, 21, 4],
      [1, 40, 6],
      [13, 3, 2],
    ] as const) {
      const [rows, columns, depth] = sizes;
      const [a, b] = [specialMatrix(random, rows * depth), specialMatrix(random, depth * columns)];
      const expected = strictProduct(sizes, a, b);
      const c = new Float32Array(rows * columns).fill(Number.NaN);
      for (const { name, host } of hosts) {
        const description = product(sizes, host.traits);
        const scratch = new Float32Array(gemmScratchBytes(description, host.traits) / 4);
        const [, , actual] = runKernel(host, description, [a, b, c, scratch]);
        if (host.strict) expect(actual, name).toEqual(expected);
        // A fused multiply-add may stay finite where a product overflows on its own, never the other way round.
        for (const [i, value] of expected.entries()) {
          if (Number.isFinite(value)) expect(Number.isFinite(actual![i]), `${name} at ${i}`).toBe(true);
        }
        const clean = [...expected.keys()].filter((i) => isClean(sizes, a, b, i));
        for (const i of clean) {
          expect(Number.isNaN(actual![i]), `${name} at ${i}`).toBe(Number.isNaN(expected[i]));
        }
      }
    }
  });

  it('stay in their row and column, also next to padding', () => {
    const sizes: Sizes = [9, 35, 5];
    const [rows, columns, depth] = sizes;
    const a = new Float32Array(rows * depth).fill(1);
    const b = new Float32Array(depth * columns).fill(1);
    a[3 * depth + 2] = Number.NaN;
    b[1 * columns + 34] = Number.POSITIVE_INFINITY;
    for (const { name, host } of hosts) {
      const description = product(sizes, host.traits, { beta: 'one' });
      const scratch = new Float32Array(gemmScratchBytes(description, host.traits) / 4);
      const [, , actual] = runKernel(host, description, [a, b, new Float32Array(rows * columns), scratch]);
      const expected = actual!.map((_, i) => {
        if (Math.floor(i / columns) === 3) return Number.NaN;
        return i % columns === 34 ? Number.POSITIVE_INFINITY : depth;
      });
      expect(actual, name).toEqual(expected);
    }
  });
});

/** Whether no partial sum of element i can overflow, so that rounding once or twice cannot matter to what is finite. */
function isClean([, columns, depth]: Sizes, a: Float32Array, b: Float32Array, i: number): boolean {
  const row = Math.floor(i / columns);
  let magnitude = 0;
  for (let k = 0; k < depth; k++) {
    const term = Math.abs(a[row * depth + k]! * b[k * columns + (i % columns)]!);
    if (Number.isFinite(term)) magnitude += term;
  }
  return magnitude < 1e38;
}

describe('the bits of a result', () => {
  const sizes: Sizes = [23, 37, 50];
  const [rows, columns, depth] = sizes;
  const random = new Random(11);
  const a = new Float32Array(rows * depth).map(() => random.normal());
  const b = new Float32Array(depth * columns).map(() => random.normal());

  function run({ host }: VectorHost, description: GemmDescription, from = a): Float32Array {
    const scratch = new Float32Array(gemmScratchBytes(description, host.traits) / 4);
    const c = new Float32Array(description.rows * columns);
    return runKernel(host, description, [from, b, c, scratch])[2]!;
  }

  it('do not depend on the blocking', () => {
    for (const host of hosts) {
      const { traits } = host.host;
      const whole = product(sizes, traits);
      const expected = run(host, whole);
      const blockings = [
        ...gemmBlockingCandidates(whole, traits),
        { ...whole.blocking, depthBlock: 7, rowBlock: 5, packA: true, packB: true },
        { tileRows: 1, tileVectors: 1, depthBlock: 1, rowBlock: 1, packA: false, packB: false },
      ];
      for (const blocking of blockings) {
        expect(run(host, { ...whole, blocking }), `${host.name} ${JSON.stringify(blocking)}`).toEqual(
          expected,
        );
      }
    }
  });

  it('do not depend on the rows that are computed together', () => {
    for (const host of hosts) {
      const expected = run(host, product(sizes, host.host.traits));
      const one = product([1, columns, depth], host.host.traits);
      for (const row of [0, 11, 22]) {
        const alone = run(host, one, a.slice(row * depth, (row + 1) * depth));
        expect(alone, host.name).toEqual(expected.slice(row * columns, (row + 1) * columns));
      }
    }
  });

  it('are those of the strict reference on every strict host', () => {
    const expected = strictProduct(sizes, a, b);
    const strict = hosts.filter(({ host }) => host.strict);
    expect(strict.length).toBeGreaterThanOrEqual(4);
    for (const host of strict)
      expect(run(host, product(sizes, host.host.traits)), host.name).toEqual(expected);
  });

  it('do not depend on how the operands lie in memory', () => {
    const transposed = new Float32Array(rows * depth);
    for (let i = 0; i < rows; i++)
      for (let k = 0; k < depth; k++) transposed[k * rows + i] = a[i * depth + k]!;
    for (const host of hosts) {
      const expected = run(host, product(sizes, host.host.traits));
      const description = product(sizes, host.host.traits, { a: columnMajor(rows, depth) });
      expect(run(host, description, transposed), host.name).toEqual(expected);
      // C with contiguous columns is computed as a transposed product.
      const turned = run(host, product(sizes, host.host.traits, { c: columnMajor(rows, columns) }));
      const back = expected.map((_, i) => turned[(i % columns) * rows + Math.floor(i / columns)]!);
      expect(back, host.name).toEqual(expected);
    }
  });
});

describe('packed panels', () => {
  const { traits } = createInterpreterHost({ lanes: 4 });

  it('hold each number at the documented place and zero in the padding, from either order of memory', () => {
    const decode = {
      float32: (view: DataView, i: number) => view.getFloat32(i * 4, true),
      float16: (view: DataView, i: number) => float16Value(view.getUint16(i * 2, true)),
      bfloat16: (view: DataView, i: number) => bfloat16Value(view.getUint16(i * 2, true)),
    };
    for (const format of FORMATS) {
      for (const [depth, columns] of [
        [1, 1],
        [3, 8],
        [5, 13],
        [2, 17],
      ] as const) {
        const shape = { depth, columns, panelColumns: 8, format };
        // Small integers are exact in every format.
        const value = (k: number, j: number) => k * 17 + j - 30;
        for (const layout of [rowMajor(depth, columns, 2), columnMajor(depth, columns, 1)]) {
          const values = new Float32Array(depth * columns * 4 + 60);
          for (let k = 0; k < depth; k++) {
            for (let j = 0; j < columns; j++)
              values[k * layout.rowStride + j * layout.columnStride] = value(k, j);
          }
          const bytes = new Uint8Array(gemmPanelBytes(shape)).fill(0xff);
          packGemmPanels(shape, { values, ...layout }, bytes);
          const view = new DataView(bytes.buffer);
          for (let i = 0; i < depth * Math.ceil(columns / 8) * 8; i++) {
            const [panel, k, j] = [Math.floor(i / 8 / depth), Math.floor(i / 8) % depth, i % 8];
            const column = panel * 8 + j;
            expect(decode[format](view, i)).toBe(column < columns ? value(k, column) : 0);
          }
        }
      }
    }
  });

  it('refuse memory that is too short, before writing', () => {
    const shape = { depth: 4, columns: 5, panelColumns: 8, format: 'float32' } as const;
    const bytes = new Uint8Array(gemmPanelBytes(shape));
    const short = { values: new Float32Array(19), rowStride: 5, columnStride: 1 };
    expect(() => packGemmPanels(shape, short, bytes)).toThrow(ShapeMismatchError);
    const source = { values: new Float32Array(20).fill(1), rowStride: 5, columnStride: 1 };
    const small = bytes.subarray(1);
    expect(() => packGemmPanels(shape, source, small)).toThrow(/expected 128 bytes/);
    expect(small.every((byte) => byte === 0)).toBe(true);
    expect(() => gemmPanelBytes({ ...shape, format: 'int3' as never })).toThrow(InvalidArgumentError);
    expect(() => gemmPanelBytes({ ...shape, depth: 0 })).toThrow(InvalidArgumentError);
  });

  it('are refused when tiles cannot be put together from them', () => {
    const description = product([4, 20, 4], traits, {
      b: { packed: true, format: 'float32', panelColumns: 12, batchBytes: 0 },
      blocking: { tileRows: 2, tileVectors: 2, depthBlock: 4, rowBlock: 4, packA: false, packB: false },
    });
    expect(() => emitKernel(new InterpreterTarget(traits), description)).toThrow(/panelColumns/);
  });
});

describe('the choice of a blocking', () => {
  it('gives distinct candidates that fit the registers, the default first, for every kind of shape', () => {
    const shapes: Sizes[] = [
      [1, 1, 1],
      [1, 1000, 784],
      [3, 64, 64],
      [8, 16, 1024],
      [64, 64, 64],
      [1024, 1024, 1024],
    ];
    for (const { host } of hosts) {
      const { traits } = host;
      for (const sizes of shapes) {
        const rights = FORMATS.map((format) => {
          return packedRight(sizes, traits, gemmPanelColumns(traits, sizes[1]) / traits.lanes, format);
        });
        for (const b of [undefined, ...rights]) {
          const { blocking, ...described } = product(sizes, traits, b ? { b } : {});
          const candidates = gemmBlockingCandidates(described, traits);
          expect(candidates[0]).toEqual(blocking);
          expect(candidates.length).toBeLessThanOrEqual(10);
          const keys = candidates.map((candidate) => kernelKey({ ...described, blocking: candidate }));
          expect(new Set(keys).size).toBe(keys.length);
          for (const candidate of candidates) {
            const target = new InterpreterTarget({ ...traits, fmaRounding: 'once' });
            expect(() => emitKernel(target, { ...described, blocking: candidate })).not.toThrow();
          }
        }
      }
    }
  });

  it('makes large products deeper and taller where caches are larger', () => {
    const { traits } = createInterpreterHost({ lanes: 8 });
    const described = product([4096, 4096, 4096], traits);
    const small = defaultGemmBlocking(described, traits, { level1Bytes: 32768, level2Bytes: 262144 });
    const large = defaultGemmBlocking(described, traits, { level1Bytes: 65536, level2Bytes: 4194304 });
    expect(large.depthBlock).toBeGreaterThan(small.depthBlock);
    expect(large.rowBlock * large.depthBlock).toBeGreaterThan(small.rowBlock * small.depthBlock);
  });

  it('refuses a tile that does not fit, and says what was asked for', () => {
    const { traits } = createInterpreterHost({ lanes: 8 });
    const blocking = {
      tileRows: 40,
      tileVectors: 4,
      depthBlock: 8,
      rowBlock: 40,
      packA: false,
      packB: false,
    };
    const description = product([40, 64, 8], traits, { blocking });
    expect(() => emitKernel(new InterpreterTarget(traits), description)).toThrow(RegisterBudgetError);
    expect(() => emitKernel(new InterpreterTarget(traits), description)).toThrow(/40 rows of 4 vectors/);
  });
});

describe('a description', () => {
  const { traits } = createInterpreterHost({ lanes: 4 });
  const valid = product([4, 6, 5], traits);

  it.each([
    ['no rows', { rows: 0 }],
    ['a fraction of a column', { columns: 1.5 }],
    ['a negative depth', { depth: -1 }],
    ['no batch', { batch: 0 }],
    ['a negative stride', { a: { rowStride: -5, columnStride: 1, batchStride: 0 } }],
    ['results at one place', { c: { rowStride: 0, columnStride: 1, batchStride: 0 } }],
    ['rows of C that overlap', { c: { rowStride: 3, columnStride: 1, batchStride: 0 } }],
    ['products of a batch that overlap', { batch: 2, c: { rowStride: 6, columnStride: 1, batchStride: 20 } }],
    ['a matrix beyond 2 GiB', { a: { rowStride: 2 ** 30, columnStride: 1, batchStride: 0 } }],
    ['an unknown activation', { epilogue: { bias: false, activation: 'step' as never, softmax: false } }],
    ['an unknown alpha', { alpha: 'two' as never }],
    ['an unknown beta', { beta: 'two' as never }],
    ['a tile without rows', { blocking: { ...valid.blocking, tileRows: 0 } }],
  ])('with %s is refused', (_, change) => {
    const description = { ...valid, ...change };
    expect(() => emitKernel(new InterpreterTarget(traits), description)).toThrow(InvalidArgumentError);
  });

  it('has another key for every field that changes the code', () => {
    const variants: GemmDescription[] = [
      valid,
      { ...valid, rows: 3 },
      { ...valid, batch: 2 },
      { ...valid, a: { ...valid.a, rowStride: 9 } },
      { ...valid, b: packedRight([4, 6, 5], traits, 1, 'float32') },
      { ...valid, b: packedRight([4, 6, 5], traits, 1, 'float16') },
      { ...valid, c: { ...valid.c, rowStride: 9 } },
      { ...valid, alpha: 'argument' },
      { ...valid, beta: 'one' },
      { ...valid, epilogue: { ...valid.epilogue, bias: true } },
      { ...valid, epilogue: { ...valid.epilogue, softmax: true } },
      { ...valid, epilogue: { ...valid.epilogue, activation: 'gelu' } },
      { ...valid, blocking: { ...valid.blocking, packA: !valid.blocking.packA } },
      { ...valid, blocking: { ...valid.blocking, packB: !valid.blocking.packB } },
      { ...valid, blocking: { ...valid.blocking, rowBlock: 1 } },
    ];
    expect(new Set(variants.map(kernelKey)).size).toBe(variants.length);
  });
});

describe('a trial', () => {
  const host = createInterpreterHost({ lanes: 4 });

  it.each(['all', 'sample'] as const)('notices a wrong element and a write outside (%s)', (effort) => {
    const description = product([3, 5, 4], host.traits, { c: rowMajor(3, 5, 2) });
    const trial = kernelTrial(description, host.traits, effort, 1);
    const memory = host.createMemory(trial.byteLength);
    const block = trial.prepare(memory);
    expect(trial.findError(memory)).toMatch(/expected .*, got NaN/);
    host.load([description], memory)[0]!.run(block);
    expect(trial.findError(memory)).toBeNull();
    const view = new DataView(memory.buffer, memory.byteOffset);
    const c = Number(view.getBigUint64(block - memory.address + 16, true)) - memory.address;
    const words = new Int32Array(memory.buffer, memory.byteOffset + c, 20);
    words[8]! ^= 1;
    expect(trial.findError(memory)).toMatch(/C\[0, 1, 1\]/);
    words[8]! ^= 1;
    new Int32Array(memory.buffer, memory.byteOffset + c - 4, 1)[0]! ^= 1;
    expect(trial.findError(memory)).toMatch(/a write at byte -4 of c/);
    new Int32Array(memory.buffer, memory.byteOffset + c - 4, 1)[0]! ^= 1;
    words[6] = 0;
    if (effort === 'all') expect(trial.findError(memory)).toMatch(/is not part of C/);
  });
});
