import { elementCount, InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import { Constant } from './constant.ts';
import { constantValue, type ImportedValue } from './imported-value.ts';
import type { ImportOperator, NodeContext } from './node-context.ts';
import { apply, asFloat, at, combine, number, pointwise } from './pointwise.ts';
import { reduce } from './reduction-operators.ts';
import { reshape, toChannelsFirst, toChannelsLast, transpose } from './structure.ts';

/** `x * scale + shift` along axis 1, with what training found. */
const batchNormalization: ImportOperator = (context) => {
  context.refuse(context.integer('training_mode', 0) !== 0 || context.wants(1), 'training');
  context.refuse(context.integer('spatial', 1) === 0, 'a scale per cell');
  const x = context.input(0);
  const channels = x.shape[1];
  if (channels === undefined)
    throw new ShapeMismatchError('BatchNormalization needs channels', {
      expected: 'axis 1',
      actual: x.shape,
    });
  const numbers = [1, 2, 3, 4].map((index) =>
    asFloat(context, reshape(context, context.input(index), [channels])),
  );
  const { scale, shift } = channelScale(context, numbers, context.float('epsilon', 1e-5));
  const scaleLast = (last: ImportedValue) => {
    return context.emit({ kind: 'channel-scale', activation: null }, [last, scale, shift], x.type);
  };
  const rank = x.shape.length;
  if (rank === 2) return scaleLast(x);
  if (rank === 4) return toChannelsFirst(context, scaleLast(toChannelsLast(context, x)));
  const axes = x.shape.map((_, axis) => axis);
  const last = transpose(context, x, [0, ...axes.slice(2), 1]);
  return transpose(context, scaleLast(last), [0, rank - 1, ...axes.slice(1, -1)]);
};

/** Scale `gamma / sqrt(variance + epsilon)` and shift `beta - mean * scale`, as constants where they are. */
function channelScale(context: NodeContext, values: readonly ImportedValue[], epsilon: number) {
  const [gamma, beta, mean, variance] = values as [
    ImportedValue,
    ImportedValue,
    ImportedValue,
    ImportedValue,
  ];
  const constants = values.map(({ constant }) => constant);
  if (constants.every((each) => each !== null)) return constantScale(constants as Constant[], epsilon);
  const deviation = apply(combine(at(1), 'add', number(epsilon)), 'square-root');
  const scale = pointwise(context, combine(at(0), 'divide', deviation), [gamma, variance], 'float32');
  const moved = combine(at(0), 'subtract', combine(at(1), 'multiply', at(2)));
  return { scale, shift: pointwise(context, moved, [beta, mean, scale], 'float32') };
}

function constantScale(constants: readonly Constant[], epsilon: number) {
  const [gamma, beta, mean, variance] = constants as [Constant, Constant, Constant, Constant];
  const factors = () => {
    const [g, v] = [gamma.load(), variance.load()];
    return Float64Array.from({ length: g.length }, (_, index) => g[index]! / Math.sqrt(v[index]! + epsilon));
  };
  const scale = new Constant('float32', gamma.shape, () => Float32Array.from(factors()), gamma.label);
  const shifts = () => {
    const [b, m] = [beta.load(), mean.load()];
    return Float32Array.from(factors(), (factor, index) => b[index]! - m[index]! * factor);
  };
  const shift = new Constant('float32', beta.shape, shifts, beta.label);
  return { scale: constantValue(scale), shift: constantValue(shift) };
}

/** Over all axes from `axis` on, which are taken as one. */
function normalizeLayer(
  context: NodeContext,
  x: ImportedValue,
  gamma: ImportedValue | null,
  beta: ImportedValue | null,
  axis: number,
  epsilon = context.float('epsilon', 1e-5),
): ImportedValue {
  const { shape } = x;
  const inner = elementCount(shape.slice(axis));
  const rows = axis === shape.length - 1 ? x : reshape(context, x, [...shape.slice(0, axis), inner]);
  const line = (value: ImportedValue | null) => value && reshape(context, value, [inner]);
  const whole = [gamma, beta].every((value) => value === null || elementCount(value.shape) === inner);
  const factors = whole ? [line(gamma), line(beta)] : [null, null];
  const inputs = [rows, ...factors.slice(0, factors[1] ? 2 : factors[0] ? 1 : 0)];
  const y = reshape(context, context.emit({ kind: 'layer-normalization', epsilon }, inputs, x.type), shape);
  if (whole) return y;
  const scaled = gamma ? pointwise(context, combine(at(0), 'multiply', at(1)), [y, gamma], x.type) : y;
  return beta ? pointwise(context, combine(at(0), 'add', at(1)), [scaled, beta], x.type) : scaled;
}

const layerNormalization: ImportOperator = (context) => {
  context.refuse(context.wants(1) || context.wants(2), 'the outputs Mean and InvStdDev');
  const x = context.input(0);
  const axis = context.axis(context.integer('axis', -1), x.shape.length);
  return normalizeLayer(context, x, context.input(1), context.optional(2), axis);
};

/** `x / sqrt(mean(x^2) + epsilon) * gamma`, over all axes from `axis` on. */
function normalizeRootMeanSquare(
  context: NodeContext,
  x: ImportedValue,
  gamma: ImportedValue,
  axis: number,
  epsilon = context.float('epsilon', 1e-5),
): ImportedValue {
  const axes = x.shape.map((_, each) => each).slice(axis);
  const squares = pointwise(context, combine(at(0), 'multiply', at(0)), [x], x.type);
  const mean = reduce(context, squares, 'mean', axes, true);
  const root = apply(combine(at(1), 'add', number(epsilon)), 'square-root');
  const quotient = combine(at(0), 'divide', root);
  return pointwise(context, combine(quotient, 'multiply', at(2)), [x, mean, gamma], x.type);
}

const rootMeanSquare: ImportOperator = (context) => {
  context.refuse(context.wants(1), 'the output InvStdDev');
  const x = context.input(0);
  return normalizeRootMeanSquare(
    context,
    x,
    context.input(1),
    context.axis(context.integer('axis', -1), x.shape.length),
  );
};

/** Over the cells of each channel. */
const instanceNormalization: ImportOperator = (context) => {
  const x = context.input(0);
  const [batch, channels, ...spatial] = x.shape as [number, number, ...number[]];
  if (spatial.length === 0)
    throw new InvalidArgumentError('InstanceNormalization needs images', { actual: x.shape });
  return normalizeGroups(context, x, [batch, channels, elementCount(spatial)], channels);
};

/** Over the cells of each group of channels; before version 21 with a scale per group. */
const groupNormalization: ImportOperator = (context) => {
  const x = context.input(0);
  const [batch, channels, ...spatial] = x.shape as [number, number, ...number[]];
  const groups = context.integer('num_groups', 0);
  if (!(groups >= 1 && channels % groups === 0))
    throw new InvalidArgumentError('num_groups does not divide the channels', {
      expected: channels,
      actual: groups,
    });
  const shape = [batch, groups, (channels / groups) * elementCount(spatial)];
  return normalizeGroups(context, x, shape, context.operatorSet < 21 ? groups : channels);
};

/** Normalises the rows of `rows`, then scales and shifts with one number per `parts`-th of the channels. */
function normalizeGroups(
  context: NodeContext,
  x: ImportedValue,
  rows: readonly number[],
  parts: number,
): ImportedValue {
  const epsilon = context.float('epsilon', 1e-5);
  const flat = context.emit({ kind: 'layer-normalization', epsilon }, [reshape(context, x, rows)], x.type);
  const [batch, channels] = x.shape as [number, number];
  const cells = elementCount(x.shape.slice(2)) * (channels / parts);
  const y = reshape(context, flat, [batch, parts, cells]);
  const [scale, shift] = [1, 2].map((index) => reshape(context, context.input(index), [1, parts, 1])) as [
    ImportedValue,
    ImportedValue,
  ];
  const affine = combine(combine(at(0), 'multiply', at(1)), 'add', at(2));
  return reshape(context, pointwise(context, affine, [y, scale, shift], x.type), x.shape);
}

/** ONNX Runtime's normalisation of a sum. Inputs: x, skip, gamma, beta, bias; without beta in the simplified form. */
function skipNormalization(simplified: boolean): ImportOperator {
  return (context) => {
    context.refuse(context.wants(1) || context.wants(2), 'the outputs of statistics');
    const [x, skip, gamma] = [context.input(0), context.input(1), context.input(2)];
    const [beta, bias] = simplified
      ? [null, context.optional(3)]
      : [context.optional(3), context.optional(4)];
    const total = combine(at(0), 'add', at(1));
    const sum =
      bias === null
        ? pointwise(context, total, [x, skip], x.type)
        : pointwise(context, combine(total, 'add', at(2)), [x, skip, bias], x.type);
    const axis = x.shape.length - 1;
    const epsilon = context.float('epsilon', 1e-12);
    const y = simplified
      ? normalizeRootMeanSquare(context, sum, gamma, axis, epsilon)
      : normalizeLayer(context, sum, gamma, beta, axis, epsilon);
    return context.wants(3) ? [y, null, null, sum] : [y];
  };
}

/** Normalisations. */
export const NORMALIZATION_OPERATORS: Readonly<Record<string, ImportOperator>> = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  GroupNormalization: groupNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: rootMeanSquare,
  SimplifiedLayerNormalization: rootMeanSquare,
  'com.microsoft.SimplifiedLayerNormalization': rootMeanSquare,
  'com.microsoft.SkipLayerNormalization': skipNormalization(false),
  'com.microsoft.SkipSimplifiedLayerNormalization': skipNormalization(true),
};
