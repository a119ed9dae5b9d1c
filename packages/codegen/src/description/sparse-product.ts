import { InvalidArgumentError } from '@qedge/core';
import { requireInteger } from './require-integer.ts';

/**
 * A product with a matrix that is mostly zeros: `y[column, row] = activation(bias[column] + sum of value * x[index, row])` over the numbers of a column
 * that are not 0, for `rows` neighbouring rows at once. x is `[depth, all rows]` and y `[columns, all rows]`: vectors run along rows, and with
 * one row the numbers lie as in any vector.
 *
 * The matrix is a stream that `packSparseColumns` writes. Sums run in four chains, so that equal numbers give equal bits on every target that rounds
 * alike, whatever the number of rows. A number of x that is not finite reaches the columns that have a weight for it and, where a column is filled up with
 * zeros, those that have none.
 */
export interface SparseProductDescription {
  readonly kind: 'sparse-product';
  /** Positive. */
  readonly columns: number;
  /** Indices are below it. What a trial draws them from. */
  readonly depth: number;
  /** Rows of this call, 1 to {@link mostSparseRows}. */
  readonly rows: number;
  /** Elements from one index of x to the next, and from one column of y to the next; at least `rows`. */
  readonly rowStride: number;
  readonly activation: 'none' | 'relu';
}

/** Fields of the argument block; `count` is a place that the kernel writes to. */
export const SPARSE_PRODUCT_ARGUMENTS = { x: 0, stream: 1, y: 2, count: 3 } as const;

/** Fields that the argument block has. */
export const SPARSE_PRODUCT_ARGUMENT_COUNT = 4;

/** Numbers of a step of the stream, each of which adds to a chain of its own. */
export const SPARSE_CHAINS = 4;
/** Before the steps of a column: how many they are, and the bias. */
export const SPARSE_COLUMN_BYTES = 8;
/** Of a step: four distances in bytes from one index of x to the next, four numbers. */
export const SPARSE_STEP_BYTES = SPARSE_CHAINS * 8;

/** Distances are 32-bit. */
const MOST_BYTES = 2 ** 31;

/** @throws InvalidArgumentError for what is no such product. */
export function requireSparseProduct({
  columns,
  depth,
  rows,
  rowStride,
  activation,
}: SparseProductDescription): void {
  requireInteger('number of columns', columns, 1);
  requireInteger('depth of a product', depth, 1);
  requireInteger('number of rows', rows, 1);
  requireInteger('elements from one index to the next', rowStride, rows);
  if (activation !== 'none' && activation !== 'relu') {
    throw new InvalidArgumentError('A sparse product has another activation', {
      expected: 'none or relu',
      actual: String(activation),
    });
  }
  if (Math.max(depth, columns) * rowStride * 4 <= MOST_BYTES) return;
  throw new InvalidArgumentError('A sparse product reaches too far', {
    expected: `at most ${MOST_BYTES} bytes`,
    actual: Math.max(depth, columns) * rowStride * 4,
    remedy: 'Multiply fewer rows at once.',
  });
}
