import { InvalidArgumentError, type WindowSpec } from '@qedge/core';
import type { ImportedValue } from './imported-value.ts';
import type { NodeContext } from './node-context.ts';
import { reshape, toChannelsFirst, toChannelsLast } from './structure.ts';

/** Height and width. */
export type Pair = readonly [number, number];

/**
 * Images of an ONNX node, `[n, c, h, w]` or `[n, c, w]`, channels-last.
 *
 * @throws UnsupportedError for other ranks.
 */
export function imagesOf(context: NodeContext, value: ImportedValue): ImportedValue {
  const { shape } = value;
  context.refuse(shape.length !== 3 && shape.length !== 4, `${shape.length - 2} spatial axes`);
  const [batch, channels] = [shape[0]!, shape[1]!];
  const images = shape.length === 4 ? value : reshape(context, value, [batch, channels, 1, shape[2]!]);
  return toChannelsLast(context, images);
}

/** Channels-last images as the ONNX node gives them, with `rank` axes. */
export function imagesBack(context: NodeContext, value: ImportedValue, rank: number): ImportedValue {
  const images = toChannelsFirst(context, value);
  return rank === 4
    ? images
    : reshape(context, images, [images.shape[0]!, images.shape[1]!, images.shape[3]!]);
}

/** A list attribute with one number per spatial axis, as height and width. */
export function spatialPair(context: NodeContext, name: string, rank: number, otherwise: number): Pair {
  const given = context.integers(name);
  if (given === null || given.length === 0)
    return rank === 3 ? [defaultOf(name), otherwise] : [otherwise, otherwise];
  if (given.length !== rank - 2) {
    throw new InvalidArgumentError(`${name} has a wrong length`, { expected: rank - 2, actual: given });
  }
  return rank === 3 ? [defaultOf(name), given[0]!] : [given[0]!, given[1]!];
}

/** What stands for the height of a signal. */
function defaultOf(name: string): number {
  return name === 'output_padding' ? 0 : 1;
}

/** Taps, strides and dilations of a window, checked. */
export interface WindowSteps {
  readonly size: Pair;
  readonly strides: Pair;
  readonly dilations: Pair;
}

/** Reads strides and dilations. @throws InvalidArgumentError for those that are not positive. */
export function windowSteps(context: NodeContext, size: Pair, rank: number): WindowSteps {
  const strides = spatialPair(context, 'strides', rank, 1);
  const dilations = spatialPair(context, 'dilations', rank, 1);
  for (const [name, pair] of Object.entries({ size, strides, dilations })) {
    if (pair.every((each) => Number.isSafeInteger(each) && each > 0 && each < 2 ** 31)) continue;
    throw new InvalidArgumentError(`The ${name} of a window must be positive`, { actual: [...pair] });
  }
  return { size, strides, dilations };
}

/** Cells that a window covers along an axis. */
export function windowExtent({ size, dilations }: WindowSteps, axis: 0 | 1): number {
  return (size[axis] - 1) * dilations[axis] + 1;
}

/** The padding of a convolution or pooling over images of `input` cells: given, or computed by `auto_pad`. */
export function windowPadding(
  context: NodeContext,
  input: Pair,
  steps: WindowSteps,
  rank: number,
): WindowSpec['padding'] {
  const auto = context.text('auto_pad', 'NOTSET');
  if (auto === 'NOTSET' || auto === '') return explicitPadding(context, rank);
  if (auto === 'VALID') return [0, 0, 0, 0];
  const sides = ([0, 1] as const).map((axis) => {
    const stride = steps.strides[axis];
    const outputs = Math.ceil(input[axis] / stride);
    const total = Math.max(0, (outputs - 1) * stride + windowExtent(steps, axis) - input[axis]);
    return splitPadding(auto, total);
  });
  return [sides[0]![0], sides[1]![0], sides[0]![1], sides[1]![1]];
}

/** The attribute `pads`. */
export function explicitPadding(context: NodeContext, rank: number): WindowSpec['padding'] {
  const pads = context.integers('pads') ?? [];
  context.refuse(
    pads.some((each) => each < 0),
    'negative padding',
  );
  if (pads.length === 0) return [0, 0, 0, 0];
  if (pads.length !== 2 * (rank - 2)) {
    throw new InvalidArgumentError('pads has a wrong length', { expected: 2 * (rank - 2), actual: pads });
  }
  return rank === 3 ? [0, pads[0]!, 0, pads[1]!] : [pads[0]!, pads[1]!, pads[2]!, pads[3]!];
}

/** Cells before and after; `SAME_LOWER` puts the odd one before. @throws InvalidArgumentError for other names. */
export function splitPadding(auto: string, total: number): readonly [number, number] {
  const less = Math.floor(total / 2);
  if (auto === 'SAME_UPPER') return [less, total - less];
  if (auto === 'SAME_LOWER') return [total - less, less];
  throw new InvalidArgumentError('auto_pad has an unknown name', {
    expected: 'NOTSET, VALID, SAME_UPPER or SAME_LOWER',
    actual: auto,
  });
}
