import { elementCount, type OperatorOf, type Shape } from '@qedge/core';
import { argExtremumSteps, reduceSteps } from '../../engine/axis-kernels.ts';
import type { KernelSteps } from '../../engine/binding.ts';
import { copySteps, fillSteps } from '../../engine/copy.ts';
import { inputOf, type Lowering } from './lowering.ts';

/** Neighbouring axes as one, between those before and those after. */
interface ReducedAxes {
  readonly outer: number;
  readonly length: number;
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
    runs.push({
      outer: elementCount(sizes.slice(0, from)),
      length: elementCount(sizes.slice(from, to)),
      inner: elementCount(sizes.slice(to)),
    });
    sizes.fill(1, from, to);
    last = first;
  }
  return runs;
}

/** Of no numbers. */
const EMPTY_RESULTS: Readonly<Record<OperatorOf<'reduction'>['operation'], number>> = {
  sum: 0,
  mean: Number.NaN,
  maximum: Number.NEGATIVE_INFINITY,
  minimum: Number.POSITIVE_INFINITY,
};

/** Sums, means and extremes over any axes. */
export function lowerReduction(node: Lowering<'reduction'>): KernelSteps {
  const { context, operator } = node;
  const [input, output] = [inputOf(node, 0).floats, node.outputs[0]!.floats];
  if (input.length === 0) {
    const value = EMPTY_RESULTS[operator.operation];
    return fillSteps(context, { sizes: [output.length], output: { data: output }, value });
  }
  const runs = runsOf(inputOf(node, 0).shape, operator.axes).filter(({ length }) => length !== 1);
  if (runs.length === 0) {
    return copySteps(context, { sizes: [input.length], input: { data: input }, output: { data: output } });
  }
  let from = input;
  return runs.flatMap((run, index) => {
    const isLast = index === runs.length - 1;
    const length = run.outer * run.inner;
    const to = isLast ? output : context.arena.temporaryArray(Float32Array, length, 'a part of a reduction');
    const steps = reduceSteps(context, { ...run, operation: operator.operation, input: from, output: to });
    from = to;
    return steps;
  });
}

/** Indices of extremes along an axis. */
export function lowerArgExtremum(node: Lowering<'arg-extremum'>): KernelSteps {
  const { axis, operation } = node.operator;
  const input = inputOf(node, 0);
  return argExtremumSteps(node.context, {
    outer: elementCount(input.shape.slice(0, axis)),
    length: input.shape[axis]!,
    inner: elementCount(input.shape.slice(axis + 1)),
    input: input.floats,
    operation,
    output: node.outputs[0]!.data as Int32Array,
  });
}
