import { InvalidArgumentError, type OperatorOf } from '@qedge/core';
import { type ImportedValue, requireNumbers } from './imported-value.ts';
import type { ImportOperator, NodeContext } from './node-context.ts';
import { asFloat } from './pointwise.ts';
import { shapeOf } from './shape-operators.ts';
import { reshape, toChannelsFirst, toChannelsLast } from './structure.ts';

type Resize = OperatorOf<'resize'>;

/** Output size and output cells per input cell of every axis. */
interface Resizing {
  readonly sizes: readonly number[];
  readonly scales: readonly number[];
}

const COORDINATES: ReadonlyMap<string, Resize['coordinates']> = new Map([
  ['half_pixel', 'half-pixel'],
  ['pytorch_half_pixel', 'pytorch-half-pixel'],
  ['asymmetric', 'asymmetric'],
  ['align_corners', 'align-corners'],
  ['half_pixel_symmetric', 'half-pixel-symmetric'],
]);

const NEAREST: ReadonlyMap<string, Resize['nearest']> = new Map([
  ['round_prefer_floor', 'round-prefer-floor'],
  ['round_prefer_ceil', 'round-prefer-ceil'],
  ['floor', 'floor'],
  ['ceil', 'ceil'],
]);

/** How ONNX names the modes; Upsample had another name for the second. */
const MODES: ReadonlyMap<string, Resize['mode']> = new Map([
  ['nearest', 'nearest'],
  ['linear', 'linear'],
  ['bilinear', 'linear'],
  ['cubic', 'cubic'],
]);

/** @throws UnsupportedError for a name that is not known. */
function choice<Value extends string>(
  context: NodeContext,
  choices: ReadonlyMap<string, Value>,
  attribute: string,
  otherwise: string,
): Value {
  const name = context.text(attribute, otherwise);
  const found = choices.get(name);
  context.refuse(found === undefined, `${attribute} ${name}`);
  return found!;
}

const resize: ImportOperator = (context) => {
  context.refuse(context.integer('antialias', 0) !== 0, 'antialias');
  const mode = choice(context, MODES, 'mode', 'nearest');
  context.refuse(mode === 'cubic' && context.integer('exclude_outside', 0) !== 0, 'exclude_outside');
  const late = context.operatorSet >= 11;
  const coordinates = late
    ? choice(context, COORDINATES, 'coordinate_transformation_mode', 'half_pixel')
    : 'asymmetric';
  const nearest = late ? choice(context, NEAREST, 'nearest_mode', 'round_prefer_floor') : 'floor';
  const cubicCoefficient = context.float('cubic_coeff_a', -0.75);
  return resizeImages(context, late ? lateResizing(context) : earlyResizing(context), {
    mode,
    coordinates,
    nearest,
    cubicCoefficient,
  });
};

/** Upsample and the first Resize have scales only: Upsample of version 7 as an attribute. */
function earlyResizing(context: NodeContext): Resizing {
  const { shape } = context.input(0);
  const scales = context.floats('scales') ?? requireNumbers(context.input(1), 'The scales of a Resize');
  return { scales, sizes: scaledSizes(shape, scales) };
}

/** Rounded down from a product of float32 numbers: 5 cells times 2.6 are 13. */
function scaledSizes(shape: readonly number[], scales: readonly number[]): number[] {
  if (scales.length !== shape.length)
    throw new InvalidArgumentError('A Resize needs one scale per axis', {
      expected: shape.length,
      actual: scales,
    });
  return shapeOf(shape.map((size, axis) => Math.floor(Math.fround(size * scales[axis]!))));
}

/** Inputs 2 and 3: scales or sizes, of all axes or of those in `axes`. */
function lateResizing(context: NodeContext): Resizing {
  const { shape } = context.input(0);
  const rank = shape.length;
  const axes = (context.integers('axes') ?? shape.map((_, axis) => axis)).map((axis) =>
    context.axis(axis, rank),
  );
  const scales = context.optionalNumbers(2, 'The scales of a Resize') ?? [];
  const sizes = context.optionalNumbers(3, 'The sizes of a Resize') ?? [];
  const given = scales.length > 0 ? scales : sizes;
  if (given.length !== axes.length)
    throw new InvalidArgumentError('A Resize needs one number per axis', {
      expected: axes.length,
      actual: given,
    });
  if (scales.length > 0) {
    const all = shape.map((_, axis) => (axes.includes(axis) ? scales[axes.indexOf(axis)]! : 1));
    return { scales: all, sizes: scaledSizes(shape, all) };
  }
  const policy = context.text('keep_aspect_ratio_policy', 'stretch');
  context.refuse(policy !== 'stretch', `keep_aspect_ratio_policy ${policy}`);
  const all = shapeOf(shape.map((size, axis) => (axes.includes(axis) ? sizes[axes.indexOf(axis)]! : size)));
  return { sizes: all, scales: all.map((size, axis) => size / shape[axis]!) };
}

type Manner = Pick<Resize, 'mode' | 'coordinates' | 'nearest' | 'cubicCoefficient'>;

/** Resizes `[n, c, h, w]`, `[n, c, w]`, or images whose channels are last already. */
function resizeImages(context: NodeContext, { sizes, scales }: Resizing, manner: Manner): ImportedValue {
  const x = asFloat(context, context.input(0));
  const rank = x.shape.length;
  const changed = x.shape.flatMap((size, axis) => (sizes[axis] !== size || scales[axis] !== 1 ? [axis] : []));
  if (changed.length === 0) return context.input(0);
  const emit = (images: ImportedValue, [rows, columns]: readonly [number, number]) => {
    const size = [sizes[rows] ?? 1, sizes[columns]!] as const;
    const factors = [scales[rows] ?? 1, scales[columns]!] as const;
    return context.emit(
      { kind: 'resize', size, scales: factors, ...manner },
      [images],
      context.input(0).type,
    );
  };
  if (rank === 4 && changed.every((axis) => axis >= 2))
    return toChannelsFirst(context, emit(toChannelsLast(context, x), [2, 3]));
  if (rank === 4 && changed.every((axis) => axis === 1 || axis === 2)) return emit(x, [1, 2]);
  const first = Math.min(...changed);
  const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
  context.refuse(
    changed.length > 2 || changed.some((axis) => axis > first + 1),
    `the axes ${changed.join(', ')}`,
  );
  // Any two neighbouring axes are the rows and columns of images with what follows them as channels.
  const start = changed.length === 1 ? first - 1 : first;
  const lead = x.shape.slice(0, Math.max(0, start));
  const rows = start < 0 ? 1 : x.shape[start]!;
  const columns = x.shape[start + 1]!;
  const images = reshape(context, x, [count(lead), rows, columns, count(x.shape.slice(start + 2))]);
  return reshape(context, emit(images, [start, start + 1]), sizes);
}

/** Changes of images' sizes. */
export const RESIZE_OPERATORS: Readonly<Record<string, ImportOperator>> = {
  Resize: resize,
  Upsample: resize,
};
