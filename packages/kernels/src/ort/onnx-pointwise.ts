import type { PointwiseExpression, PointwiseFunction, PointwiseOperation } from '@qedge/core';
import type { OnnxAttribute } from './onnx-file.ts';
import type { OnnxWriter } from './onnx-of-graph.ts';

/** Functions that are one operator of ONNX. */
const FUNCTIONS: Partial<Record<PointwiseFunction['kind'], string>> = {
  relu: 'Relu',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
  gelu: 'Gelu',
  'gelu-tanh': 'Gelu',
  'hard-swish': 'HardSwish',
  softplus: 'Softplus',
  absolute: 'Abs',
  negate: 'Neg',
  exponential: 'Exp',
  logarithm: 'Log',
  'square-root': 'Sqrt',
  reciprocal: 'Reciprocal',
  'error-function': 'Erf',
  floor: 'Floor',
  ceiling: 'Ceil',
  round: 'Round',
  sign: 'Sign',
  'leaky-relu': 'LeakyRelu',
  elu: 'Elu',
  'hard-sigmoid': 'HardSigmoid',
};

const OPERATIONS: Readonly<Record<PointwiseOperation, string>> = {
  add: 'Add',
  subtract: 'Sub',
  multiply: 'Mul',
  divide: 'Div',
  minimum: 'Min',
  maximum: 'Max',
  power: 'Pow',
  equal: 'Equal',
  less: 'Less',
  greater: 'Greater',
};

/** The number of float32 in TensorProto.DataType. */
const FLOAT32 = 1;

/** Adds `apply(value)`. @returns its name: `output`, if given. */
export function addFunction(
  writer: OnnxWriter,
  apply: PointwiseFunction | null,
  value: string,
  output?: string,
): string {
  if (apply === null) return writer.add('Identity', [value], {}, output);
  switch (apply.kind) {
    case 'clip':
      return addClip(writer, value, apply.low, apply.high, output);
    case 'relu6':
      return addClip(writer, value, 0, 6, output);
    case 'silu':
      return writer.add('Mul', [value, writer.add('Sigmoid', [value])], {}, output);
    default: {
      const attributes: Record<string, OnnxAttribute> = {};
      if ('alpha' in apply) attributes.alpha = { float: apply.alpha };
      if ('beta' in apply) attributes.beta = { float: apply.beta };
      if (apply.kind === 'gelu-tanh') attributes.approximate = { text: 'tanh' };
      return writer.add(FUNCTIONS[apply.kind]!, [value], attributes, output);
    }
  }
}

function addClip(writer: OnnxWriter, value: string, low: number, high: number, output?: string): string {
  return writer.add('Clip', [value, writer.number(low), writer.number(high)], {}, output);
}

/** Adds an expression in the elements of `inputs`. @returns the name of its value, which may be one of them. */
export function addExpression(
  writer: OnnxWriter,
  expression: PointwiseExpression,
  inputs: readonly string[],
): string {
  const below = (part: PointwiseExpression) => addExpression(writer, part, inputs);
  if ('input' in expression) return inputs[expression.input]!;
  if ('constant' in expression) return writer.number(expression.constant);
  if ('apply' in expression) return addFunction(writer, expression.apply, below(expression.to));
  if ('operation' in expression) {
    const { operation } = expression;
    const value = writer.add(OPERATIONS[operation], [below(expression.a), below(expression.b)]);
    const isComparison = operation === 'equal' || operation === 'less' || operation === 'greater';
    return isComparison ? writer.add('Cast', [value], { to: FLOAT32 }) : value;
  }
  const isZero = writer.add('Equal', [below(expression.condition), writer.number(0)]);
  return writer.add('Where', [isZero, below(expression.b), below(expression.a)]);
}
