import {
  AXIS_REDUCTION_ARGUMENT_COUNT,
  AXIS_REDUCTION_ARGUMENTS,
  type AxisReductionDescription,
  GATHER_ARGUMENT_COUNT,
  GATHER_ARGUMENTS,
} from '@qedge/codegen';
import { InvalidArgumentError } from '@qedge/core';
import {
  type BindingContext,
  blockFields,
  type KernelPart,
  type KernelSteps,
  worthwhileThreads,
} from './binding.ts';
import type { CopyArray } from './copy.ts';
import { bytesOf, requireDisjoint, requireOneOf, requireSize, requireVector, typeName } from './operands.ts';
import { divide } from './split-work.ts';

/** The middle axis of `[outer, length, inner]`, row-major. */
export interface AxisOptions {
  readonly outer: number;
  /** Positive. */
  readonly length: number;
  readonly inner: number;
  readonly input: Float32Array;
}

/** `output[o, i] = operation of input[o, 0..length - 1, i]`. NaNs are passed over by maximum and minimum. */
export interface ReduceOptions extends AxisOptions {
  readonly operation: AxisReductionDescription['operation'];
  /** `[outer, inner]`. */
  readonly output: Float32Array;
}

/** `output[o, i] =` the index of the first largest or smallest of `input[o, 0..length - 1, i]`. */
export interface ArgExtremumOptions extends AxisOptions {
  readonly operation: 'maximum' | 'minimum';
  /** `[outer, inner]`. */
  readonly output: Int32Array;
}

/** `output[o, i] = input[o, indices[i]]` for rows of `width` elements. */
export interface GatherOptions {
  readonly outer: number;
  /** Rows to choose from, positive. */
  readonly rows: number;
  readonly width: number;
  /** `[outer, rows, width]`. */
  readonly input: CopyArray;
  /**
   * From 0 to `rows - 1` whenever the kernel runs: it reads wherever they lead, so that what comes from outside must be checked
   * before.
   */
  readonly indices: Int32Array;
  /** `[outer, indices.length, width]`, of the input's type. */
  readonly output: CopyArray;
}

/** Of the cost of an element, in the operations that threads are divided by. */
const OPERATIONS_PER_ELEMENT = 8;

/** Elements of a vector of the widest target. */
const VECTOR_ELEMENTS = 16;

/** Checks a reduction and plans its kernels. @throws as `KernelWorkspace.reduce`. */
export function reduceSteps(context: BindingContext, options: ReduceOptions): KernelSteps {
  const { operation } = options;
  requireOneOf('operation', operation, ['sum', 'mean', 'maximum', 'minimum']);
  return axisSteps(context, options, 'Float32Array', (layout) => ({
    kind: 'axis-reduction',
    operation,
    ...layout,
  }));
}

/** Checks a search and plans its kernels. @throws as `KernelWorkspace.argExtremum`. */
export function argExtremumSteps(context: BindingContext, options: ArgExtremumOptions): KernelSteps {
  const { operation } = options;
  requireOneOf('operation', operation, ['maximum', 'minimum']);
  return axisSteps(context, options, 'Int32Array', (layout) => ({
    kind: 'arg-extremum',
    operation,
    ...layout,
  }));
}

interface AxisLayout {
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  readonly outerStride: number;
  readonly axisStride: number;
}

/** Parts by outer indices; where there are few of them, outer indices one after the other, each divided along the inner axis. */
function axisSteps(
  context: BindingContext,
  { outer, length, inner, input, output }: AxisOptions & { readonly output: Float32Array | Int32Array },
  outputType: 'Float32Array' | 'Int32Array',
  describe: (layout: AxisLayout) => KernelPart['description'],
): KernelSteps {
  requireSize('outer', outer);
  requireSize('length', length, 1);
  requireSize('inner', inner);
  const from = requireVector(context.arena, 'input', 'Float32Array', input, outer * length * inner);
  const to = requireVector(context.arena, 'output', outputType, output, outer * inner);
  requireDisjoint(bytesOf('output', output), [bytesOf('input', input)]);
  if (outer * inner === 0) return [];
  const threads = worthwhileThreads(context, outer * length * inner * OPERATIONS_PER_ELEMENT);
  const part = (count: number, columns: number, inputElement: number, outputElement: number): KernelPart => ({
    description: describe({
      outer: count,
      length,
      inner: columns,
      outerStride: length * inner,
      axisStride: inner,
    }),
    fields: blockFields(AXIS_REDUCTION_ARGUMENT_COUNT, {
      [AXIS_REDUCTION_ARGUMENTS.input]: from + inputElement * 4,
      [AXIS_REDUCTION_ARGUMENTS.output]: to + outputElement * 4,
    }),
  });
  if (outer >= threads || inner < VECTOR_ELEMENTS * threads) {
    const sections = divide(outer, threads);
    return [
      sections.map(({ from: first, count }) => part(count, inner, first * length * inner, first * inner)),
    ];
  }
  return Array.from({ length: outer }, (_, o) =>
    divide(inner, threads, VECTOR_ELEMENTS).map(({ from: first, count }) =>
      part(1, count, o * length * inner + first, o * inner + first),
    ),
  );
}

/** Checks a gather and plans its kernels. @throws as `KernelWorkspace.gather`. */
export function gatherSteps(
  context: BindingContext,
  { outer, rows, width, input, indices, output }: GatherOptions,
): KernelSteps {
  requireSize('outer', outer);
  requireSize('rows', rows, 1);
  requireSize('width', width);
  const type = typeName(input);
  requireOneOf('the type of the input', type, ['Float32Array', 'Int32Array', 'Int8Array', 'Uint8Array']);
  if (typeName(output) !== type) {
    throw new InvalidArgumentError('A gather does not convert', { expected: type, actual: typeName(output) });
  }
  const { arena } = context;
  const name = type as 'Float32Array';
  const count = indices.length;
  const from = requireVector(arena, 'input', name, input, outer * rows * width);
  const at = requireVector(arena, 'indices', 'Int32Array', indices, count);
  const to = requireVector(arena, 'output', name, output, outer * count * width);
  requireDisjoint(bytesOf('output', output), [bytesOf('input', input), bytesOf('indices', indices)]);
  if (outer * count * width === 0) return [];
  const rowBytes = width * input.BYTES_PER_ELEMENT;
  const threads = worthwhileThreads(
    context,
    outer * count * (width + VECTOR_ELEMENTS) * OPERATIONS_PER_ELEMENT,
  );
  const part = (first: { readonly outer: number; readonly index: number }, outers: number, of: number) => ({
    description: {
      kind: 'gather',
      outer: outers,
      count: of,
      rows,
      rowBytes,
      rowStrideBytes: rowBytes,
    } as const,
    fields: blockFields(GATHER_ARGUMENT_COUNT, {
      [GATHER_ARGUMENTS.input]: from + first.outer * rows * rowBytes,
      [GATHER_ARGUMENTS.indices]: at + first.index * 4,
      [GATHER_ARGUMENTS.output]: to + (first.outer * count + first.index) * rowBytes,
    }),
  });
  if (outer > 1)
    return [divide(outer, threads).map((o) => part({ outer: o.from, index: 0 }, o.count, count))];
  return [divide(count, threads).map((i) => part({ outer: 0, index: i.from }, 1, i.count))];
}
