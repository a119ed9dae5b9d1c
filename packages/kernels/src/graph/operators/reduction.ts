import { InvalidArgumentError, rowMajorStrides, type Shape } from '@qedge/core';
import { checkChoice, checkDtype, takeInputs } from './input-checks.ts';
import type { OperatorDefinition } from './operator-definition.ts';
import { walkRows } from './strided.ts';
import { newFloats } from './value-data.ts';

/** The operations of reductions. */
export const REDUCTIONS = ['sum', 'mean', 'maximum', 'minimum'] as const;

/**
 * Sums, means and extrema over axes. Extrema pass over NaN: of several NaNs only, or of nothing, they are infinite. Of one number all are that
 * number.
 */
export const reduction: OperatorDefinition<'reduction'> = {
  kind: 'reduction',

  infer({ operation, axes, keepAxes }, inputs) {
    const [x] = takeInputs(inputs, ['x']);
    checkDtype(x!, 'inputs of a reduction', 'float32');
    checkChoice(operation, 'reduction', REDUCTIONS);
    const rank = x!.shape.length;
    const ascending = axes.every((axis, i) => {
      return Number.isInteger(axis) && axis >= 0 && axis < rank && (i === 0 || axis > axes[i - 1]!);
    });
    if (!ascending) {
      throw new InvalidArgumentError('The axes of a reduction do not fit', {
        expected: `ascending axes in 0..${rank - 1}`,
        actual: axes,
      });
    }
    return [{ dtype: 'float32', shape: reducedShape(x!.shape, axes, keepAxes) }];
  },

  evaluate({ operation, axes, keepAxes }, inputs) {
    const [x] = takeInputs(inputs, ['x']);
    const { shape, data: source } = x!;
    const kept = reducedShape(shape, axes, true);
    const { data } = newFloats(kept);
    if (data.length === source.length) {
      data.set(source);
      return [{ dtype: 'float32', shape: reducedShape(shape, axes, keepAxes), data }];
    }
    const results = new Float64Array(data.length).fill(
      operation === 'maximum'
        ? Number.NEGATIVE_INFINITY
        : operation === 'minimum'
          ? Number.POSITIVE_INFINITY
          : 0,
    );
    const strides = rowMajorStrides(kept).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
    const combine = operation === 'maximum' ? larger : operation === 'minimum' ? smaller : plus;
    const [length, step] = [shape.at(-1) ?? 1, strides.at(-1) ?? 0];
    walkRows(shape, rowMajorStrides(shape), strides, (from, to) => {
      for (let i = 0, at = to; i < length; i++, at += step)
        results[at] = combine(results[at]!, source[from + i]!);
    });
    const divisor = operation === 'mean' ? axes.reduce((product, axis) => product * shape[axis]!, 1) : 1;
    for (let i = 0; i < data.length; i++) data[i] = results[i]! / divisor;
    return [{ dtype: 'float32', shape: reducedShape(shape, axes, keepAxes), data }];
  },
};

function plus(a: number, b: number): number {
  return a + b;
}

// Not Math.max and Math.min: those give NaN when either operand is NaN.
function larger(a: number, b: number): number {
  // biome-ignore lint/complexity/useMathMinMax: another result for NaN
  return b > a ? b : a;
}

function smaller(a: number, b: number): number {
  // biome-ignore lint/complexity/useMathMinMax: another result for NaN
  return b < a ? b : a;
}

function reducedShape(shape: Shape, axes: readonly number[], keepAxes: boolean): number[] {
  if (keepAxes) return shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
  return shape.filter((_, axis) => !axes.includes(axis));
}
