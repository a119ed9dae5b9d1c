import { InvalidArgumentError, type OperatorOf, type PointwiseExpression } from '@qedge/core';
import { type ImportedValue, isFoldable, knownValue } from './imported-value.ts';
import type { ImportOperator, NodeContext } from './node-context.ts';
import { apply, asFloat, at, combine, pointwise } from './pointwise.ts';
import { axesOf } from './shape-operators.ts';
import { reshape, transpose } from './structure.ts';

type ReductionOperation = OperatorOf<'reduction'>['operation'];

const X = at(0);
const SQUARE = combine(X, 'multiply', X);

/** Axes to reduce, ascending: all when none are named, unless `noop_with_empty_axes`. */
function reducedAxes(context: NodeContext, rank: number): number[] {
  const asked = axesOf(context) ?? [];
  if (asked.length > 0)
    return [...new Set(asked.map((axis) => context.axis(axis, rank)))].sort((a, b) => a - b);
  return context.integer('noop_with_empty_axes', 0) === 0
    ? Array.from({ length: rank }, (_, axis) => axis)
    : [];
}

/** Reduces a value over axes; folded when it is known. */
export function reduce(
  context: NodeContext,
  value: ImportedValue,
  operation: ReductionOperation,
  axes: readonly number[],
  keepAxes: boolean,
): ImportedValue {
  if (axes.length === 0) return value;
  return (
    foldReduction(value, FOLDS[operation], axes, keepAxes) ??
    context.emit({ kind: 'reduction', operation, axes, keepAxes }, [asFloat(context, value)], value.type)
  );
}

type Fold = (numbers: readonly number[]) => number;
const sum: Fold = (numbers) => numbers.reduce((total, each) => total + each, 0);

const FOLDS: Readonly<Record<ReductionOperation, Fold>> = {
  sum,
  mean: (numbers) => sum(numbers) / numbers.length,
  maximum: (numbers) => numbers.reduce((most, each) => Math.max(most, each), Number.NEGATIVE_INFINITY),
  minimum: (numbers) => numbers.reduce((least, each) => Math.min(least, each), Number.POSITIVE_INFINITY),
};

function foldReduction(
  value: ImportedValue,
  fold: Fold,
  axes: readonly number[],
  keepAxes: boolean,
): ImportedValue | null {
  if (!isFoldable(value)) return null;
  const kept = value.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const sorted = value.constant.transposed([...kept, ...axes]).numbers();
  const length = axes.reduce((product, axis) => product * value.shape[axis]!, 1);
  const count = kept.reduce((product, axis) => product * value.shape[axis]!, 1);
  const numbers = Array.from({ length: count }, (_, index) => {
    return fold(Array.from(sorted.subarray(index * length, (index + 1) * length)));
  });
  const shape = value.shape.flatMap((size, axis) => {
    return kept.includes(axis) ? [size] : keepAxes ? [1] : [];
  });
  return knownValue(value.type, shape, numbers);
}

/** `after(reduce(before(x)))`. */
function reduction(
  operation: ReductionOperation,
  before: PointwiseExpression = X,
  after: PointwiseExpression = X,
): ImportOperator {
  return (context) => {
    const input = context.input(0);
    const axes = reducedAxes(context, input.shape.length);
    const keep = context.integer('keepdims', 1) !== 0;
    const ready = before === X ? input : pointwise(context, before, [input], input.type);
    const reduced = reduce(context, ready, operation, axes, keep);
    return after === X ? reduced : pointwise(context, after, [reduced], input.type);
  };
}

/** Products are there for shape arithmetic alone. */
const product: ImportOperator = (context) => {
  const input = context.input(0);
  const axes = reducedAxes(context, input.shape.length);
  const multiply: Fold = (numbers) => numbers.reduce((total, each) => total * each, 1);
  const folded = foldReduction(input, multiply, axes, context.integer('keepdims', 1) !== 0);
  context.refuse(folded === null, 'a value that is computed');
  return folded!;
};

/** `log(sum(exp(x)))`, with the largest x taken out so that nothing overflows. */
const logSumExp: ImportOperator = (context) => {
  const input = context.input(0);
  const axes = reducedAxes(context, input.shape.length);
  const largest = reduce(context, input, 'maximum', axes, true);
  const powers = pointwise(
    context,
    apply(combine(at(0), 'subtract', at(1)), 'exponential'),
    [input, largest],
    input.type,
  );
  const total = reduce(context, powers, 'sum', axes, true);
  const result = pointwise(
    context,
    combine(apply(at(0), 'logarithm'), 'add', at(1)),
    [total, largest],
    input.type,
  );
  if (context.integer('keepdims', 1) !== 0) return result;
  return reshape(
    context,
    result,
    result.shape.filter((_, axis) => !axes.includes(axis)),
  );
};

function argument(operation: 'maximum' | 'minimum'): ImportOperator {
  return (context) => {
    const input = context.input(0);
    context.refuse(context.integer('select_last_index', 0) !== 0, 'select_last_index');
    const axis = context.axis(context.integer('axis', 0), input.shape.length);
    const keepAxis = context.integer('keepdims', 1) !== 0;
    return context.emit(
      { kind: 'arg-extremum', operation, axis, keepAxis },
      [asFloat(context, input)],
      'int64',
    );
  };
}

/** Before version 13 over all axes from `axis` on, taken as one; later over that axis. */
function softmax(log: boolean): ImportOperator {
  return (context) => {
    const input = context.input(0);
    const { shape } = input;
    const rank = shape.length;
    if (rank === 0) throw new InvalidArgumentError('A Softmax needs an axis', { actual: 'one number' });
    const joined = context.operatorSet < 13;
    const asked = context.integer('axis', joined ? 1 : -1);
    const axis = joined && asked === rank ? rank : context.axis(asked, rank);
    if (!joined) return softmaxAlong(context, input, axis, log);
    const count = (sizes: readonly number[]) => sizes.reduce((total, each) => total * each, 1);
    const rows =
      axis === rank - 1
        ? input
        : reshape(context, input, [count(shape.slice(0, axis)), count(shape.slice(axis))]);
    return reshape(context, context.emit({ kind: 'softmax', log }, [rows], input.type), shape);
  };
}

function softmaxAlong(context: NodeContext, input: ImportedValue, axis: number, log: boolean): ImportedValue {
  const axes = input.shape.map((_, each) => each);
  // Exchanging two axes is its own inverse.
  [axes[axis], axes[axes.length - 1]] = [axes.length - 1, axis];
  const last = transpose(context, input, axes);
  return transpose(context, context.emit({ kind: 'softmax', log }, [last], input.type), axes);
}

/** Operators that reduce axes. */
export const REDUCTION_OPERATORS: Readonly<Record<string, ImportOperator>> = {
  ReduceSum: reduction('sum'),
  ReduceMean: reduction('mean'),
  ReduceMax: reduction('maximum'),
  ReduceMin: reduction('minimum'),
  ReduceProd: product,
  ReduceL1: reduction('sum', apply(X, 'absolute')),
  ReduceL2: reduction('sum', SQUARE, apply(X, 'square-root')),
  ReduceSumSquare: reduction('sum', SQUARE),
  ReduceLogSum: reduction('sum', X, apply(X, 'logarithm')),
  ReduceLogSumExp: logSumExp,
  ArgMax: argument('maximum'),
  ArgMin: argument('minimum'),
  Softmax: softmax(false),
  LogSoftmax: softmax(true),
};
