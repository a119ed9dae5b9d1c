import { InvalidArgumentError, type PointwiseExpression, rowMajorStrides } from '@qedge/core';
import { checkDtype } from './input-checks.ts';
import type { OperatorDefinition, ValueData } from './operator-definition.ts';
import { scalarFunction, scalarOperation } from './pointwise-function.ts';
import { broadcastShapes, broadcastStrides, copyStrided } from './strided.ts';
import { newFloats } from './value-data.ts';

/** Deeper expressions are refused; passes do not build them. */
const DEEPEST_EXPRESSION = 200;

/** Functions of one element of each input. */
export const pointwise: OperatorDefinition<'pointwise'> = {
  kind: 'pointwise',

  infer({ expression }, inputs) {
    const present = inputs.map((input, i) => {
      if (input === null) {
        throw new InvalidArgumentError('An input of a pointwise operator is missing', { actual: i });
      }
      checkDtype(input, 'inputs of a pointwise operator', 'float32');
      return input;
    });
    checkExpression(expression, present.length, 0);
    return [{ dtype: 'float32', shape: broadcastShapes(present.map(({ shape }) => shape)) }];
  },

  evaluate({ expression }, inputs) {
    const values = inputs as readonly ValueData[];
    const shape = broadcastShapes(values.map((value) => value.shape));
    const { value, data } = newFloats(shape);
    const calculate = elementFunction(
      expression,
      values.map((input) => broadcastTo(input, shape)),
    );
    for (let i = 0; i < data.length; i++) data[i] = calculate(i);
    return [value];
  },
};

function broadcastTo(value: ValueData, shape: readonly number[]): ValueData['data'] {
  const { value: expanded, data } = newFloats(shape);
  if (value.data.length === data.length) return value.data;
  const from = { data: value.data, offset: 0, strides: broadcastStrides(value.shape, shape) };
  copyStrided(shape, from, { data: expanded.data, offset: 0, strides: rowMajorStrides(shape) });
  return data;
}

function checkExpression(expression: PointwiseExpression, inputs: number, depth: number): void {
  if (depth > DEEPEST_EXPRESSION) {
    throw new InvalidArgumentError('The expression is too deep', {
      expected: `at most ${DEEPEST_EXPRESSION}`,
    });
  }
  const below = (...parts: readonly PointwiseExpression[]) => {
    for (const part of parts) checkExpression(part, inputs, depth + 1);
  };
  if ('input' in expression) {
    if (Number.isInteger(expression.input) && expression.input >= 0 && expression.input < inputs) return;
    throw new InvalidArgumentError('The expression names an input that is not there', {
      expected: `0..${inputs - 1}`,
      actual: expression.input,
    });
  }
  if ('constant' in expression) return;
  if ('apply' in expression) {
    scalarFunction(expression.apply);
    below(expression.to);
  } else if ('operation' in expression) {
    scalarOperation(expression.operation);
    below(expression.a, expression.b);
  } else {
    below(expression.condition, expression.a, expression.b);
  }
}

/** The expression as a function of the index of an element, in float64. */
function elementFunction(
  expression: PointwiseExpression,
  inputs: readonly ValueData['data'][],
): (i: number) => number {
  if ('input' in expression) {
    const data = inputs[expression.input]!;
    return (i) => data[i]!;
  }
  if ('constant' in expression) {
    const constant = expression.constant;
    return () => constant;
  }
  if ('apply' in expression) {
    const [apply, to] = [scalarFunction(expression.apply), elementFunction(expression.to, inputs)];
    return (i) => apply(to(i));
  }
  const [a, b] = [elementFunction(expression.a, inputs), elementFunction(expression.b, inputs)];
  if ('operation' in expression) {
    const operation = scalarOperation(expression.operation);
    return (i) => operation(a(i), b(i));
  }
  const condition = elementFunction(expression.condition, inputs);
  return (i) => (condition(i) !== 0 ? a(i) : b(i));
}
