import {
  type CopyAxis,
  copySpan,
  MOST_COPY_AXES,
  mergeCopyAxes,
  STRIDED_COPY_ARGUMENT_COUNT,
  STRIDED_COPY_ARGUMENTS,
} from '@qedge/codegen';
import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import { type BindingContext, blockFields, type KernelSteps, worthwhileThreads } from './binding.ts';
import { type KernelArray, requireArray, requireDisjoint, requireSize, typeName } from './operands.ts';
import { divide } from './split-work.ts';

/** Arrays that can be copied: elements of four bytes or one. */
export type CopyArray = Float32Array | Int32Array | Int8Array | Uint8Array;

/** Elements of an array, `offset + sum(index[axis] * strides[axis])` for all indices of a box. */
export interface StridedView<Data extends KernelArray> {
  readonly data: Data;
  /** Of the element with all indices 0; default 0. */
  readonly offset?: number;
  /** In elements, one per axis; default: row-major without gaps. */
  readonly strides?: readonly number[];
}

/** Copies a box of elements. */
export interface CopyOptions {
  /** Of the box, one per axis; a box with a 0 is empty. */
  readonly sizes: readonly number[];
  /** Strides may be 0, which repeats, or negative, which reverses. */
  readonly input: StridedView<CopyArray>;
  /** Of the input's type. No two indices may share a place; must share no bytes with the input. */
  readonly output: StridedView<CopyArray>;
}

/** Writes one number into a box of elements. */
export interface FillOptions {
  readonly sizes: readonly number[];
  readonly output: StridedView<CopyArray>;
  /** Converted to the type of the output as by JavaScript. */
  readonly value: number;
}

/** What an element costs, in the operations that threads are divided by. */
const OPERATIONS_PER_ELEMENT = 8;

/** Elements of a vector of the widest target: parts along contiguous elements start at one. */
const VECTOR_ELEMENTS = 16;

/** Checks a copy and plans its kernels. @throws as `KernelWorkspace.copy`. */
export function copySteps(context: BindingContext, { sizes, input, output }: CopyOptions): KernelSteps {
  const [from, to] = [typeName(input.data), typeName(output.data)];
  if (from !== to) {
    throw new InvalidArgumentError('A copy does not convert', { expected: from, actual: to });
  }
  const inputStrides = requireStrides('input', sizes, input.strides);
  const outputStrides = requireStrides('output', sizes, output.strides);
  const axes = sizes.map((size, axis): CopyAxis => {
    return { size, inputStride: inputStrides[axis]!, outputStride: outputStrides[axis]! };
  });
  const inputAddress = requireView(context, 'input', input, axes, 'inputStride');
  const outputAddress = requireView(context, 'output', output, axes, 'outputStride');
  if (sizes.includes(0)) return [];
  requireDisjoint(rangeOf('output', output, axes, 'outputStride'), [
    rangeOf('input', input, axes, 'inputStride'),
  ]);
  return stepsOfCopy(context, mergeCopyAxes(axes), inputAddress, outputAddress, elementBytesOf(input.data));
}

/** Checks a filling and plans its kernels. @throws as `KernelWorkspace.fill`. */
export function fillSteps(context: BindingContext, { sizes, output, value }: FillOptions): KernelSteps {
  const strides = requireStrides('output', sizes, output.strides);
  const axes = sizes.map((size, axis): CopyAxis => {
    return { size, inputStride: 0, outputStride: strides[axis]! };
  });
  const address = requireView(context, 'output', output, axes, 'outputStride');
  if (sizes.includes(0)) return [];
  const { memory } = context.arena;
  const constant = context.arena.allocate(4, 'a constant');
  const bytes = elementBytesOf(output.data);
  const type = output.data.constructor as new (
    buffer: ArrayBufferLike,
    byteOffset: number,
    length: number,
  ) => CopyArray;
  new type(memory.buffer, constant.byteOffset, 1)[0] = value;
  return stepsOfCopy(context, mergeCopyAxes(axes), constant.address, address, bytes);
}

function elementBytesOf(data: CopyArray): 1 | 4 {
  return data.BYTES_PER_ELEMENT as 1 | 4;
}

/** One step; of more axes than a kernel has loops, one step per index of the shortest. */
function stepsOfCopy(
  context: BindingContext,
  merged: readonly CopyAxis[],
  inputAddress: number,
  outputAddress: number,
  elementBytes: 1 | 4,
): KernelSteps {
  if (merged.length <= MOST_COPY_AXES) {
    return [partsOfCopy(context, merged, inputAddress, outputAddress, elementBytes)];
  }
  const shortest = merged.reduce((best, axis) => (axis.size < best.size ? axis : best));
  const others = merged.filter((axis) => axis !== shortest);
  return Array.from({ length: shortest.size }, (_, index) => {
    const from = inputAddress + index * shortest.inputStride * elementBytes;
    const to = outputAddress + index * shortest.outputStride * elementBytes;
    return stepsOfCopy(context, others, from, to, elementBytes);
  }).flat();
}

/** One kernel per thread, divided along the axis that the output is coarsest in, or the longest one. */
function partsOfCopy(
  context: BindingContext,
  merged: readonly CopyAxis[],
  inputAddress: number,
  outputAddress: number,
  elementBytes: 1 | 4,
) {
  const elements = merged.reduce((product, { size }) => product * size, 1);
  const threads = worthwhileThreads(context, elements * OPERATIONS_PER_ELEMENT);
  const longest = merged.reduce((best, { size }, axis) => (size > merged[best]!.size ? axis : best), 0);
  const cut = (merged[0]?.size ?? 1) >= threads ? 0 : longest;
  const { size, inputStride, outputStride } = merged[cut] ?? { size: 1, inputStride: 0, outputStride: 1 };
  const multiple = inputStride === 1 || outputStride === 1 ? VECTOR_ELEMENTS : 1;
  return divide(size, threads, multiple).map(({ from, count }) => ({
    description: {
      kind: 'strided-copy',
      elementBytes,
      axes: merged.map((axis, index) => (index === cut ? { ...axis, size: count } : axis)),
    } as const,
    fields: blockFields(STRIDED_COPY_ARGUMENT_COUNT, {
      [STRIDED_COPY_ARGUMENTS.input]: inputAddress + from * inputStride * elementBytes,
      [STRIDED_COPY_ARGUMENTS.output]: outputAddress + from * outputStride * elementBytes,
    }),
  }));
}

/** Strides of a view, those of a row-major array where none are given. @throws as `KernelWorkspace.copy`. */
export function requireStrides(
  name: string,
  sizes: readonly number[],
  strides: readonly number[] = rowMajorStrides(sizes),
): readonly number[] {
  for (const size of sizes) requireSize('the size of an axis', size);
  if (strides.length !== sizes.length) {
    throw new ShapeMismatchError(`${name} has a wrong number of strides`, {
      expected: sizes.length,
      actual: strides.length,
    });
  }
  return strides;
}

/** Elements from one index to the next along each axis of an array without gaps. */
export function rowMajorStrides(sizes: readonly number[]): number[] {
  let stride = 1;
  return sizes
    .toReversed()
    .map((size) => {
      const own = stride;
      stride *= size;
      return own;
    })
    .reverse();
}

/** The address of the first element of a view. @throws ShapeMismatchError where the view leaves its array. */
function requireView(
  { arena }: BindingContext,
  name: string,
  { data, offset = 0 }: StridedView<CopyArray>,
  axes: readonly CopyAxis[],
  side: 'inputStride' | 'outputStride',
): number {
  const type = typeName(data);
  if (!['Float32Array', 'Int32Array', 'Int8Array', 'Uint8Array'].includes(type)) {
    throw new InvalidArgumentError(`${name} has the wrong type`, {
      expected: 'Float32Array, Int32Array, Int8Array or Uint8Array',
      actual: type,
    });
  }
  const address = requireArray(arena, name, type as 'Float32Array', data);
  if (axes.some(({ size }) => size === 0)) return address;
  const { length, first } = copySpan(axes, side);
  const lowest = offset - first;
  if (!(Number.isInteger(offset) && lowest >= 0 && lowest + length <= data.length)) {
    throw new ShapeMismatchError(`${name} reaches outside of its array`, {
      expected: `elements 0..${data.length - 1}`,
      actual: `elements ${lowest}..${lowest + length - 1}`,
    });
  }
  return address + offset * data.BYTES_PER_ELEMENT;
}

function rangeOf(
  name: string,
  { data, offset = 0 }: StridedView<CopyArray>,
  axes: readonly CopyAxis[],
  side: 'inputStride' | 'outputStride',
) {
  const { length, first } = copySpan(axes, side);
  const from = data.byteOffset + (offset - first) * data.BYTES_PER_ELEMENT;
  return { name, from, to: from + length * data.BYTES_PER_ELEMENT };
}
