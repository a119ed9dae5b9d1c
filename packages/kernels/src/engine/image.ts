import {
  type ImageShape,
  NO_PADDING,
  type Padding,
  type SlidingWindow,
  samePadding,
  windowOutput,
} from '@qedge/codegen';
import { InvalidArgumentError } from '@qedge/core';
import { requireSize } from './operands.ts';

/** Images `[batch, height, width, channels]`: the channels of a pixel are neighbours. */
export interface ImageOptions {
  /** Default 1. */
  readonly batch?: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly input: Float32Array;
}

/** One number for both axes, or `[rows, columns]`. */
export type PerAxis = number | readonly [rows: number, columns: number];

/** A window that slides over images. */
export interface WindowOptions {
  /** Taps. */
  readonly window: PerAxis;
  /** Default 1. */
  readonly stride?: PerAxis;
  /** Default 1. */
  readonly dilation?: PerAxis;
  /**
   * `valid` (default): none. `same`: as many outputs as `ceil(cells / stride)`, an odd cell after the image (TensorFlow's `same`,
   * ONNX's `SAME_UPPER`). A number: on every side.
   */
  readonly padding?: 'valid' | 'same' | number | Padding;
}

/** The window of some options on an image. @throws InvalidArgumentError for impossible numbers. */
export function resolveWindow(
  image: Pick<ImageShape, 'height' | 'width'>,
  options: WindowOptions,
): SlidingWindow {
  const [height, width] = perAxis('window', options.window);
  const [strideHeight, strideWidth] = perAxis('stride', options.stride ?? 1);
  const [dilationHeight, dilationWidth] = perAxis('dilation', options.dilation ?? 1);
  const window = { height, width, strideHeight, strideWidth, dilationHeight, dilationWidth };
  return { ...window, padding: resolvePadding(image, window, options.padding ?? 'valid') };
}

/** Rows and columns of the result of a window on an image. @throws InvalidArgumentError where it does not fit. */
export function windowOutputSize(
  image: Pick<ImageShape, 'height' | 'width'>,
  options: WindowOptions,
): { readonly height: number; readonly width: number } {
  const output = windowOutput(image, resolveWindow(image, options));
  if (output.height >= 1 && output.width >= 1) return output;
  throw new InvalidArgumentError('The window is larger than the padded image', {
    expected: 'an output of at least 1 x 1',
    actual: `${output.height} x ${output.width}`,
    remedy: 'Use a smaller window or dilation, or more padding.',
  });
}

/** Checks images and window. @throws InvalidArgumentError for impossible sizes, or a window without an output. */
export function checkImages(options: ImageOptions & WindowOptions): {
  readonly batch: number;
  readonly input: ImageShape;
  readonly window: SlidingWindow;
} {
  const { batch = 1, height, width, channels } = options;
  for (const [name, size] of Object.entries({ batch, height, width, channels })) requireSize(name, size, 1);
  windowOutputSize({ height, width }, options);
  return { batch, input: { height, width, channels }, window: resolveWindow({ height, width }, options) };
}

function perAxis(name: string, value: PerAxis): readonly [number, number] {
  const [rows, columns] = isPair(value) ? value : [value, value];
  requireSize(`The ${name} along rows`, rows, 1);
  requireSize(`The ${name} along columns`, columns, 1);
  return [rows, columns];
}

function isPair(value: PerAxis): value is readonly [number, number] {
  return Array.isArray(value);
}

function resolvePadding(
  image: Pick<ImageShape, 'height' | 'width'>,
  window: Omit<SlidingWindow, 'padding'>,
  padding: NonNullable<WindowOptions['padding']>,
): Padding {
  if (padding === 'valid') return NO_PADDING;
  if (padding === 'same') return samePadding(image, window);
  if (typeof padding !== 'number' && typeof padding !== 'object') {
    throw new InvalidArgumentError('The padding is not known', {
      expected: '"valid", "same", a number, or { top, left, bottom, right }',
      actual: padding,
    });
  }
  const sides =
    typeof padding === 'number' ? { top: padding, left: padding, bottom: padding, right: padding } : padding;
  for (const [side, cells] of Object.entries(sides)) requireSize(`The padding at the ${side}`, cells);
  return sides;
}
