import { rowMajorStrides, type Shape, ShapeMismatchError } from '@qedge/core';
import type { ValueData } from './operator-definition.ts';

type Elements = ValueData['data'];

/** The shape that `shapes` broadcast to, as in NumPy. @throws ShapeMismatchError when they do not. */
export function broadcastShapes(shapes: readonly Shape[]): number[] {
  const rank = shapes.reduce((most, shape) => Math.max(most, shape.length), 0);
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (const [i, size] of shape.entries()) {
      const axis = rank - shape.length + i;
      if (size === 1 || size === result[axis]) continue;
      if (result[axis] !== 1) {
        throw new ShapeMismatchError('The shapes do not broadcast against each other', {
          expected: 'axes of equal size, or of size 1',
          actual: shapes,
        });
      }
      result[axis] = size;
    }
  }
  return result;
}

/** Elements to step per axis of `to` through a row-major value of `shape` that is broadcast to it. */
export function broadcastStrides(shape: Shape, to: Shape): number[] {
  const strides = rowMajorStrides(shape);
  const missing = to.length - shape.length;
  return to.map((_, axis) => (axis < missing || shape[axis - missing] === 1 ? 0 : strides[axis - missing]!));
}

/**
 * Calls `visit` with the offsets of every row (last axis) of two strided views of one shape, in row-major order. A shape without
 * axes is one row of one element.
 */
export function walkRows(
  shape: Shape,
  stridesA: readonly number[],
  stridesB: readonly number[],
  visit: (a: number, b: number) => void,
): void {
  if (shape.includes(0)) return;
  const outer = Math.max(0, shape.length - 1);
  const position = new Array<number>(outer).fill(0);
  let [a, b] = [0, 0];
  for (;;) {
    visit(a, b);
    let axis = outer - 1;
    for (; axis >= 0; axis--) {
      a += stridesA[axis]!;
      b += stridesB[axis]!;
      if (++position[axis]! < shape[axis]!) break;
      position[axis] = 0;
      a -= stridesA[axis]! * shape[axis]!;
      b -= stridesB[axis]! * shape[axis]!;
    }
    if (axis < 0) return;
  }
}

/** Elements of a strided view. */
export interface StridedView {
  readonly data: Elements;
  readonly offset: number;
  readonly strides: readonly number[];
}

/** Copies `shape` elements from one strided view to another. */
export function copyStrided(shape: Shape, from: StridedView, to: StridedView): void {
  const length = shape.at(-1) ?? 1;
  const [stepFrom, stepTo] = [from.strides.at(-1) ?? 0, to.strides.at(-1) ?? 0];
  const [source, target] = [from.data, to.data];
  walkRows(shape, from.strides, to.strides, (a, b) => {
    let [read, write] = [a + from.offset, b + to.offset];
    for (let i = 0; i < length; i++) {
      target[write] = source[read]!;
      read += stepFrom;
      write += stepTo;
    }
  });
}
