import type { PointwiseExpression, PointwiseOperation } from '@qedge/core';
import { addActivation } from './layer-activations.ts';
import { addNode, type LayerImporter, refuseSetting, settingsOf, weightConstant } from './layer-context.ts';

const X: PointwiseExpression = { input: 0 };

/** A layer that applies an expression to every number. */
function expressionLayer(
  expressionOf: (settings: Readonly<Record<string, unknown>>) => PointwiseExpression,
): LayerImporter {
  return (layer, [x], context) => {
    const expression = expressionOf(settingsOf(layer));
    return [addNode(context, layer, { kind: 'pointwise', expression }, [x])];
  };
}

const activation: LayerImporter = (layer, [x], context) => {
  return [addActivation(context, x, settingsOf(layer).activation, layer.name)];
};

const softmax: LayerImporter = (layer, [x], context) => {
  const { axis } = settingsOf(layer);
  const last = context.builder.spec(x).shape.length - 1;
  if (axis !== -1 && axis !== last) refuseSetting(layer, 'axis', 'the last one', axis);
  return [addNode(context, layer, { kind: 'softmax', log: false }, [x])];
};

/** `max(x, 0) + alpha * min(x, 0)`, alpha per element. */
const prelu: LayerImporter = (layer, [x], context) => {
  const zero = { constant: 0 };
  const below: PointwiseExpression = { operation: 'minimum', a: X, b: zero };
  const expression: PointwiseExpression = {
    operation: 'add',
    a: { operation: 'maximum', a: X, b: zero },
    b: { operation: 'multiply', a: { input: 1 }, b: below },
  };
  return [addNode(context, layer, { kind: 'pointwise', expression }, [x, weightConstant(context, layer, 0)])];
};

/** A function of two numbers over any number of inputs of one rank. */
function merge(operation: PointwiseOperation, mean = false): LayerImporter {
  return (layer, inputs, context) => {
    const ranks = new Set(inputs.map((input) => context.builder.spec(input).shape.length));
    if (ranks.size !== 1) refuseSetting(layer, 'inputs', 'inputs of one rank', [...ranks]);
    const terms = inputs.map((_, i): PointwiseExpression => ({ input: i }));
    const all = terms.reduce((a, b): PointwiseExpression => ({ operation, a, b }));
    const expression: PointwiseExpression = mean
      ? { operation: 'multiply', a: all, b: { constant: 1 / inputs.length } }
      : all;
    return [addNode(context, layer, { kind: 'pointwise', expression }, inputs)];
  };
}

const concatenate: LayerImporter = (layer, inputs, context) => {
  const axis = Number(settingsOf(layer).axis ?? -1);
  const rank = context.builder.spec(inputs[0]).shape.length;
  return [addNode(context, layer, { kind: 'concatenate', axis: axis < 0 ? axis + rank : axis }, inputs)];
};

/** The products of two batches of vectors. */
const dot: LayerImporter = (layer, inputs, context) => {
  const { axes, normalize } = settingsOf(layer);
  const [a, b] = inputs;
  const isVectors = inputs.every((input) => context.builder.spec(input).shape.length === 2);
  if (!isVectors || b === undefined) refuseSetting(layer, 'inputs', 'two batches of vectors', inputs.length);
  if (![axes].flat().every((axis) => axis === -1 || axis === 1)) refuseSetting(layer, 'axes', 1, axes);
  if (normalize) refuseSetting(layer, 'normalize', false, normalize);
  const expression = { operation: 'multiply', a: { input: 0 }, b: { input: 1 } } as const;
  const [products] = context.builder.add({ kind: 'pointwise', expression }, [a, b], {
    name: `${layer.name}/products`,
  });
  return [
    addNode(context, layer, { kind: 'reduction', operation: 'sum', axes: [1], keepAxes: true }, [products]),
  ];
};

/** `x` where it is larger than `theta`, else 0. */
function thresholdedRelu({ theta }: Readonly<Record<string, unknown>>): PointwiseExpression {
  const condition: PointwiseExpression = { operation: 'greater', a: X, b: { constant: Number(theta) } };
  return { condition, a: X, b: { constant: 0 } };
}

/** Layers that work number by number, or combine several inputs. */
export const POINTWISE_LAYERS: Readonly<Record<string, LayerImporter>> = {
  Activation: activation,
  Softmax: softmax,
  PReLU: prelu,
  ReLU: expressionLayer(({ maxValue }) => {
    if (maxValue === null || maxValue === undefined) return { apply: { kind: 'relu' }, to: X };
    return { apply: { kind: 'clip', low: 0, high: Number(maxValue) }, to: X };
  }),
  LeakyReLU: expressionLayer(({ alpha }) => ({ apply: { kind: 'leaky-relu', alpha: Number(alpha) }, to: X })),
  ELU: expressionLayer(({ alpha }) => ({ apply: { kind: 'elu', alpha: Number(alpha) }, to: X })),
  ThresholdedReLU: expressionLayer(thresholdedRelu),
  Rescaling: expressionLayer(({ scale, offset }) => ({
    operation: 'add',
    a: { operation: 'multiply', a: X, b: { constant: Number(scale) } },
    b: { constant: Number(offset) },
  })),
  Add: merge('add'),
  Multiply: merge('multiply'),
  Average: merge('add', true),
  Maximum: merge('maximum'),
  Minimum: merge('minimum'),
  Concatenate: concatenate,
  Dot: dot,
};
