import { ShapeMismatchError, type ValueSpec } from '@qedge/core';
import { checkDtype, checkFinite, checkShape, takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';
import { scalarFunction, storeActivated } from './pointwise-function.ts';
import { broadcastShapes, broadcastStrides, walkRows } from './strided.ts';
import { newFloats } from './value-data.ts';

/** Rows, terms and columns of a product, from its operands' shapes. */
function productSizes(a: ValueSpec, b: ValueSpec, transposeA: boolean, transposeB: boolean) {
  if (a.shape.length < 2 || b.shape.length < 2) {
    throw new ShapeMismatchError('The operands of a matrix product are not matrices', {
      expected: 'at least 2 axes',
      actual: [a.shape, b.shape],
    });
  }
  const [a0, a1] = a.shape.slice(-2) as [number, number];
  const [b0, b1] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [a1, a0] : [a0, a1];
  const [terms, n] = transposeB ? [b1, b0] : [b0, b1];
  if (k !== terms) {
    throw new ShapeMismatchError('The operands of a matrix product do not fit', {
      expected: `${k} rows of b`,
      actual: terms,
      facts: { a: a.shape, b: b.shape },
    });
  }
  return { m, k, n, batch: broadcastShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)]) };
}

/** Matrix products. */
export const matmul: OperatorDefinition<'matmul'> = {
  kind: 'matmul',

  infer({ transposeA, transposeB, alpha, activation }, inputs) {
    const [a, b, bias] = takeInputs(inputs, ['a', 'b'], ['bias']);
    for (const operand of [a!, b!, bias!]) checkDtype(operand, 'operands of a matrix product', 'float32');
    checkFinite(alpha, 'The factor of a matrix product');
    const { m, n, batch } = productSizes(a!, b!, transposeA, transposeB);
    checkShape(bias!, 'numbers of the bias', [n]);
    if (activation !== null) scalarFunction(activation);
    return [{ dtype: 'float32', shape: [...batch, m, n] }];
  },

  evaluate({ transposeA, transposeB, alpha, activation }, inputs) {
    const [a, b, bias] = takeInputs(inputs, ['a', 'b'], ['bias']);
    const { m, k, n, batch } = productSizes(a!, b!, transposeA, transposeB);
    const { value, data: target } = newFloats([...batch, m, n]);
    const sums = new Float64Array(n);
    const [stepRow, stepTerm] = transposeA ? [1, m] : [k, 1];
    const [x, y, shift] = [a!.data, b!.data, bias?.data];
    let write = 0;
    const multiply = (atA: number, atB: number) => {
      for (let row = 0; row < m; row++, write += n) {
        sums.fill(0);
        const from = atA + row * stepRow;
        if (transposeB) {
          for (let column = 0; column < n; column++) {
            let sum = 0;
            for (let i = 0, at = atB + column * k; i < k; i++) sum += x[from + i * stepTerm]! * y[at + i]!;
            sums[column] = sum;
          }
        } else {
          for (let i = 0; i < k; i++) {
            const factor = x[from + i * stepTerm]!;
            for (let column = 0, at = atB + i * n; column < n; column++)
              sums[column]! += factor * y[at + column]!;
          }
        }
        for (let column = 0; column < n; column++) {
          sums[column] = alpha * sums[column]! + (shift === undefined ? 0 : shift[column]!);
        }
        storeActivated(sums, activation, target, write);
      }
    };
    // Every pair of matrices is one "row" of one element.
    const strides = (shape: readonly number[], size: number) => {
      return [...broadcastStrides(shape, batch).map((stride) => stride * size), 0];
    };
    const [shapeA, shapeB] = [a!.shape.slice(0, -2), b!.shape.slice(0, -2)];
    walkRows([...batch, 1], strides(shapeA, m * k), strides(shapeB, k * n), multiply);
    return [value];
  },
};
