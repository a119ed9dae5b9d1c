import { MOST_MAP_INPUTS } from '@qedge/codegen';
import { elementCount, type PointwiseExpression, type Shape } from '@qedge/core';
import type { BindingContext, KernelSteps } from '../../engine/binding.ts';
import { rowMajorStrides } from '../../engine/copy.ts';
import { mapSteps } from '../../engine/map.ts';
import { broadcastStrides } from '../operators/strided.ts';
import { limitInputs } from './limit-inputs.ts';
import type { Lowering } from './lowering.ts';
import { propagateNaN } from './propagate-nan.ts';

/** Numbers of a shape. */
export interface ShapedFloats {
  readonly shape: Shape;
  readonly data: Float32Array;
}

/** Numbers of a box: of all indices 0 the first of `data`. */
export interface StridedFloats {
  readonly data: Float32Array;
  /** In elements, one per axis of the box. */
  readonly strides: readonly number[];
}

/** An expression in the elements of inputs that broadcast to the output. */
export function pointwiseSteps(
  context: BindingContext,
  expression: PointwiseExpression,
  inputs: readonly ShapedFloats[],
  output: ShapedFloats,
): KernelSteps {
  const operands = inputs.map(({ shape, data }) => {
    return { data, strides: broadcastStrides(shape, output.shape) };
  });
  const target = { data: output.data, strides: rowMajorStrides(output.shape) };
  return stridedPointwiseSteps(context, expression, output.shape, operands, target);
}

/** An expression in the elements of strided inputs. The output may be an input of the same strides. */
export function stridedPointwiseSteps(
  context: BindingContext,
  expression: PointwiseExpression,
  sizes: Shape,
  inputs: readonly StridedFloats[],
  output: StridedFloats,
): KernelSteps {
  if (elementCount(sizes) === 0) return [];
  return context.arena.reuse(() => {
    const temporary = (): StridedFloats => ({
      data: context.arena.temporaryArray(Float32Array, elementCount(sizes), 'a part of an expression'),
      strides: rowMajorStrides(sizes),
    });
    return limitInputs(propagateNaN(expression), inputs, output, MOST_MAP_INPUTS, temporary).flatMap(
      (part) => {
        return mapSteps(context, { sizes, ...part });
      },
    );
  });
}

/** Expressions of elements. */
export function lowerPointwise(node: Lowering<'pointwise'>): KernelSteps {
  const place = ({ shape, floats }: { readonly shape: Shape; readonly floats: Float32Array }) => {
    return { shape, data: floats };
  };
  const inputs = node.inputs.map((input) => place(input!));
  return pointwiseSteps(node.context, node.operator.expression, inputs, place(node.outputs[0]!));
}
