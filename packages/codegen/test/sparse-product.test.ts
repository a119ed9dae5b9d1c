import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mostSparseRows, packSparseColumns, type SparseProductDescription } from '../src/index.ts';
import { FEW_TAIL_SIZES } from './tail-sizes.ts';
import { findVectorErrors, openVectorHosts, type VectorHost } from './vector-hosts.ts';

let hosts: VectorHost[];

beforeAll(() => {
  hosts = openVectorHosts();
});

afterAll(() => {
  for (const { host } of hosts) host.dispose();
});

describe('products with sparse matrices', () => {
  it('give what the reference says for every tail, without and with a relu', () => {
    for (const { host, ...rest } of hosts) {
      const most = mostSparseRows(host.traits);
      const sizes = [...new Set([1, 2, 3, ...FEW_TAIL_SIZES, most])].filter((rows) => rows <= most);
      const descriptions = sizes.map((rows): SparseProductDescription => {
        const activation = rows % 2 === 0 ? 'none' : 'relu';
        return {
          kind: 'sparse-product',
          columns: (rows % 5) + 1,
          depth: 3 * rows + 1,
          rows,
          rowStride: rows + (rows % 3),
          activation,
        };
      });
      descriptions.push({
        kind: 'sparse-product',
        columns: 7,
        depth: 301,
        rows: 1,
        rowStride: 1,
        activation: 'none',
      });
      expect(findVectorErrors([{ host, ...rest }], descriptions, 5)).toEqual([]);
    }
  });
});

describe('packSparseColumns', () => {
  it('writes what is not 0, column after column, in steps of four', () => {
    const values = Float32Array.of(0, 1, 2, 0, 0, -0, 3, 0, 4, 5, 0, 6, 0, 7, 8);
    const { bytes, columnOffsets } = packSparseColumns(
      { values, depth: 5, columns: 3, depthStride: 3, columnStride: 1, bias: [9, 10, 11] },
      2,
    );
    const [words, floats] = [new Uint32Array(bytes.buffer), new Float32Array(bytes.buffer)];
    // Columns: [0, 0, 3, 5, 0] at 2 and 3, [1, 0, 0, 0, 7] at 0 and 4, [2, -0, 4, 6, 8] at 0, 2, 3 and 4.
    expect(columnOffsets).toEqual([0, 40, 80, 120]);
    expect([words[0], floats[1]]).toEqual([1, 9]);
    expect([...words.subarray(2, 6)]).toEqual([16, 8, 0, 0]);
    expect([...floats.subarray(6, 10)]).toEqual([3, 5, 0, 0]);
    expect([...words.subarray(22, 26), ...floats.subarray(26, 30)]).toEqual([0, 16, 8, 8, 2, 4, 6, 8]);
  });

  it('writes no step for a column of zeros, and refuses what is not finite', () => {
    const layout = { depth: 2, columns: 2, depthStride: 2, columnStride: 1, bias: null };
    expect(packSparseColumns({ ...layout, values: new Float32Array(4) }, 1).columnOffsets).toEqual([
      0, 8, 16,
    ]);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => packSparseColumns({ ...layout, values: [0, bad, 0, 0] }, 1)).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
      );
    }
  });
});
