import { elementCount, InvalidArgumentError } from '@qedge/core';
import { Constant, MAX_FOLDED_ELEMENTS } from './constant.ts';
import { checkTensor } from './decode-tensor.ts';
import { broadcastShapes } from './fold-pointwise.ts';
import { constantValue, type ImportedValue, knownValue, requireNumbers } from './imported-value.ts';
import type { ImportOperator, NodeContext } from './node-context.ts';
import { expand, reshape, sliceAxis } from './structure.ts';

/** A shape from known numbers. @throws InvalidArgumentError for sizes that are none. */
export function shapeOf(numbers: readonly number[]): number[] {
  elementCount(numbers);
  return [...numbers];
}

const shapeOperator: ImportOperator = (context) => {
  const { shape } = context.input(0);
  const rank = shape.length;
  const clamp = (axis: number) => Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank);
  const part = shape.slice(clamp(context.integer('start', 0)), clamp(context.integer('end', rank)));
  return knownValue('int64', [part.length], part);
};

/** 0 copies a size unless `allowzero`; one -1 takes what is left. */
const reshapeOperator: ImportOperator = (context) => {
  const value = context.input(0);
  const asked = requireNumbers(context.input(1), 'The shape of a Reshape');
  const copy = context.integer('allowzero', 0) === 0;
  const sizes = asked.map((size, axis) => (size === 0 && copy ? (value.shape[axis] ?? Number.NaN) : size));
  const free = sizes.indexOf(-1);
  if (free >= 0) {
    const others = sizes.filter((_, axis) => axis !== free);
    const rest = elementCount(others);
    sizes[free] = rest === 0 ? 0 : elementCount(value.shape) / rest;
  }
  return reshape(context, value, shapeOf(sizes));
};

const flatten: ImportOperator = (context) => {
  const value = context.input(0);
  const rank = value.shape.length;
  const asked = context.integer('axis', 1);
  const axis = asked === rank ? rank : context.axis(asked, Math.max(rank, 1));
  const parts = [value.shape.slice(0, axis), value.shape.slice(axis)];
  return reshape(context, value, parts.map(elementCount));
};

/** Axes from the attribute or, later, from input 1; null when neither is there. */
export function axesOf(context: NodeContext): readonly number[] | null {
  return context.integers('axes') ?? context.optionalNumbers(1, 'The axes');
}

const squeeze: ImportOperator = (context) => {
  const value = context.input(0);
  const rank = value.shape.length;
  const axes = axesOf(context)?.map((axis) => context.axis(axis, rank));
  const gone = axes ?? value.shape.flatMap((size, axis) => (size === 1 ? [axis] : []));
  for (const axis of gone) {
    if (value.shape[axis] === 1) continue;
    throw new InvalidArgumentError('Only axes of size 1 are squeezed', { actual: value.shape });
  }
  return reshape(
    context,
    value,
    value.shape.filter((_, axis) => !gone.includes(axis)),
  );
};

const unsqueeze: ImportOperator = (context) => {
  const value = context.input(0);
  const asked = axesOf(context) ?? [];
  const rank = value.shape.length + asked.length;
  const axes = new Set(asked.map((axis) => context.axis(axis, rank)));
  if (axes.size !== asked.length) throw new InvalidArgumentError('An axis occurs twice', { actual: asked });
  const sizes = value.shape.values();
  const shape = Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : sizes.next().value!));
  return reshape(context, value, shape);
};

const expandOperator: ImportOperator = (context) => {
  const value = context.input(0);
  const asked = shapeOf(requireNumbers(context.input(1), 'The shape of an Expand'));
  return expand(context, value, broadcastShapes([value.shape, asked]) ?? asked);
};

/** Each axis repeated as a whole: an axis of size 1 before it is expanded. */
const tile: ImportOperator = (context) => {
  const value = context.input(0);
  const repeats = shapeOf(requireNumbers(context.input(1), 'The repeats of a Tile'));
  if (repeats.length !== value.shape.length)
    throw new InvalidArgumentError('Tile needs one repeat per axis', {
      expected: value.shape.length,
      actual: repeats,
    });
  if (repeats.every((each) => each === 1)) return value;
  const split = reshape(
    context,
    value,
    value.shape.flatMap((size) => [1, size]),
  );
  const whole = expand(
    context,
    split,
    value.shape.flatMap((size, axis) => [repeats[axis]!, size]),
  );
  return reshape(
    context,
    whole,
    value.shape.map((size, axis) => size * repeats[axis]!),
  );
};

/** Sizes are an attribute, an input, or equal with the last one smaller. */
const split: ImportOperator = (context) => {
  const value = context.input(0);
  const axis = context.axis(context.integer('axis', 0), value.shape.length);
  const given = context.integers('split') ?? context.optionalNumbers(1, 'The sizes of a Split');
  const parts = context.integer('num_outputs', context.node.outputs.length);
  const size = value.shape[axis]!;
  const sizes = given && given.length > 0 ? given : equalParts(size, parts);
  const whole = sizes.reduce((sum, each) => sum + each, 0) === size && sizes.every((each) => each >= 0);
  if (!whole || sizes.length !== context.node.outputs.length)
    throw new InvalidArgumentError('The parts of a Split do not make the whole', {
      expected: size,
      actual: sizes,
    });
  let start = 0;
  return sizes.map((each) => {
    const part = sliceAxis(context, value, axis, start, each);
    start += each;
    return part;
  });
};

function equalParts(size: number, parts: number): number[] {
  if (!(parts >= 1 && parts <= 2 ** 16))
    throw new InvalidArgumentError('A Split has no parts', { actual: parts });
  const each = Math.ceil(size / parts);
  return Array.from({ length: parts }, (_, index) => Math.max(0, Math.min(each, size - index * each)));
}

/** A tensor of the file as a value. */
export function tensorValue(
  context: Pick<NodeContext, 'decode'>,
  tensor: Parameters<NodeContext['decode']>[0],
): ImportedValue {
  const type = checkTensor(tensor);
  return constantValue(new Constant(type, tensor.shape, () => context.decode(tensor), tensor.name));
}

const constant: ImportOperator = (context) => {
  const tensor = context.tensor('value');
  if (tensor !== null)
    return tensorValue(
      context,
      tensor.name === '' ? { ...tensor, name: context.node.outputs[0] ?? '' } : tensor,
    );
  const { attributes } = context.node;
  const [float, integer] = [attributes.get('value_float')?.float, attributes.get('value_int')?.integer];
  if (float !== undefined && float !== null) return knownValue('float32', [], [float]);
  if (integer !== undefined && integer !== null) return knownValue('int64', [], [integer]);
  const [floats, integers] = [context.floats('value_floats'), context.integers('value_ints')];
  if (floats !== null) return knownValue('float32', [floats.length], floats);
  if (integers !== null) return knownValue('int64', [integers.length], integers);
  context.refuse(true, `the attributes ${[...attributes.keys()].join(', ')}`);
  return [];
};

const constantOfShape: ImportOperator = (context) => {
  const shape = shapeOf(requireNumbers(context.input(0), 'The shape of a ConstantOfShape'));
  const tensor = context.tensor('value');
  const one = tensor === null ? knownValue('float32', [1], [0]) : tensorValue(context, tensor);
  return expand(context, reshape(context, one, []), shape);
};

const range: ImportOperator = (context) => {
  const [start, limit, delta] = [0, 1, 2].map(
    (index) => requireNumbers(context.input(index), 'The bounds of a Range')[0],
  );
  const count = Math.max(0, Math.ceil((limit! - start!) / delta!));
  if (!(count <= MAX_FOLDED_ELEMENTS)) {
    throw new InvalidArgumentError('A Range is too long', {
      expected: `at most ${MAX_FOLDED_ELEMENTS} numbers`,
      actual: count,
    });
  }
  const numbers = Array.from({ length: count }, (_, index) => start! + index * delta!);
  return knownValue(context.input(0).type, [count], numbers);
};

const identity: ImportOperator = (context) => context.input(0);

/** At inference it changes nothing; its mask is not made. */
const dropout: ImportOperator = (context) => {
  const training = context.optionalNumbers(2, 'The training mode of a Dropout')?.[0] ?? 0;
  context.refuse(training !== 0, 'training');
  context.refuse(context.wants(1), 'the output mask');
  return context.input(0);
};

/** Operators that make or change shapes and constants. */
export const SHAPE_OPERATORS: Readonly<Record<string, ImportOperator>> = {
  Shape: shapeOperator,
  Size: (context) => knownValue('int64', [], [elementCount(context.input(0).shape)]),
  Reshape: reshapeOperator,
  Flatten: flatten,
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Expand: expandOperator,
  Tile: tile,
  Split: split,
  Constant: constant,
  ConstantOfShape: constantOfShape,
  Range: range,
  Identity: identity,
  Dropout: dropout,
};
