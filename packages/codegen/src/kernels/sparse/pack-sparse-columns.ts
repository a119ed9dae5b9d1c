import { InvalidArgumentError } from '@qedge/core';
import { SPARSE_CHAINS, SPARSE_COLUMN_BYTES, SPARSE_STEP_BYTES } from '../../description/sparse-product.ts';

/** A matrix `[depth, columns]` in memory. */
export interface SparseSource {
  readonly values: ArrayLike<number>;
  readonly depth: number;
  readonly columns: number;
  /** Elements from one of the depth to the next, and from one column to the next. */
  readonly depthStride: number;
  readonly columnStride: number;
  /** `[columns]`, or null for zeros. */
  readonly bias: ArrayLike<number> | null;
}

/** The stream of a sparse product. */
export interface SparseStream {
  readonly bytes: Uint8Array;
  /** Where each column begins, in bytes, and the end. */
  readonly columnOffsets: readonly number[];
}

/**
 * Writes the numbers of a matrix that are not 0, column after column, as a sparse product reads them: how many steps of four numbers the column
 * has, its bias, and for each step four distances in bytes, each from the index before (at first from the beginning of x), and four numbers. The last
 * step is filled with zeros.
 *
 * @param rowStride of the description: distances are multiples of it.
 * @throws InvalidArgumentError for a number that is not finite: what a dense product makes of 0 times it would be lost.
 */
export function packSparseColumns(source: SparseSource, rowStride: number): SparseStream {
  const { values, depth, columns, depthStride, columnStride, bias } = source;
  const columnOffsets = [0];
  for (let column = 0; column < columns; column++) {
    let count = 0;
    for (let i = 0; i < depth; i++) if (values[i * depthStride + column * columnStride] !== 0) count++;
    const steps = Math.ceil(count / SPARSE_CHAINS);
    columnOffsets.push(columnOffsets[column]! + SPARSE_COLUMN_BYTES + steps * SPARSE_STEP_BYTES);
  }
  const bytes = new Uint8Array(columnOffsets[columns]!);
  const words = new Uint32Array(bytes.buffer);
  const floats = new Float32Array(bytes.buffer);
  for (let column = 0; column < columns; column++) {
    const start = columnOffsets[column]! >> 2;
    words[start] =
      (columnOffsets[column + 1]! - columnOffsets[column]! - SPARSE_COLUMN_BYTES) / SPARSE_STEP_BYTES;
    floats[start + 1] = bias === null ? 0 : bias[column]!;
    let [count, previous] = [0, 0];
    for (let i = 0; i < depth; i++) {
      const value = values[i * depthStride + column * columnStride]!;
      if (value === 0) continue;
      if (!Number.isFinite(value)) throw notFinite(i, column, value);
      const at =
        start + (SPARSE_COLUMN_BYTES >> 2) + Math.floor(count / SPARSE_CHAINS) * (SPARSE_STEP_BYTES >> 2);
      words[at + (count % SPARSE_CHAINS)] = (i - previous) * rowStride * 4;
      previous = i;
      floats[at + SPARSE_CHAINS + (count % SPARSE_CHAINS)] = value;
      count++;
    }
  }
  return { bytes, columnOffsets };
}

function notFinite(row: number, column: number, value: number): InvalidArgumentError {
  return new InvalidArgumentError('A sparse matrix holds a number that is not finite', {
    expected: 'finite numbers',
    actual: `${value} at [${row}, ${column}]`,
  });
}
