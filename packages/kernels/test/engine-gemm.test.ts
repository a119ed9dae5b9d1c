import type { Activation, Isa } from '@qedge/codegen';
import { Random } from '@qedge/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KernelEngine } from '../src/engine/kernel-engine.ts';
import type { KernelWorkspace } from '../src/engine/workspace.ts';
import type { MatrixView } from '../src/index.ts';
import { eagerEngine, presentIsas } from './present-ways.ts';

const ACTIVATIONS: readonly Activation[] = [
  'none',
  'relu',
  'relu6',
  'sigmoid',
  'tanh',
  'gelu',
  'silu',
  'gelu-tanh',
  'hard-swish',
];

const UNIT_ROUNDOFF = 2 ** -24;
/** Absolute error of an activation of a float32 argument: the polynomials are good to a few units in the last place near 1. */
const ACTIVATION_ERROR = 1e-6;
const GUARD = -1.25e30;

/** A random product, with every way to say where its operands lie. */
const PRODUCTS = fc.record({
  m: fc.integer({ min: 0, max: 26 }),
  n: fc.integer({ min: 0, max: 70 }),
  k: fc.integer({ min: 0, max: 40 }),
  batch: fc.constantFrom(1, 1, 1, 3),
  transposeA: fc.boolean(),
  transposeB: fc.boolean(),
  packB: fc.boolean(),
  columnMajorC: fc.boolean(),
  gaps: fc.integer({ min: 0, max: 3 }),
  alpha: fc.constantFrom(1, 1, 0.5, -2, 0),
  beta: fc.constantFrom(0, 0, 1, -0.75),
  bias: fc.boolean(),
  activation: fc.constantFrom(...ACTIVATIONS),
  softmax: fc.constantFrom(false, false, false, true),
  seed: fc.nat({ max: 10_000 }),
});

type Product = typeof PRODUCTS extends fc.Arbitrary<infer Value> ? Value : never;

/** A matrix in an array of its own with guard values in front, behind, and in all gaps. */
function placeMatrix(
  space: KernelWorkspace,
  {
    batch,
    rows,
    columns,
    columnMajor,
    gaps,
  }: Record<'batch' | 'rows' | 'columns' | 'gaps', number> & { columnMajor: boolean },
  random: Random,
): MatrixView & { readonly whole: Float32Array } {
  const [rowStride, columnStride] = columnMajor ? [1, rows + gaps] : [columns + gaps, 1];
  const batchStride = (columnMajor ? columns : rows) * (columnMajor ? columnStride : rowStride) + gaps;
  const guards = 16;
  const whole = space.float32(guards + batch * batchStride + guards).fill(GUARD);
  const data = whole.subarray(guards, guards + batch * batchStride);
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++)
        data[b * batchStride + i * rowStride + j * columnStride] = random.normal();
    }
  }
  return { data, rowStride, columnStride, batchStride, whole };
}

function elementOf(
  { data, rowStride, columnStride = 1, batchStride = 0 }: MatrixView,
  b: number,
  i: number,
  j: number,
) {
  return data[b * batchStride + i * rowStride + j * columnStride]!;
}

function activate(activation: Activation, x: number): number {
  switch (activation) {
    case 'none':
      return x;
    case 'relu':
      return Math.max(0, x);
    case 'relu6':
      return Math.min(6, Math.max(0, x));
    case 'sigmoid':
      return 1 / (1 + Math.exp(-x));
    case 'tanh':
      return Math.tanh(x);
    case 'silu':
      return x / (1 + Math.exp(-x));
    case 'gelu':
      return (x / 2) * (1 + erf(x / Math.SQRT2));
    case 'gelu-tanh':
      return (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
    case 'hard-swish':
      return (x * Math.min(6, Math.max(0, x + 3))) / 6;
  }
}

/** `2 / sqrt(pi) * exp(-x^2) * sum of 2^n x^(2n+1) / (2n+1)!!`, all terms of one sign (DLMF 7.6.2); beyond 6 it is ±1 in float64. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, x];
  for (let n = 1; n < 300; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** Runs a product and compares every element with float64, and every guard value. @returns the bytes of the result. */
function runProduct(engine: KernelEngine, product: Product): Uint8Array {
  const {
    m,
    n,
    k,
    batch,
    transposeA,
    transposeB,
    packB,
    columnMajorC,
    gaps,
    alpha,
    beta,
    activation,
    softmax,
  } = product;
  const random = new Random(product.seed);
  const space = engine.workspace(1 << 20);
  const storedA = transposeA ? { rows: k, columns: m } : { rows: m, columns: k };
  const storedB = transposeB ? { rows: n, columns: k } : { rows: k, columns: n };
  const a = placeMatrix(space, { batch, ...storedA, columnMajor: false, gaps }, random);
  const b = placeMatrix(space, { batch, ...storedB, columnMajor: false, gaps }, random);
  const c = placeMatrix(space, { batch, rows: m, columns: n, columnMajor: columnMajorC, gaps }, random);
  const bias = product.bias ? space.float32(n).map(() => random.normal()) : undefined;
  const placedBias = bias && space.float32(n);
  placedBias?.set(bias!);
  const before = c.whole.slice();
  const canPack = packB && n > 0 && k > 0;
  const packed = canPack ? space.packMatrix({ k, n, b, batch, transposeB }) : null;
  const bound = space.gemm({
    m,
    n,
    k,
    batch,
    a,
    b: packed ?? b,
    c,
    transposeA,
    transposeB: packed ? false : transposeB,
    alpha,
    beta,
    ...(placedBias ? { bias: placedBias } : {}),
    activation,
    softmax,
  });
  bound.run();
  const kept = { ...c, data: before.subarray(16, before.length - 16) };
  const expected = before.slice();
  for (let t = 0; t < batch; t++) {
    for (let i = 0; i < m; i++) {
      const row = Array.from({ length: n }, (_, j) => {
        let [sum, magnitude] = [0, 0];
        for (let l = 0; l < k; l++) {
          const left = transposeA ? elementOf(a, t, l, i) : elementOf(a, t, i, l);
          const right = transposeB ? elementOf(b, t, j, l) : elementOf(b, t, l, j);
          sum += left * right;
          magnitude += Math.abs(left * right);
        }
        const old = beta === 0 ? 0 : beta * elementOf(kept, t, i, j);
        const x = alpha * sum + old + (bias?.[j] ?? 0);
        // k + 3 roundings of terms that are at most this large (Higham 2002, section 3.1).
        const scale = Math.abs(alpha) * magnitude + Math.abs(old) + Math.abs(bias?.[j] ?? 0);
        return {
          y: activate(activation, x),
          error: (k + 3) * UNIT_ROUNDOFF * scale + ACTIVATION_ERROR * Math.max(1, Math.abs(x)),
        };
      });
      const largest = Math.max(...row.map(({ y }) => y));
      const total = row.reduce((sum, { y }) => sum + Math.exp(y - largest), 0);
      const worst = Math.max(...row.map(({ error }) => error));
      for (let j = 0; j < n; j++) {
        const { y, error } = row[j]!;
        const actual = elementOf(c, t, i, j);
        const [value, allowed] = softmax ? [Math.exp(y - largest) / total, 2 * worst + 2e-6] : [y, error];
        // An expectation per element would take most of the time.
        if (!(Math.abs(actual - value) <= allowed)) {
          expect.fail(`[${t}, ${i}, ${j}]: ${actual} instead of ${value} ± ${allowed}`);
        }
        const at = t * c.batchStride! + i * c.rowStride + j * c.columnStride!;
        expected[16 + at] = actual;
      }
    }
  }
  // Everything that is no element of the result is as it was.
  expect(c.whole).toEqual(expected);
  return new Uint8Array(c.whole.slice().buffer);
}

describe('products of an engine', () => {
  describe.each(presentIsas())('on %s', (isa: Isa) => {
    const numRuns = isa === 'interpreter' ? 24 : 60;

    it('are right for every shape, layout and epilogue, and write nothing else', async () => {
      using engine = await eagerEngine(isa, 1);
      fc.assert(
        fc.property(PRODUCTS, (product) => void runProduct(engine, product)),
        { seed: 7, numRuns },
      );
    });

    it.skipIf(isa === 'interpreter')('have the same bits on 1, 2, 3 and 4 threads', async () => {
      const engines = await Promise.all([1, 2, 3, 4].map((threads) => eagerEngine(isa, threads)));
      expect(engines.map(({ threads }) => threads)).toEqual([1, 2, 3, 4]);
      fc.assert(
        fc.property(PRODUCTS, (product) => {
          const [alone, ...shared] = engines.map((engine) => runProduct(engine, product));
          for (const bytes of shared) expect(bytes).toEqual(alone);
        }),
        { seed: 8, numRuns: 12 },
      );
      for (const engine of engines) engine.dispose();
    });
  });

  it('have the same bits on every strict instruction set', async () => {
    const strict = presentIsas().filter((isa) => !['wasm', 'wasm-256'].includes(isa));
    const engines = await Promise.all(strict.map((isa) => eagerEngine(isa, 1, true)));
    expect(engines.every((engine) => engine.strict)).toBe(true);
    fc.assert(
      fc.property(PRODUCTS, (product) => {
        const [first, ...others] = engines.map((engine) => runProduct(engine, product));
        for (const bytes of others) expect(bytes).toEqual(first);
      }),
      { seed: 9, numRuns: 20 },
    );
    for (const engine of engines) engine.dispose();
  });
});
