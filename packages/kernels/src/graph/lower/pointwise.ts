import type { PointwiseExpression, Shape } from '@qedge/core';
import { UnsupportedError } from '@qedge/core';
import type { BindingContext, KernelSteps } from '../../engine/binding.ts';
import { combineSteps } from '../../engine/element-kernels.ts';
import { activationSteps } from '../../engine/row-kernels.ts';
import type { Lowering } from './lowering.ts';

/** Numbers of a shape. */
export interface ShapedFloats {
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** An expression in the elements of inputs that broadcast to the output. */
export function pointwiseSteps(
  context: BindingContext,
  expression: PointwiseExpression,
  inputs: readonly ShapedFloats[],
  output: ShapedFloats,
): KernelSteps {
  if ('apply' in expression && 'input' in expression.to) {
    const kind = expression.apply.kind;
    return activationSteps(context, {
      activation: kind as 'relu',
      input: inputs[0]!.data,
      output: output.data,
    });
  }
  if ('operation' in expression && 'input' in expression.a && 'input' in expression.b) {
    return combineSteps(context, {
      operation: expression.operation as 'add',
      a: inputs[expression.a.input]!.data,
      b: inputs[expression.b.input]!.data,
      output: output.data,
    });
  }
  throw new UnsupportedError('No kernel for this expression');
}

/** Expressions of elements. */
export function lowerPointwise(node: Lowering<'pointwise'>): KernelSteps {
  const place = ({ shape, floats }: { readonly shape: Shape; readonly floats: Float32Array }) => {
    return { shape, data: floats };
  };
  const inputs = node.inputs.map((input) => place(input!));
  return pointwiseSteps(node.context, node.operator.expression, inputs, place(node.outputs[0]!));
}
