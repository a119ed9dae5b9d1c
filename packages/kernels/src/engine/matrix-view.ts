import type { MatrixLayout } from '@qedge/codegen';
import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import { type ByteRange, requireSize, typeName } from './operands.ts';

/** Elements of an array seen as a matrix, or as a batch of matrices of one shape. */
export interface MatrixView {
  readonly data: Float32Array;
  /** Elements from one row to the next. */
  readonly rowStride: number;
  /** Elements from one column to the next; default 1. */
  readonly columnStride?: number;
  /** Elements from one matrix of a batch to the next; default 0: all products share the matrix. */
  readonly batchStride?: number;
}

/** A plain array holds `[batch, rows, columns]`, row-major and without gaps. */
export type MatrixOperand = Float32Array | MatrixView;

/**
 * A matrix whose columns are stored one after the other, as in Fortran, MATLAB and OpenBLAS.
 *
 * @param leadingDimension elements from one column to the next: the number of rows, or more.
 */
export function columnMajor(data: Float32Array, leadingDimension: number, batchStride = 0): MatrixView {
  return { data, rowStride: 1, columnStride: leadingDimension, batchStride };
}

/** Sizes of an operand. */
export interface MatrixShape {
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
}

/** An operand whose every element is known to lie in its array. */
export interface CheckedMatrix {
  readonly data: Float32Array;
  readonly layout: MatrixLayout;
  /** From its first to its last element. */
  readonly range: ByteRange;
}

/**
 * Finds where the elements of an operand lie.
 *
 * @param shape of the operand as the product sees it, after a transposition.
 * @param transposed when the array holds the columns of that matrix as its rows.
 * @throws InvalidArgumentError for impossible strides, ShapeMismatchError for an array that is too short, or that, without
 *   strides, has not exactly the elements of the shape.
 */
export function checkMatrix(
  name: string,
  operand: MatrixOperand,
  shape: MatrixShape,
  transposed = false,
): CheckedMatrix {
  const stored = transposed ? { ...shape, rows: shape.columns, columns: shape.rows } : shape;
  const view = isView(operand) ? operand : denseView(name, operand, stored);
  const { data, rowStride, columnStride = 1, batchStride = 0 } = view;
  requireSize(`The row stride of ${name}`, rowStride);
  requireSize(`The column stride of ${name}`, columnStride);
  requireSize(`The batch stride of ${name}`, batchStride);
  const { batch, rows, columns } = stored;
  const last =
    batch * rows * columns === 0
      ? -1
      : (rows - 1) * rowStride + (columns - 1) * columnStride + (batch - 1) * batchStride;
  if (last >= data.length) {
    throw new ShapeMismatchError(`${name} is too short for its shape and strides`, {
      expected: `at least ${last + 1} elements for ${batch > 1 ? `${batch} x ` : ''}[${rows}, ${columns}]`,
      actual: `${data.length} elements`,
    });
  }
  const layout = transposed
    ? { rowStride: columnStride, columnStride: rowStride, batchStride }
    : { rowStride, columnStride, batchStride };
  return { data, layout, range: { name, from: data.byteOffset, to: data.byteOffset + (last + 1) * 4 } };
}

/** @throws InvalidArgumentError unless strides give every element of a result its own place. */
export function requireDistinct(
  name: string,
  { batch, rows, columns }: MatrixShape,
  layout: MatrixLayout,
): void {
  // Strides from the smallest up: each must step over everything that the smaller ones span.
  const axes = [
    { count: columns, stride: layout.columnStride },
    { count: rows, stride: layout.rowStride },
    { count: batch, stride: layout.batchStride },
  ]
    .filter(({ count }) => count > 1)
    .sort((a, b) => a.stride - b.stride);
  let span = 1;
  for (const { count, stride } of axes) {
    if (stride < span) {
      throw new InvalidArgumentError(`Elements of ${name} would share a place`, {
        expected: 'strides that give every element of the result a place of its own',
        actual: layout,
      });
    }
    span = stride * (count - 1) + span;
  }
}

function isView(operand: MatrixOperand): operand is MatrixView {
  return operand !== null && typeof operand === 'object' && 'data' in operand;
}

function denseView(name: string, data: Float32Array, { batch, rows, columns }: MatrixShape): MatrixView {
  const length = batch * rows * columns;
  const found = typeName(data);
  if (found !== 'Float32Array') {
    throw new InvalidArgumentError(`${name} has the wrong type`, {
      expected: 'Float32Array',
      remedy: 'For parts of a larger array give { data, rowStride }.',
      actual: found,
    });
  }
  if (data.length !== length) {
    throw new ShapeMismatchError(`${name} does not fit its shape`, {
      expected: `${length} elements for ${batch > 1 ? `${batch} x ` : ''}[${rows}, ${columns}]`,
      actual: `${data.length} elements`,
      remedy: 'For parts of a larger array give { data, rowStride }.',
    });
  }
  return { data, rowStride: columns, columnStride: 1, batchStride: rows * columns };
}
