import type { Operator, OperatorOf, Shape } from '@qedge/core';
import { invertPermutation, type Permutation, permute } from './permutation.ts';
import { sinkThroughReshape } from './sink-through-reshape.ts';

/** `operator(transpose(x))` written as `transpose(operator'(x))`. */
export interface SunkOperator {
  readonly operator: Operator;
  /** Of the transpose behind it. */
  readonly permutation: Permutation;
}

/**
 * The operator that makes the same of untransposed data, but for a transpose of the result; null where there is none.
 *
 * @param shapes of the inputs, transposed as the operator reads them.
 */
export function sinkThroughOperator(
  operator: Operator,
  shapes: readonly (Shape | null)[],
  output: Shape,
  permutation: Permutation,
): SunkOperator | null {
  const inverse = invertPermutation(permutation);
  const keepsLast = permutation.at(-1) === permutation.length - 1;
  switch (operator.kind) {
    case 'pointwise':
      return output.length === permutation.length ? { operator, permutation } : null;
    case 'cast':
      return { operator, permutation };
    case 'softmax':
    case 'layer-normalization':
    case 'channel-scale':
      return keepsLast ? { operator, permutation } : null;
    case 'matmul':
      return keepsLast && !operator.transposeA && shapes[1]!.length === 2 ? { operator, permutation } : null;
    case 'concatenate':
      return { operator: { ...operator, axis: permutation[operator.axis]! }, permutation };
    case 'quantize':
    case 'dequantize': {
      const axis = operator.axis === null ? null : permutation[operator.axis]!;
      return { operator: { ...operator, axis }, permutation };
    }
    case 'slice': {
      const { starts, steps, sizes } = operator;
      const [first, step, count] = [starts, steps, sizes].map((entries) => permute(entries, inverse));
      return { operator: { kind: 'slice', starts: first!, steps: step!, sizes: count! }, permutation };
    }
    case 'pad': {
      const [before, after] = [permute(operator.before, inverse), permute(operator.after, inverse)];
      return { operator: { ...operator, before, after }, permutation };
    }
    case 'expand':
      if (output.length !== permutation.length) return null;
      return { operator: { kind: 'expand', shape: permute(output, inverse) }, permutation };
    case 'reduction':
      return sinkThroughReduction(operator, permutation);
    case 'arg-extremum': {
      const axis = permutation[operator.axis]!;
      const left = operator.keepAxis ? permutation : withoutAxes(permutation, [axis]);
      return { operator: { ...operator, axis }, permutation: left };
    }
    case 'reshape':
      return sinkThroughReshape(shapes[0]!, output, permutation);
    default:
      return null;
  }
}

function sinkThroughReduction(operator: OperatorOf<'reduction'>, permutation: Permutation): SunkOperator {
  const axes = operator.axes.map((axis) => permutation[axis]!).sort((a, b) => a - b);
  const left = operator.keepAxes ? permutation : withoutAxes(permutation, axes);
  return { operator: { ...operator, axes }, permutation: left };
}

/** The order of the axes that are left when some of the untransposed value go. */
function withoutAxes(permutation: Permutation, gone: readonly number[]): number[] {
  const left = permutation.filter((axis) => !gone.includes(axis));
  const ascending = [...left].sort((a, b) => a - b);
  return left.map((axis) => ascending.indexOf(axis));
}
