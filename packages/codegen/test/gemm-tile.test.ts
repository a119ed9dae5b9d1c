import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  detectWasmFeatures,
  emitKernel,
  type GemmDescription,
  type GemmElements,
  InterpreterTarget,
  maxTileRows,
  RegisterBudgetError,
  type Target,
  WASM_TRAITS,
  WasmTarget,
} from '../src/index.ts';
import './relaxed-simd.ts';
import { INTERPRETED_TRAITS, interpreterBackend, runGemm, wasmBackend } from './kernel-fixture.ts';

const features = detectWasmFeatures();
const exactBackends = [
  ...INTERPRETED_TRAITS.map(interpreterBackend),
  ...(features.simd ? [wasmBackend('strict')] : []),
];
const ELEMENTS: readonly GemmElements[] = ['float32', 'int8', 'int4'];
const EPILOGUES = [
  { bias: false, relu: false },
  { bias: true, relu: false },
  { bias: false, relu: true },
  { bias: true, relu: true },
];

function gemm(
  elements: GemmElements,
  rows: number,
  depth: number,
  columns: number,
  epilogue = 3,
): GemmDescription {
  return { kind: 'gemm', elements, rows, depth, columns, epilogue: EPILOGUES[epilogue]! };
}

describe.each(exactBackends)('the gemm tile on $name', (backend) => {
  it.each(ELEMENTS)('gives the reference bit for bit at every column tail (%s)', (elements) => {
    for (let columns = 1; columns <= 2 * 4 * 4 + 5; columns++) {
      const outcome = runGemm(backend, gemm(elements, 1, 5, columns), 1, columns);
      expect(outcome.actual, `columns ${columns}`).toEqual(outcome.expected);
      expect(outcome.guardsIntact, `columns ${columns}`).toBe(true);
    }
  });

  it.each(ELEMENTS)('gives the reference bit for bit at every depth from 1 to 19 (%s)', (elements) => {
    for (let depth = 1; depth <= 19; depth++) {
      const outcome = runGemm(backend, gemm(elements, 2, depth, 11), 2, depth);
      expect(outcome.actual, `depth ${depth}`).toEqual(outcome.expected);
      expect(outcome.guardsIntact, `depth ${depth}`).toBe(true);
    }
  });

  it.each(ELEMENTS)(
    'gives the reference bit for bit for every tile height, several blocks and no block (%s)',
    (elements) => {
      const tallest = maxTileRows(elements, backend.target(0).traits);
      expect(tallest).toBeGreaterThanOrEqual(4);
      for (let rows = 1; rows <= tallest; rows++) {
        for (const blocks of [0, 1, 3]) {
          for (const columns of [3, 8, 29, 40]) {
            const outcome = runGemm(backend, gemm(elements, rows, 7, columns, rows % 4), blocks, rows);
            expect(outcome.actual, `rows ${rows}, blocks ${blocks}, columns ${columns}`).toEqual(
              outcome.expected,
            );
            expect(outcome.guardsIntact).toBe(true);
          }
        }
      }
    },
  );

  it('holds for random shapes, epilogues and data', () => {
    const shape = fc.record({
      elements: fc.constantFrom(...ELEMENTS),
      rows: fc.integer({ min: 1, max: 4 }),
      blocks: fc.integer({ min: 1, max: 3 }),
      depth: fc.integer({ min: 1, max: 70 }),
      columns: fc.integer({ min: 1, max: 70 }),
      epilogue: fc.integer({ min: 0, max: 3 }),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(shape, ({ elements, rows, blocks, depth, columns, epilogue, seed }) => {
        const outcome = runGemm(backend, gemm(elements, rows, depth, columns, epilogue), blocks, seed);
        expect(outcome.actual).toEqual(outcome.expected);
        expect(outcome.guardsIntact).toBe(true);
      }),
      { seed: 1, numRuns: 25 },
    );
  });

  it('gives a row the same bits whatever rows are computed beside it', () => {
    const together = runGemm(backend, gemm('float32', 4, 33, 21), 1, 5);
    const alone = runGemm(backend, gemm('float32', 1, 33, 21), 4, 5);
    expect(together.actual).toEqual(alone.actual);
  });
});

describe.skipIf(!features.relaxedSimd)('the gemm tile with relaxed SIMD', () => {
  const backend = wasmBackend('relaxed');

  it.each(['int8', 'int4'] as const)('gives the reference bit for bit on integers (%s)', (elements) => {
    for (let columns = 1; columns <= 37; columns++) {
      const outcome = runGemm(backend, gemm(elements, 1 + (columns % 5), 6, columns), 2, columns);
      expect(outcome.actual, `columns ${columns}`).toEqual(outcome.expected);
      expect(outcome.guardsIntact).toBe(true);
    }
  });

  // Either sum of n terms is within (n + 1) roundoffs of the exact one (Higham 2002, section 3.1), so two of them are within
  // twice that; one more for the bias.
  it('stays within the rounding bound of the reference on float32', () => {
    for (const depth of [1, 2, 7, 64, 300]) {
      for (const rows of [1, 2, 3, 6]) {
        const outcome = runGemm(backend, gemm('float32', rows, depth, 29), 2, depth * rows);
        expect(outcome.worstRoundoffs).toBeLessThanOrEqual(2 * (depth + 2));
        expect(outcome.guardsIntact).toBe(true);
      }
    }
  });

  it('gives the bits of one of the two roundings, the same one everywhere', () => {
    const matching = (['once', 'twice'] as const).filter((fmaRounding) =>
      [1, 2, 3].every((seed) => {
        const interpreted = interpreterBackend({ ...WASM_TRAITS.relaxed, fmaRounding });
        const description = gemm('float32', 3, 40, 13);
        const bits = (values: Float32Array) => new Uint32Array(values.buffer);
        const relaxed = bits(runGemm(backend, description, 1, seed).actual);
        return bits(runGemm(interpreted, description, 1, seed).actual).every(
          (word, i) => word === relaxed[i],
        );
      }),
    );
    expect(matching).toHaveLength(1);
  });
});

describe('the register budget', () => {
  it('refuses a tile that is one row too tall, on every target, and says what claimed the registers', () => {
    for (const elements of ELEMENTS) {
      for (const traits of [...INTERPRETED_TRAITS, WASM_TRAITS.strict, WASM_TRAITS.relaxed]) {
        const rows = maxTileRows(elements, traits);
        const target = (): Target<unknown> =>
          traits.id.startsWith('wasm')
            ? new WasmTarget(traits.id === 'wasm-strict' ? 'strict' : 'relaxed', 6)
            : new InterpreterTarget(traits, 6);
        expect(() => emitKernel(target(), gemm(elements, rows, 4, 8))).not.toThrow();
        expect(() => emitKernel(target(), gemm(elements, rows + 1, 4, 8))).toThrow(RegisterBudgetError);
      }
    }
    expect(() => emitKernel(new WasmTarget('strict', 6), gemm('float32', 7, 4, 8))).toThrow(
      /row 0 2, row 1 2/,
    );
  });
});
