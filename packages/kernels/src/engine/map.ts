import { MAP_ARGUMENT_COUNT, MAP_ARGUMENTS, type MapDescription, MOST_MAP_INPUTS } from '@qedge/codegen';
import { InvalidArgumentError, type PointwiseExpression, ShapeMismatchError } from '@qedge/core';
import {
  type BindingContext,
  blockFields,
  type KernelPart,
  type KernelSteps,
  worthwhileThreads,
} from './binding.ts';
import { requireStrides, type StridedView } from './copy.ts';
import { requireArray, requireDisjoint } from './operands.ts';
import { divide } from './split-work.ts';

/** `output = expression(inputs)` for every element of a box. */
export interface MapOptions {
  /** Of the box, one per axis; a box with a 0 is empty. */
  readonly sizes: readonly number[];
  /** At most 4. Strides may be 0, along which the input repeats, but not negative; by default the view is row-major without gaps. */
  readonly inputs: readonly StridedView<Float32Array>[];
  /** Strides are positive. May be an input with the same offset and strides; else it must share no bytes with any. */
  readonly output: StridedView<Float32Array>;
  /** Of the inputs, `{ input: i }`. */
  readonly expression: PointwiseExpression;
}

/** One axis of the box, with the stride of the output and of each input. */
interface MapAxis {
  readonly size: number;
  readonly strides: readonly number[];
}

/** What an element costs per step of the expression, in the operations that threads are divided by. */
const OPERATIONS_PER_ELEMENT = 10;

/** Elements of a vector of the widest target. */
const VECTOR_ELEMENTS = 16;

/** A view that was checked: its first address, and one stride per axis. */
interface MapView {
  readonly address: number;
  readonly strides: readonly number[];
}

/** Checks a map and plans its kernels. @throws as `KernelWorkspace.map`. */
export function mapSteps(
  context: BindingContext,
  { sizes, inputs, output, expression }: MapOptions,
): KernelSteps {
  if (inputs.length > MOST_MAP_INPUTS) {
    throw new InvalidArgumentError('A map has too many inputs', {
      expected: `at most ${MOST_MAP_INPUTS}`,
      actual: inputs.length,
      remedy: 'Compute the expression in parts.',
    });
  }
  const result = checkView(context, 'output', sizes, output);
  const sources = inputs.map((input, i) => checkView(context, `input ${i}`, sizes, input));
  if (sizes.includes(0)) return [];
  for (const [i, input] of inputs.entries()) {
    const source = sources[i]!;
    const isSame =
      source.address === result.address &&
      sizes.every((size, axis) => size === 1 || source.strides[axis] === result.strides[axis]);
    if (!isSame) {
      requireDisjoint(rangeOf('output', sizes, output, result), [
        rangeOf(`input ${i}`, sizes, input, source),
      ]);
    }
  }
  const axes = sizes.map((size, axis): MapAxis => {
    return { size, strides: [result, ...sources].map(({ strides }) => strides[axis]!) };
  });
  return planMap(
    context,
    mergeAxes(axes),
    [result, ...sources].map(({ address }) => address),
    expression,
  );
}

/**
 * The axes in the order of their strides in the output, the largest first: the order of the work does not matter. Neighbours that lie
 * one after the other in every view become one; those of size 1 are left out.
 *
 * @throws InvalidArgumentError where two elements of the output share a place.
 */
function mergeAxes(axes: readonly MapAxis[]): MapAxis[] {
  const merged: MapAxis[] = [];
  const sorted = axes.filter(({ size }) => size > 1).sort((a, b) => b.strides[0]! - a.strides[0]!);
  let span = 1;
  for (const { size, strides } of sorted.toReversed()) {
    if (strides[0]! < span) {
      throw new InvalidArgumentError('A map writes a place twice', {
        expected: `a stride of the output of at least ${span}`,
        actual: strides[0]!,
      });
    }
    span += (size - 1) * strides[0]!;
  }
  for (const axis of sorted) {
    const outer = merged.at(-1);
    if (outer?.strides.every((stride, view) => stride === axis.strides[view]! * axis.size)) {
      merged[merged.length - 1] = { size: outer.size * axis.size, strides: axis.strides };
    } else merged.push(axis);
  }
  return merged;
}

/**
 * The last axis becomes the rows' width where its strides allow it; else rows have one element. The two longest of the others are loops of
 * the kernel; each index of what is left is a call.
 */
function planMap(
  context: BindingContext,
  axes: readonly MapAxis[],
  addresses: readonly number[],
  expression: PointwiseExpression,
): KernelSteps {
  const one: MapAxis = { size: 1, strides: addresses.map(() => 0) };
  const last = axes.at(-1);
  const isRow = last?.strides.every((stride, view) => stride === 1 || (stride === 0 && view > 0)) ?? false;
  const columns = isRow ? last! : { size: 1, strides: addresses.map(() => 1) };
  const others = isRow ? axes.slice(0, -1) : axes;
  const longest = [...others].sort((a, b) => b.size - a.size).slice(0, 2);
  const [rows = one, outer = one] = others.filter((axis) => longest.includes(axis)).reverse();
  const elements = columns.size * rows.size * outer.size;
  const threads = worthwhileThreads(context, elements * OPERATIONS_PER_ELEMENT);
  const box = { columns, rows, outer };
  const steps: KernelPart[][] = [];
  const called = others.filter((axis) => !longest.includes(axis));
  forEachIndex(called, addresses, (starts) => {
    steps.push(divideBox(box, threads).map((part) => partOfMap(part, starts, expression)));
  });
  return steps;
}

/** Calls `visit` with the addresses of all views for every index of the axes. */
function forEachIndex(
  axes: readonly MapAxis[],
  addresses: readonly number[],
  visit: (addresses: readonly number[]) => void,
): void {
  const [axis, ...inner] = axes;
  if (axis === undefined) {
    visit(addresses);
    return;
  }
  for (let index = 0; index < axis.size; index++) {
    const starts = addresses.map((address, view) => address + index * axis.strides[view]! * 4);
    forEachIndex(inner, starts, visit);
  }
}

type Box = Readonly<Record<'columns' | 'rows' | 'outer', MapAxis>>;

/** Cuts a box along its longest axis, a part per thread; with the index at which each part starts. */
function divideBox(box: Box, threads: number) {
  const sizes = (['outer', 'rows', 'columns'] as const).map((name) => ({ name, size: box[name].size }));
  const { name, size } = sizes.reduce((most, axis) =>
    axis.size >= Math.min(most.size, threads) && axis.size > most.size ? axis : most,
  );
  return divide(size, threads, name === 'columns' ? VECTOR_ELEMENTS : 1).map(({ from, count }) => {
    return { box: { ...box, [name]: { ...box[name], size: count } } as Box, axis: box[name], from };
  });
}

function partOfMap(
  { box, axis, from }: ReturnType<typeof divideBox>[number],
  addresses: readonly number[],
  expression: PointwiseExpression,
): KernelPart {
  const { columns, rows, outer } = box;
  const starts = addresses.map((address, view) => address + from * axis.strides[view]! * 4);
  const rowStride = Math.max(rows.strides[0]!, columns.size);
  const outerStride = Math.max(outer.strides[0]!, (rows.size - 1) * rowStride + columns.size);
  const description: MapDescription = {
    kind: 'map',
    outer: outer.size,
    rows: rows.size,
    width: columns.size,
    inputs: starts.slice(1).map((_, i) => ({
      outerStride: outer.strides[i + 1]!,
      rowStride: rows.strides[i + 1]!,
      columnStride: columns.strides[i + 1] === 0 ? 0 : 1,
    })),
    output: { outerStride, rowStride },
    expression,
  };
  const fields = blockFields(MAP_ARGUMENT_COUNT, {
    [MAP_ARGUMENTS.output]: starts[0]!,
    ...Object.fromEntries(starts.slice(1).map((start, i) => [MAP_ARGUMENTS.firstInput + i, start])),
  });
  return { description, fields };
}

function reachOf(sizes: readonly number[], strides: readonly number[]): number {
  return sizes.reduce((sum, size, axis) => sum + (size - 1) * strides[axis]!, 1);
}

function checkView(
  { arena }: BindingContext,
  name: string,
  sizes: readonly number[],
  { data, offset = 0, strides: given }: StridedView<Float32Array>,
): MapView {
  const strides = requireStrides(name, sizes, given);
  const address = requireArray(arena, name, 'Float32Array', data);
  for (const [axis, stride] of strides.entries()) {
    const isOutput = name === 'output' && sizes[axis]! > 1;
    if (Number.isInteger(stride) && stride >= (isOutput ? 1 : 0)) continue;
    throw new InvalidArgumentError(`${name} has an impossible stride`, {
      expected: isOutput ? 'a positive integer' : 'an integer of at least 0',
      actual: stride,
    });
  }
  const end = sizes.includes(0) ? 0 : offset + reachOf(sizes, strides);
  if (!(Number.isInteger(offset) && offset >= 0 && end <= data.length)) {
    throw new ShapeMismatchError(`${name} reaches outside of its array`, {
      expected: `elements 0..${data.length - 1}`,
      actual: `elements ${offset}..${end - 1}`,
    });
  }
  return { address: address + offset * 4, strides };
}

function rangeOf(
  name: string,
  sizes: readonly number[],
  { data, offset = 0 }: StridedView<Float32Array>,
  { strides }: MapView,
) {
  const from = data.byteOffset + offset * 4;
  return { name, from, to: from + reachOf(sizes, strides) * 4 };
}
