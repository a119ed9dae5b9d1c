import { InvalidArgumentError, ShapeMismatchError } from './errors.ts';

/** Sizes per dimension, outermost first (row-major): `[batch, height, width, channels]`. `[]` is a scalar. */
export type Shape = readonly number[];

/**
 * The number of elements a shape holds; 1 for a scalar, 0 if any dimension is 0.
 * @throws InvalidArgumentError when a dimension is not a non-negative safe integer.
 */
export function elementCount(shape: Shape): number {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw new InvalidArgumentError('A dimension is not a size', {
        expected: 'integers >= 0',
        actual: shape,
      });
    }
    count *= size;
  }
  if (!Number.isSafeInteger(count)) {
    throw new InvalidArgumentError('A shape is too large to count', {
      expected: 'at most 2^53 - 1 elements',
      actual: shape,
    });
  }
  return count;
}

/** Elements to step per dimension in row-major order: `[2, 3, 4]` -> `[12, 4, 1]`. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** True when both shapes have the same rank and the same size on every axis. */
export function shapesEqual(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** `[2, 3]` -> `"[2, 3]"`. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

/** @throws ShapeMismatchError naming `what` when the shapes differ. */
export function assertShape(actual: Shape, expected: Shape, what: string): void {
  if (!shapesEqual(actual, expected)) {
    throw new ShapeMismatchError(`${what} has the wrong shape`, {
      expected: formatShape(expected),
      actual: formatShape(actual),
      facts: { expectedShape: expected, actualShape: actual },
    });
  }
}
