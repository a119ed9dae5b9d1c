import { InvalidArgumentError, type Operator, UnsupportedError, type ValueSpec } from '@qedge/core';
import { requireFunction, requireObject, requireSpec } from '../require-arguments.ts';
import { argExtremum } from './arg-extremum.ts';
import { attention } from './attention.ts';
import { cast } from './cast.ts';
import { channelScale } from './channel-scale.ts';
import { concatenate } from './concatenate.ts';
import { convolution } from './convolution.ts';
import type { CustomOperator, CustomOperators } from './custom-operator.ts';
import { expand } from './expand.ts';
import { gather } from './gather.ts';
import { groupedMatmul } from './grouped-matmul.ts';
import { layerNormalization } from './layer-normalization.ts';
import { matmul } from './matmul.ts';
import type { OperatorDefinition, ValueData } from './operator-definition.ts';
import { pad } from './pad.ts';
import { pointwise } from './pointwise.ts';
import { pooling } from './pooling.ts';
import { dequantize, quantize } from './quantize.ts';
import { recurrent } from './recurrent.ts';
import { reduction } from './reduction.ts';
import { reshape } from './reshape.ts';
import { resize } from './resize.ts';
import { slice } from './slice.ts';
import { softmax } from './softmax.ts';
import { transpose } from './transpose.ts';
import { transposedConvolution } from './transposed-convolution.ts';
import { newValue } from './value-data.ts';

/** What is known of every kind of operator; custom ones are known to the user alone. */
export const OPERATORS: {
  readonly [Kind in Exclude<Operator['kind'], 'custom'>]: OperatorDefinition<Kind>;
} = {
  'arg-extremum': argExtremum,
  attention,
  cast,
  'channel-scale': channelScale,
  concatenate,
  convolution,
  dequantize,
  expand,
  gather,
  'grouped-matmul': groupedMatmul,
  'layer-normalization': layerNormalization,
  matmul,
  pad,
  pointwise,
  pooling,
  quantize,
  recurrent,
  reduction,
  reshape,
  resize,
  slice,
  softmax,
  transpose,
  'transposed-convolution': transposedConvolution,
};

/**
 * The outputs of any operator.
 *
 * @throws ShapeMismatchError, InvalidArgumentError or UnsupportedError when the inputs do not fit or the operator is not known.
 */
export function inferOperator(
  operator: Operator,
  inputs: readonly (ValueSpec | null)[],
  customs: CustomOperators = {},
): readonly ValueSpec[] {
  if (operator.kind !== 'custom') return definitionOf(operator.kind).infer(operator, inputs);
  const outputs = customOperator(operator.operator, customs).infer(inputs, operator.attributes);
  return requireOutputs(operator.operator, outputs);
}

/** What any operator makes of its inputs, calculated by the reference. @throws as {@link inferOperator}. */
export function evaluateOperator(
  operator: Operator,
  inputs: readonly (ValueData | null)[],
  customs: CustomOperators = {},
): readonly ValueData[] {
  if (operator.kind !== 'custom') return definitionOf(operator.kind).evaluate(operator, inputs);
  const custom = customOperator(operator.operator, customs);
  const outputs = inferOperator(operator, inputs, customs).map(newValue);
  custom.evaluate(inputs, outputs, operator.attributes);
  return outputs;
}

/** What came out of `infer`. @throws InvalidArgumentError where that is no list of dtypes and shapes. */
function requireOutputs(name: string, outputs: readonly ValueSpec[]): readonly ValueSpec[] {
  if (!Array.isArray(outputs) || outputs.length === 0) {
    throw new InvalidArgumentError(`infer of the custom operator "${name}" returned no outputs`, {
      expected: 'a list of { dtype, shape }',
      actual: Array.isArray(outputs) ? 'an empty list' : typeof outputs,
    });
  }
  for (const [index, output] of outputs.entries()) {
    requireSpec(`Output ${index} of the custom operator "${name}"`, output);
  }
  return outputs.map(({ dtype, shape }) => ({ dtype, shape }));
}

/**
 * The operator of the user with this name.
 *
 * @throws UnsupportedError when there is none, InvalidArgumentError when it lacks a function.
 */
export function customOperator(name: string, customs: CustomOperators): CustomOperator {
  if (Object.hasOwn(customs, name)) {
    const custom = customs[name]!;
    requireObject(`The custom operator "${name}"`, custom, '{ infer, evaluate }');
    requireFunction(`infer of the custom operator "${name}"`, custom.infer);
    requireFunction(`evaluate of the custom operator "${name}"`, custom.evaluate);
    return custom;
  }
  throw new UnsupportedError(`The operator "${name}" is not known`, {
    expected: 'one that the graph runtime has, or one that the user provides',
    actual: name,
    remedy: `Provide it: { customs: { "${name}": { infer, evaluate } } }.`,
  });
}

function definitionOf(kind: Exclude<Operator['kind'], 'custom'>): OperatorDefinition<Operator['kind']> {
  if (Object.hasOwn(OPERATORS, kind)) return OPERATORS[kind] as OperatorDefinition<Operator['kind']>;
  throw new UnsupportedError('Unknown kind of operator', {
    expected: Object.keys(OPERATORS).join(', '),
    actual: kind,
  });
}
