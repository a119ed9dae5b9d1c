import type { KernelSteps } from '../../engine/binding.ts';
import { copySteps, fillSteps, rowMajorStrides } from '../../engine/copy.ts';
import { broadcastStrides } from '../operators/strided.ts';
import type { GraphValue } from './graph-values.ts';
import { inputOf, type Lowering } from './lowering.ts';

/** Numbers in their order; nothing where both have the same place. */
function renameSteps(node: Pick<Lowering, 'context'>, input: GraphValue, output: GraphValue): KernelSteps {
  if (input.address === output.address) return [];
  const sizes = [input.length];
  return copySteps(node.context, { sizes, input: { data: input.data }, output: { data: output.data } });
}

/** The same numbers under another shape. */
export function lowerReshape(node: Lowering<'reshape'>): KernelSteps {
  return renameSteps(node, inputOf(node, 0), node.outputs[0]!);
}

/** Another order of the axes. */
export function lowerTranspose(node: Lowering<'transpose'>): KernelSteps {
  const [input, output] = [inputOf(node, 0), node.outputs[0]!];
  const strides = rowMajorStrides(input.shape);
  return copySteps(node.context, {
    sizes: output.shape,
    input: { data: input.data, strides: node.operator.permutation.map((axis) => strides[axis]!) },
    output: { data: output.data },
  });
}

/** A broadcast to a larger shape. */
export function lowerExpand(node: Lowering<'expand'>): KernelSteps {
  const [input, output] = [inputOf(node, 0), node.outputs[0]!];
  return copySteps(node.context, {
    sizes: output.shape,
    input: { data: input.data, strides: broadcastStrides(input.shape, output.shape) },
    output: { data: output.data },
  });
}

/** Every input into its part of the output, unless it lies there. */
export function lowerConcatenate(node: Lowering<'concatenate'>): KernelSteps {
  const output = node.outputs[0]!;
  const strides = rowMajorStrides(output.shape);
  const { axis } = node.operator;
  let first = 0;
  return node.inputs.flatMap((input) => {
    if (input === null) return [];
    const offset = first * strides[axis]!;
    first += input.shape[axis]!;
    const isThere = input.address === output.address + offset * output.data.BYTES_PER_ELEMENT;
    if (input.length === 0 || (isThere && strides[axis]! * input.shape[axis]! === input.length)) return [];
    return copySteps(node.context, {
      sizes: input.shape,
      input: { data: input.data },
      output: { data: output.data, offset, strides },
    });
  });
}

/** A part of every axis. */
export function lowerSlice(node: Lowering<'slice'>): KernelSteps {
  const [input, output] = [inputOf(node, 0), node.outputs[0]!];
  const { starts, steps } = node.operator;
  const strides = rowMajorStrides(input.shape);
  const offset = starts.reduce((sum, start, axis) => sum + start * strides[axis]!, 0);
  if (input.address + offset * input.data.BYTES_PER_ELEMENT === output.address) return [];
  return copySteps(node.context, {
    sizes: output.shape,
    input: { data: input.data, offset, strides: steps.map((step, axis) => step * strides[axis]!) },
    output: { data: output.data },
  });
}

/** A range of one axis of a padded output, and where its numbers come from. */
interface PaddedRange {
  readonly from: number;
  readonly count: number;
  /** In the input: of the first index, and per index. */
  readonly source: number;
  readonly step: number;
}

/** Cells around a box: constant ones are filled first; others are copied as 3 ranges per axis. */
export function lowerPad(node: Lowering<'pad'>): KernelSteps {
  const { context, operator } = node;
  const [input, output] = [inputOf(node, 0), node.outputs[0]!];
  const { mode, value } = operator;
  const [inputStrides, outputStrides] = [rowMajorStrides(input.shape), rowMajorStrides(output.shape)];
  const isPadded = input.length < output.length;
  const filling =
    mode === 'constant' && isPadded
      ? fillSteps(context, { sizes: [output.length], output: { data: output.data }, value })
      : [];
  const ranges = input.shape.map((_, axis) => paddedRanges(node, input, axis));
  const boxes = combinations(ranges).flatMap((box) => {
    const offset = (strides: readonly number[], index: (range: PaddedRange) => number) => {
      return box.reduce((sum, range, axis) => sum + index(range) * strides[axis]!, 0);
    };
    return copySteps(context, {
      sizes: box.map(({ count }) => count),
      input: {
        data: input.data,
        offset: offset(inputStrides, ({ source }) => source),
        strides: box.map(({ step }, axis) => step * inputStrides[axis]!),
      },
      output: {
        data: output.data,
        offset: offset(outputStrides, ({ from }) => from),
        strides: outputStrides,
      },
    });
  });
  return [...filling, ...boxes];
}

function paddedRanges({ operator }: Lowering<'pad'>, input: GraphValue, axis: number): PaddedRange[] {
  const [before, after] = [operator.before[axis]!, operator.after[axis]!];
  const size = input.shape[axis]!;
  const inside = { from: before, count: size, source: 0, step: 1 };
  if (operator.mode === 'constant') return [inside].filter(({ count }) => count > 0);
  const reflects = operator.mode === 'reflect';
  const last = before + size;
  return [
    { from: 0, count: before, source: reflects ? before : 0, step: reflects ? -1 : 0 },
    inside,
    { from: last, count: after, source: reflects ? size - 2 : size - 1, step: reflects ? -1 : 0 },
  ].filter(({ count }) => count > 0);
}

/** One of each list, in every way. */
function combinations<Entry>(lists: readonly (readonly Entry[])[]): Entry[][] {
  return lists.reduce<Entry[][]>(
    (chosen, list) => chosen.flatMap((each) => list.map((entry) => [...each, entry])),
    [[]],
  );
}
