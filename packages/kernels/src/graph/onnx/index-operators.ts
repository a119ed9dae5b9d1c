import { elementCount, InvalidArgumentError, rowMajorStrides, ShapeMismatchError } from '@qedge/core';
import { type ImportedValue, isFoldable, knownValue, requireNumbers } from './imported-value.ts';
import type { ImportOperator, NodeContext } from './node-context.ts';
import { concatenate, gather, reshape, slice, transpose } from './structure.ts';

const transposeOperator: ImportOperator = (context) => {
  const value = context.input(0);
  const reversed = value.shape.map((_, axis) => value.shape.length - 1 - axis);
  return transpose(context, value, context.integers('perm') ?? reversed);
};

const concatenateOperator: ImportOperator = (context) => {
  const values = context.inputs.map((_, index) => context.input(index));
  const rank = context.input(0).shape.length;
  const axis = context.axis(context.integer('axis', 1), rank);
  return concatenate(context, values, axis);
};

/** Bounds are attributes before version 10 and inputs later. */
const sliceOperator: ImportOperator = (context) => {
  const value = context.input(0);
  const rank = value.shape.length;
  const list = (name: string, index: number) => {
    return context.operatorSet < 10
      ? context.integers(name)
      : context.optionalNumbers(index, `The ${name} of a Slice`);
  };
  const [starts, ends] = [list('starts', 1) ?? [], list('ends', 2) ?? []];
  const axes = list('axes', 3) ?? starts.map((_, axis) => axis);
  const steps = list('steps', 4) ?? starts.map(() => 1);
  if ([ends, axes, steps].some(({ length }) => length !== starts.length)) {
    throw new ShapeMismatchError('The lists of a Slice have different lengths', {
      expected: starts.length,
      actual: [ends.length, axes.length, steps.length],
    });
  }
  const all = { starts: value.shape.map(() => 0), steps: value.shape.map(() => 1), sizes: [...value.shape] };
  for (const [index, asked] of axes.entries()) {
    const axis = context.axis(asked, rank);
    const part = sliceBounds(value.shape[axis]!, starts[index]!, ends[index]!, steps[index]!);
    [all.starts[axis], all.steps[axis], all.sizes[axis]] = part;
  }
  return slice(context, value, all.starts, all.steps, all.sizes);
};

/** First index, step and number of elements, with bounds clamped as in NumPy. */
function sliceBounds(size: number, start: number, end: number, step: number): [number, number, number] {
  if (step === 0) throw new InvalidArgumentError('A Slice has the step 0', { expected: 'another step' });
  const clamp = (bound: number, low: number, high: number) => {
    return Math.min(Math.max(bound < 0 ? bound + size : bound, low), high);
  };
  const [first, last] =
    step > 0
      ? [clamp(start, 0, size), clamp(end, 0, size)]
      : [clamp(start, 0, size - 1), clamp(end, -1, size - 1)];
  const count = Math.max(0, Math.ceil((last - first) / step));
  // A step that is never taken may be larger than any index.
  return count === 0 ? [0, 1, 0] : [first, count === 1 ? 1 : step, count];
}

/** Padding is an attribute before version 11 and an input later; negative padding cuts. */
const padOperator: ImportOperator = (context) => {
  const value = context.input(0);
  const rank = value.shape.length;
  const early = context.operatorSet < 11;
  const pads = early ? context.integers('pads') : requireNumbers(context.input(1), 'The padding of a Pad');
  const mode = context.text('mode', 'constant');
  context.refuse(mode !== 'constant' && mode !== 'reflect' && mode !== 'edge', `mode ${mode}`);
  const number = early
    ? context.float('value', 0)
    : (context.optionalNumbers(2, 'The value of a Pad')?.[0] ?? 0);
  const axes =
    (early ? null : context.optionalNumbers(3, 'The axes of a Pad')) ?? value.shape.map((_, axis) => axis);
  if (pads?.length !== 2 * axes.length)
    throw new InvalidArgumentError('A Pad needs two numbers per axis', {
      expected: 2 * axes.length,
      actual: pads?.length,
    });
  const [before, after] = [value.shape.map(() => 0), value.shape.map(() => 0)];
  for (const [index, asked] of axes.entries()) {
    const axis = context.axis(asked, rank);
    before[axis] = pads[index]!;
    after[axis] = pads[index + axes.length]!;
  }
  const cut = cutNegative(context, value, before, after);
  const positive = (each: number) => Math.max(0, each);
  if ([...before, ...after].every((each) => each <= 0)) return cut;
  return context.emit(
    {
      kind: 'pad',
      before: before.map(positive),
      after: after.map(positive),
      mode: mode as 'constant' | 'reflect' | 'edge',
      value: number,
    },
    [cut],
    value.type,
  );
};

function cutNegative(
  context: NodeContext,
  value: ImportedValue,
  before: readonly number[],
  after: readonly number[],
): ImportedValue {
  const starts = before.map((each) => Math.max(0, -each));
  const sizes = value.shape.map((size, axis) => size - starts[axis]! - Math.max(0, -after[axis]!));
  if (sizes.some((size) => size < 0))
    throw new InvalidArgumentError('A Pad cuts more than there is', { actual: [...before, ...after] });
  return slice(
    context,
    value,
    starts,
    value.shape.map(() => 1),
    sizes,
  );
}

const gatherOperator: ImportOperator = (context) => {
  const value = context.input(0);
  const axis = context.axis(context.integer('axis', 0), value.shape.length);
  return gather(context, value, context.input(1), axis);
};

/** With known indices: rows of the flat value. */
const gatherElements: ImportOperator = (context) => {
  const [value, indices] = [context.input(0), context.input(1)];
  const axis = context.axis(context.integer('axis', 0), value.shape.length);
  const numbers = requireNumbers(indices, 'The indices of a GatherElements');
  const fits =
    indices.shape.length === value.shape.length &&
    indices.shape.every((size, each) => each === axis || size <= value.shape[each]!);
  if (!fits) {
    throw new ShapeMismatchError('The indices of a GatherElements do not fit', {
      expected: `at most [${value.shape.join(', ')}]`,
      actual: indices.shape,
    });
  }
  const [strides, own] = [rowMajorStrides(value.shape), rowMajorStrides(indices.shape)];
  const size = value.shape[axis]!;
  const flat = numbers.map((number, at) => {
    const index = number < 0 ? number + size : number;
    if (!(index >= 0 && index < size))
      throw new InvalidArgumentError('An index is out of range', {
        expected: `0 to ${size - 1}`,
        actual: number,
      });
    return own.reduce((sum, stride, each) => {
      const along = each === axis ? index : Math.floor(at / stride) % indices.shape[each]!;
      return sum + along * strides[each]!;
    }, 0);
  });
  const line = reshape(context, value, [elementCount(value.shape)]);
  return gather(context, line, knownValue('int32', indices.shape, flat), 0);
};

/** Channels to blocks of pixels, in either order, or back. */
const depthToSpace: ImportOperator = (context) => {
  const [value, block] = [context.input(0), blockSize(context)];
  const [batch, channels, height, width] = images(context, value);
  const depth = channels / block ** 2;
  const columns = context.text('mode', 'DCR') === 'CRD';
  const shape = columns
    ? [batch, depth, block, block, height, width]
    : [batch, block, block, depth, height, width];
  const order = columns ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
  const moved = transpose(context, reshape(context, value, shape), order);
  return reshape(context, moved, [batch, depth, height * block, width * block]);
};

const spaceToDepth: ImportOperator = (context) => {
  const [value, block] = [context.input(0), blockSize(context)];
  const [batch, channels, height, width] = images(context, value);
  const [rows, columns] = [height / block, width / block];
  const blocks = reshape(context, value, [batch, channels, rows, block, columns, block]);
  const moved = transpose(context, blocks, [0, 3, 5, 1, 2, 4]);
  return reshape(context, moved, [batch, channels * block ** 2, rows, columns]);
};

function blockSize(context: NodeContext): number {
  const block = context.integer('blocksize', 0);
  if (block >= 1 && block < 2 ** 16) return block;
  throw new InvalidArgumentError('A block has no size', { expected: 'at least 1', actual: block });
}

function images(context: NodeContext, { shape }: ImportedValue): [number, number, number, number] {
  context.refuse(shape.length !== 4, `${shape.length} axes`);
  return shape as [number, number, number, number];
}

/** The lower or upper triangle of known matrices. */
const triangle: ImportOperator = (context) => {
  const value = context.input(0);
  context.refuse(!isFoldable(value) || value.shape.length < 2, 'a value that is computed');
  const shift = context.optionalNumbers(1, 'The diagonal of a Trilu')?.[0] ?? 0;
  const [rows, columns] = value.shape.slice(-2) as [number, number];
  const upper = context.integer('upper', 1) !== 0;
  const numbers = requireNumbers(value, 'The matrix of a Trilu').map((each, at) => {
    const distance = (at % columns) - (Math.floor(at / columns) % rows) - shift;
    return (upper ? distance >= 0 : distance <= 0) ? each : 0;
  });
  return knownValue(value.type, value.shape, numbers);
};

/** Operators that move elements. */
export const INDEX_OPERATORS: Readonly<Record<string, ImportOperator>> = {
  Transpose: transposeOperator,
  Concat: concatenateOperator,
  Slice: sliceOperator,
  Pad: padOperator,
  Gather: gatherOperator,
  GatherElements: gatherElements,
  DepthToSpace: depthToSpace,
  SpaceToDepth: spaceToDepth,
  Trilu: triangle,
};
