import { REDUCTION_ARGUMENT_COUNT, REDUCTION_ARGUMENTS } from '@qedge/codegen';
import type { PointwiseExpression, Shape } from '@qedge/core';
import {
  type BindingContext,
  blockFields,
  type KernelSteps,
  worthwhileThreads,
} from '../../engine/binding.ts';
import { poolingSteps } from '../../engine/pooling.ts';
import { divide } from '../../engine/split-work.ts';
import { addressOf } from './graph-values.ts';
import { inputOf, type Lowering } from './lowering.ts';
import { pointwiseSteps } from './pointwise.ts';

type Operation = Lowering<'reduction'>['operator']['operation'];

const X = { input: 0 } as const;
const NEGATED: PointwiseExpression = { apply: { kind: 'negate' }, to: X };

/** Neighbouring axes as one, between those before and those after. */
interface ReducedAxes {
  readonly outer: number;
  readonly count: number;
  readonly inner: number;
}

/** Runs of neighbouring axes, the last first; each is reduced on what the one before has left. */
function runsOf(shape: Shape, axes: readonly number[]): ReducedAxes[] {
  const runs: ReducedAxes[] = [];
  const sizes = [...shape];
  for (let last = axes.length - 1; last >= 0; last--) {
    let first = last;
    while (first > 0 && axes[first - 1] === axes[first]! - 1) first--;
    const [from, to] = [axes[first]!, axes[last]! + 1];
    const product = (part: readonly number[]) => part.reduce((total, size) => total * size, 1);
    const count = product(sizes.slice(from, to));
    runs.push({ outer: product(sizes.slice(0, from)), count, inner: product(sizes.slice(to)) });
    sizes.fill(1, from, to);
    last = first;
  }
  return runs;
}

/** Sums, means and extremes over any axes: rows by a kernel of their own, others as pooling of a column of pixels. */
export function lowerReduction(node: Lowering<'reduction'>): KernelSteps {
  const { context, operator } = node;
  const [input, output] = [inputOf(node, 0), node.outputs[0]!];
  const runs = runsOf(input.shape, operator.axes).filter(({ count }) => count !== 1);
  const isMinimum = operator.operation === 'minimum';
  const operation = isMinimum ? 'maximum' : operator.operation;
  const map = (expression: PointwiseExpression, from: Float32Array, to: Float32Array) => {
    const place = (data: Float32Array) => ({ shape: [data.length], data });
    return pointwiseSteps(context, expression, [place(from)], place(to));
  };
  if (runs.length === 0) return map(X, input.floats, output.floats);
  const steps: KernelSteps[number][] = [];
  let from = input.floats;
  if (isMinimum) {
    const negated = context.arena.temporaryArray(Float32Array, from.length, 'a part of a reduction');
    steps.push(...map(NEGATED, from, negated));
    from = negated;
  }
  for (const [index, run] of runs.entries()) {
    const isLast = index === runs.length - 1;
    const length = run.outer * run.inner;
    const to = isLast
      ? output.floats
      : context.arena.temporaryArray(Float32Array, length, 'a part of a reduction');
    steps.push(...runSteps(context, operation, run, from, to));
    from = to;
  }
  return isMinimum ? [...steps, ...map(NEGATED, output.floats, output.floats)] : steps;
}

function runSteps(
  context: BindingContext,
  operation: Exclude<Operation, 'minimum'>,
  { outer, count, inner }: ReducedAxes,
  input: Float32Array,
  output: Float32Array,
): KernelSteps {
  const scale = (factor: number) => {
    const expression = { operation: 'multiply', a: X, b: { constant: factor } } as const;
    const place = { shape: [output.length], data: output };
    return pointwiseSteps(context, expression, [place], place);
  };
  if (inner === 1) {
    const rows = rowSteps(context, operation === 'maximum' ? 'maximum' : 'sum', outer, count, input, output);
    return operation === 'mean' ? [...rows, ...scale(1 / count)] : rows;
  }
  const pooled = poolingSteps(context, {
    ...{ batch: outer, height: count, width: 1, channels: inner, window: [count, 1], input, output },
    operation: operation === 'maximum' ? 'max' : 'average',
  });
  return operation === 'sum' ? [...pooled, ...scale(count)] : pooled;
}

function rowSteps(
  context: BindingContext,
  operation: 'sum' | 'maximum',
  rows: number,
  width: number,
  input: Float32Array,
  output: Float32Array,
): KernelSteps {
  const [from, to] = [addressOf(context.arena, input), addressOf(context.arena, output)];
  const parts = divide(rows, worthwhileThreads(context, rows * width)).map(({ from: first, count }) => ({
    description: { kind: 'reduction', operation, rows: count, width, inputStride: width } as const,
    fields: blockFields(REDUCTION_ARGUMENT_COUNT, {
      [REDUCTION_ARGUMENTS.input]: from + first * width * 4,
      [REDUCTION_ARGUMENTS.output]: to + first * 4,
    }),
  }));
  return [parts];
}
