import {
  type PointwiseExpression,
  type PointwiseFunction,
  type PointwiseOperation,
  ShapeMismatchError,
} from '@qedge/core';
import { Constant, MAX_FOLDED_ELEMENTS, runtimeDType } from './constant.ts';
import { ELEMENT_TYPE_TRAITS, type OnnxElementType } from './element-type.ts';
import { broadcastShapes, compileExpression, computeBroadcast } from './fold-pointwise.ts';
import { constantValue, type ImportedValue, isFoldable, numbersOf } from './imported-value.ts';
import type { NodeContext } from './node-context.ts';

/** Input `index` of an expression. */
export const at = (index: number): PointwiseExpression => ({ input: index });

/** A number in an expression. */
export function number(constant: number): PointwiseExpression {
  return { constant };
}

/** A function without parameters of an expression. */
export function apply(
  to: PointwiseExpression,
  kind: Exclude<PointwiseFunction, { alpha: number } | { low: number }>['kind'],
): PointwiseExpression {
  return { apply: { kind }, to };
}

/** `a operation b`. */
export function combine(
  a: PointwiseExpression,
  operation: PointwiseOperation,
  b: PointwiseExpression,
): PointwiseExpression {
  return { operation, a, b };
}

/** `a` where the condition is not 0, else `b`. */
export function choose(
  condition: PointwiseExpression,
  a: PointwiseExpression,
  b: PointwiseExpression,
): PointwiseExpression {
  return { condition, a, b };
}

/** The integer nearest to a quotient on the side of zero. */
export function truncated(x: PointwiseExpression): PointwiseExpression {
  return choose(combine(x, 'less', number(0)), apply(x, 'ceiling'), apply(x, 'floor'));
}

/**
 * An expression in values of one ONNX node, folded when all are known; `type` is the result's. Runtime integers are computed in float32:
 * exact up to 2^24.
 */
export function pointwise(
  context: NodeContext,
  expression: PointwiseExpression,
  inputs: readonly ImportedValue[],
  type: OnnxElementType,
): ImportedValue {
  return fold(expression, inputs, type) ?? emitPointwise(context, expression, inputs, type);
}

function fold(
  expression: PointwiseExpression,
  inputs: readonly ImportedValue[],
  type: OnnxElementType,
): ImportedValue | null {
  if (!inputs.every(isFoldable)) return null;
  const shape = broadcastShapes(inputs.map((input) => input.shape));
  if (shape === null) {
    throw new ShapeMismatchError('Inputs do not broadcast', {
      expected: 'equal sizes or 1',
      actual: inputs.map((input) => `[${input.shape.join(', ')}]`).join(' and '),
    });
  }
  const compute = compileExpression(expression);
  if (shape.reduce((product, size) => product * size, 1) > MAX_FOLDED_ELEMENTS) return null;
  const made = Constant.compute(
    type,
    shape,
    inputs.map((input) => input.constant!),
    (numbers) => numbersOf(type, computeBroadcast(compute, inputs, numbers, shape)),
  );
  return made && constantValue(made);
}

function emitPointwise(
  context: NodeContext,
  expression: PointwiseExpression,
  inputs: readonly ImportedValue[],
  type: OnnxElementType,
): ImportedValue {
  context.refuse(
    inputs.some(
      (input) =>
        input.constant === null && ELEMENT_TYPE_TRAITS[input.type].bits <= 8 && input.type !== 'bool',
    ) &&
      type !== 'bool' &&
      type !== 'float32',
    'arithmetic in integers of 8 bits',
  );
  const ranks = inputs.map((input) => (isScalar(input) ? 0 : input.shape.length));
  const rank = Math.max(...ranks);
  const inline = inputs.map((input) => isScalar(input) && input.shape.length <= rank);
  const kept = inputs.filter((_, index) => !inline[index]);
  if (kept.length === 0)
    return context.emit(
      { kind: 'pointwise', expression },
      inputs.map((each) => asFloat(context, each)),
      type,
    );
  const order = inputs.map((input) => kept.indexOf(input));
  const substituted = substitute(expression, (index) =>
    inline[index] ? number(inputs[index]!.constant!.numbers()[0]!) : at(order[index]!),
  );
  return context.emit(
    { kind: 'pointwise', expression: substituted },
    kept.map((each) => asFloat(context, each)),
    type,
  );
}

function isScalar(value: ImportedValue): boolean {
  return value.constant !== null && value.constant.elements === 1;
}

/** The expression with other operands. */
function substitute(
  expression: PointwiseExpression,
  operand: (index: number) => PointwiseExpression,
): PointwiseExpression {
  if ('input' in expression) return operand(expression.input);
  if ('constant' in expression) return expression;
  if ('apply' in expression) return { ...expression, to: substitute(expression.to, operand) };
  const [a, b] = [substitute(expression.a, operand), substitute(expression.b, operand)];
  if ('operation' in expression) return { ...expression, a, b };
  return { condition: substitute(expression.condition, operand), a, b };
}

/** The value with float32 numbers. */
export function asFloat(context: NodeContext, value: ImportedValue): ImportedValue {
  if (value.dtype === 'float32') return value;
  if (value.constant !== null) return constantValue(value.constant.asFloat32());
  return context.emit({ kind: 'cast', dtype: 'float32' }, [value], value.type);
}

/** The value with the numbers of its type. */
export function asTyped(context: NodeContext, value: ImportedValue): ImportedValue {
  const dtype = runtimeDType(value.type);
  if (value.constant !== null || value.dtype === dtype) return value;
  return context.emit({ kind: 'cast', dtype }, [value], value.type);
}
