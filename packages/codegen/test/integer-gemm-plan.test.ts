import { InvalidArgumentError } from '@qedge/core';
import { describe, expect, it } from 'vitest';
import {
  createInterpreterHost,
  defaultCodeRowStride,
  defaultIntegerBlocking,
  type IntegerGemmDescription,
  type IntegerWeights,
  integerBlockingCandidates,
  integerPanelLayout,
  kernelKey,
  kernelTrial,
  MAX_INTEGER_DEPTH,
  MAX_ROW_ZERO_POINT_DEPTH,
  NO_EPILOGUE,
  packIntegerPanels,
  RegisterBudgetError,
  type TargetTraits,
  WASM_TRAITS,
} from '../src/index.ts';
import { INTERPRETED_FORMS } from './integer-hosts.ts';

const WEIGHTS: readonly IntegerWeights[] = ['int8', 'int4'];

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

describe('packed integer weights', () => {
  const { traits } = createInterpreterHost({ lanes: 4, dot: 'bytes' });

  it('hold codes, start values, column sums, scales and bias where the layout says', () => {
    const description = product([1, 6, 5], traits, {
      output: 'float32',
      rowScales: true,
      rowZeroPoints: true,
      epilogue: { bias: true, activation: 'none', softmax: false },
      blocking: { tileRows: 1, tileVectors: 1, rowBlock: 1 },
    });
    const layout = integerPanelLayout(description, traits);
    const codes = Int8Array.from({ length: 30 }, (_, i) => ((i * 37) % 256) - 128);
    const target = new Uint8Array(layout.byteLength);
    const scales = Float32Array.from([1, 2, 3, 4, 5, 6]);
    const bias = Float32Array.from([-1, -2, -3, -4, -5, -6]);
    packIntegerPanels(
      description,
      traits,
      { codes, rowStride: 6, columnStride: 1, zeroPoint: 7, scales, bias },
      target,
    );
    for (const [column, k] of [
      [0, 0],
      [3, 4],
      [4, 1],
      [5, 3],
    ] as const) {
      const panel = layout.panels[Math.floor(column / 4)]!;
      const at = panel.byteOffset + (Math.floor(k / 4) * 4 + (column % 4)) * 4 + (k % 4);
      expect((target[at]! << 24) >> 24).toBe(codes[k * 6 + column]);
      const sum = [0, 1, 2, 3, 4].reduce((total, row) => total + codes[row * 6 + column]!, 0);
      const view = new DataView(target.buffer, panel.byteOffset);
      const { parameters } = panel;
      const offset = (column % 4) * 4;
      expect(view.getInt32(parameters.starts + offset, true)).toBe(-7 * sum);
      const sums = [
        view.getInt16(parameters.columnSums + offset, true),
        view.getInt16(parameters.columnSums + offset + 2, true),
      ];
      expect(sums[0]! + 128 * sums[1]!).toBe(sum);
      expect(view.getFloat32(parameters.scales + offset, true)).toBe(column + 1);
      expect(view.getFloat32(parameters.bias + offset, true)).toBe(-column - 1);
    }
  });

  it('are the same from row-major and from column-major codes, in every form', () => {
    const forms = [
      { lanes: 4, dot: 'bytes', multiplyBytes: 0 },
      { lanes: 4, dot: 'words', multiplyBytes: 0 },
      { lanes: 4, dot: 'words', multiplyBytes: 7 },
    ] as const;
    for (const form of forms) {
      for (const weights of WEIGHTS) {
        const description = product([1, 11, 13], traits, { weights });
        const rowMajor = Int8Array.from({ length: 143 }, (_, i) => ((i * 7) % 16) - 8);
        const columnMajor = Int8Array.from(
          { length: 143 },
          (_, i) => rowMajor[(i % 13) * 11 + Math.floor(i / 13)]!,
        );
        const pack = (codes: Int8Array, rowStride: number, columnStride: number) => {
          const target = new Uint8Array(integerPanelLayout(description, form).byteLength);
          const source = { codes, rowStride, columnStride, zeroPoint: 3, scales: null, bias: null };
          packIntegerPanels(description, form, source, target);
          return target;
        };
        expect(pack(columnMajor, 1, 13)).toEqual(pack(rowMajor, 11, 1));
      }
    }
  });

  it('are refused with wrong lengths, codes or zero points', () => {
    const description = product([1, 4, 4], traits, { weights: 'int4', output: 'float32' });
    const target = new Uint8Array(integerPanelLayout(description, traits).byteLength);
    const source = {
      codes: new Int8Array(16),
      rowStride: 4,
      columnStride: 1,
      zeroPoint: 0,
      scales: new Float32Array(4),
      bias: null,
    };
    const pack = (change: object, into = target) =>
      packIntegerPanels(description, traits, { ...source, ...change }, into);
    expect(() => pack({})).not.toThrow();
    for (const change of [
      { codes: new Int8Array(15) },
      { codes: new Int8Array(16).fill(8, 3, 4) },
      { codes: new Int8Array(16).fill(-9, 15) },
      { scales: null },
      { scales: new Float32Array(3) },
      { zeroPoint: 256 },
      { zeroPoint: 0.5 },
    ]) {
      expect(() => pack(change), JSON.stringify(change)).toThrow(InvalidArgumentError);
    }
    expect(() => pack({}, new Uint8Array(target.length - 1))).toThrow(InvalidArgumentError);
  });
});

describe('integer-gemm descriptions', () => {
  const { traits } = createInterpreterHost();
  const valid = product([3, 4, 5], traits);

  it('have different keys when anything differs', () => {
    const changes: Partial<IntegerGemmDescription>[] = [
      {},
      { rows: 4 },
      { columns: 5, cRowStride: 7 },
      { depth: 6 },
      { weights: 'int4' },
      { aRowStride: 64 },
      { cRowStride: 8 },
      { output: 'float32' },
      { output: 'float32', rowScales: true },
      { rowZeroPoints: true },
      { output: 'float32', epilogue: { bias: true, activation: 'none', softmax: false } },
      { output: 'float32', epilogue: { bias: true, activation: 'relu', softmax: false } },
      { blocking: { ...valid.blocking, tileRows: 2 } },
      { blocking: { ...valid.blocking, tileVectors: 2 } },
      { blocking: { ...valid.blocking, rowBlock: 7 } },
    ];
    const keys = changes.map((change) => kernelKey({ ...valid, ...change }));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('are refused when they make no sense', () => {
    const changes: object[] = [
      { rows: 0 },
      { columns: 1.5 },
      { depth: -1 },
      { depth: MAX_INTEGER_DEPTH + 1, aRowStride: 2 ** 17 },
      { depth: MAX_ROW_ZERO_POINT_DEPTH + 1, aRowStride: 2 ** 16, rowZeroPoints: true },
      { aRowStride: 5 },
      { cRowStride: 3 },
      { rows: 2 ** 20, cRowStride: 2 ** 12 },
      { weights: 'int5' },
      { output: 'int16' },
      { rowScales: true },
      { epilogue: { bias: true, activation: 'none', softmax: false } },
      { epilogue: { bias: false, activation: 'relu', softmax: false } },
      { output: 'float32', epilogue: { bias: false, activation: 'cosine', softmax: false } },
      { output: 'float32', epilogue: { bias: false, activation: 'none', softmax: true } },
      { blocking: { ...valid.blocking, tileRows: 0 } },
    ];
    for (const change of changes) {
      const description = { ...valid, ...change } as IntegerGemmDescription;
      expect(() => kernelTrial(description, traits, 'all', 1), JSON.stringify(change)).toThrow(
        InvalidArgumentError,
      );
    }
  });

  it('whose tile does not fit the registers are refused, not spilled', () => {
    const host = createInterpreterHost({ lanes: 4 });
    const description = { ...valid, rows: 40, blocking: { tileRows: 20, tileVectors: 1, rowBlock: 40 } };
    expect(() => host.load([description], host.createMemory(64))).toThrow(RegisterBudgetError);
  });

  it('get blockings that fit every target', () => {
    for (const host of [
      ...INTERPRETED_FORMS.map((form) => createInterpreterHost(form).traits),
      ...Object.values(WASM_TRAITS),
    ]) {
      for (const [rows, columns] of [
        [1, 1],
        [1, 1000],
        [3, 64],
        [7, 7],
        [128, 256],
        [1000, 30],
      ] as const) {
        const shape = { rows, columns, depth: 64, weights: 'int4', epilogue: NO_EPILOGUE } as const;
        const candidates = integerBlockingCandidates(shape, host);
        expect(candidates.length).toBeGreaterThan(0);
        expect(candidates[0]).toEqual(defaultIntegerBlocking(shape, host));
        for (const { tileRows } of candidates) expect(tileRows).toBeLessThanOrEqual(rows);
      }
      expect(
        defaultIntegerBlocking(
          { rows: 9, columns: 9, depth: 9, weights: 'int8', epilogue: NO_EPILOGUE },
          host,
          2,
        ).tileVectors,
      ).toBe(2);
    }
  });
});
