import { elementCount, type PointwiseExpression, rowMajorStrides, type Shape } from '@qedge/core';
import { scalarFunction, scalarOperation } from '../operators/pointwise-function.ts';
import { readStrided } from './constant.ts';
import type { DecodedNumbers } from './decode-tensor.ts';

type Compute = (values: readonly number[]) => number;

/** A function that computes an expression in float64. */
export function compileExpression(expression: PointwiseExpression): Compute {
  if ('input' in expression) {
    const { input } = expression;
    return (values) => values[input]!;
  }
  if ('constant' in expression) {
    const { constant } = expression;
    return () => constant;
  }
  if ('apply' in expression) {
    const apply = scalarFunction(expression.apply);
    const to = compileExpression(expression.to);
    return (values) => apply(to(values));
  }
  const a = compileExpression(expression.a);
  const b = compileExpression(expression.b);
  if ('operation' in expression) {
    const operation = scalarOperation(expression.operation);
    return (values) => operation(a(values), b(values));
  }
  const condition = compileExpression(expression.condition);
  return (values) => (condition(values) !== 0 ? a(values) : b(values));
}

/** Values of `compute` for each index of `shape`, to which the inputs, `numbers` in their shapes, broadcast. */
export function computeBroadcast(
  compute: Compute,
  inputs: readonly { readonly shape: Shape }[],
  numbers: readonly DecodedNumbers[],
  shape: Shape,
): Float64Array {
  const expanded = inputs.map((input, which) => {
    const same = numbers[which]!.length === elementCount(shape);
    return same
      ? numbers[which]!
      : readStrided(numbers[which]!, 0, shape, broadcastStrides(input.shape, shape.length));
  });
  const values = new Array<number>(inputs.length);
  return new Float64Array(elementCount(shape)).map((_, index) => {
    for (let which = 0; which < values.length; which++) values[which] = expanded[which]![index]!;
    return compute(values);
  });
}

/** Elements to step per axis of a broadcast result: 0 along axes that repeat. */
export function broadcastStrides(shape: Shape, rank: number): number[] {
  const own = rowMajorStrides(shape).map((stride, axis) => (shape[axis] === 1 ? 0 : stride));
  return [...new Array<number>(rank - shape.length).fill(0), ...own];
}

/** The shape to which all broadcast, as in NumPy; null when they do not. */
export function broadcastShapes(shapes: readonly Shape[]): number[] | null {
  const rank = shapes.reduce((most, { length }) => Math.max(most, length), 0);
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (const [axis, size] of shape.entries()) {
      const at = axis + rank - shape.length;
      if (size === 1) continue;
      if (result[at] !== 1 && result[at] !== size) return null;
      result[at] = size;
    }
  }
  return result;
}
