import { UnsupportedError } from '@qedge/core';
import type { TopologyLayer } from '../model/model-topology.ts';

/** The window of a convolution over images `[count, height, width, channels]`. */
export interface ConvolutionWindow {
  readonly taps: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly padding: 'same' | 'valid';
}

export type ImageShape = readonly [count: number, height: number, width: number, channels: number];

/** Where the windows lie: the size of the output and how many zeros stand above and to the left of the image. */
export interface WindowPlaces {
  readonly height: number;
  readonly width: number;
  readonly top: number;
  readonly left: number;
}

/**
 * The window of a Conv1D (as images of height 1), Conv2D or DepthwiseConv2D.
 * @throws UnsupportedError for channels first and causal padding.
 */
export function windowOf({ name, className, config }: TopologyLayer): ConvolutionWindow {
  const { padding, dataFormat } = config;
  if (dataFormat === 'channelsFirst' || (padding !== 'same' && padding !== 'valid')) {
    throw new UnsupportedError(`The layer "${name}" cannot be calibrated`, {
      expected: 'channels last, and padding "same" or "valid"',
      actual: [String(dataFormat), String(padding)],
      remedy: `Leave it in float32: layers: { ${JSON.stringify(name)}: null }`,
    });
  }
  const pair = (value: unknown): readonly [number, number] => {
    const list = (Array.isArray(value) ? value : [value ?? 1]) as number[];
    if (className === 'Conv1D') return [1, list[0]];
    return [list[0], list[1] ?? list[0]];
  };
  return {
    taps: pair(config.kernelSize),
    strides: pair(config.strides),
    dilations: pair(config.dilationRate),
    padding,
  };
}

/** Where TensorFlow places the windows. */
export function placesOf(window: ConvolutionWindow, [, height, width]: ImageShape): WindowPlaces {
  const along = (axis: 0 | 1, size: number) => {
    const reach = (window.taps[axis] - 1) * window.dilations[axis] + 1;
    const stride = window.strides[axis];
    if (window.padding === 'valid') return { size: Math.floor((size - reach) / stride) + 1, before: 0 };
    const places = Math.ceil(size / stride);
    const zeros = Math.max(0, (places - 1) * stride + reach - size);
    return { size: places, before: Math.floor(zeros / 2) };
  };
  const [vertical, horizontal] = [along(0, height), along(1, width)];
  return {
    height: vertical.size,
    width: horizontal.size,
    top: vertical.before,
    left: horizontal.before,
  };
}

/**
 * The inputs that a convolution multiplies at some of its output places.
 *
 * @param places indices into the output's `[count, height, width]`, flat.
 * @returns `[places, taps, channels]`, row-major; zeros outside the image.
 */
export function gatherPatches(
  images: Float32Array,
  shape: ImageShape,
  window: ConvolutionWindow,
  places: Int32Array,
): Float32Array {
  const [, height, width, channels] = shape;
  const { height: outHeight, width: outWidth, top, left } = placesOf(window, shape);
  const [tapsDown, tapsAcross] = window.taps;
  const size = tapsDown * tapsAcross * channels;
  const patches = new Float32Array(places.length * size);
  for (const [at, place] of places.entries()) {
    const image = Math.floor(place / (outHeight * outWidth));
    const y0 = (Math.floor(place / outWidth) % outHeight) * window.strides[0] - top;
    const x0 = (place % outWidth) * window.strides[1] - left;
    for (let tap = 0; tap < tapsDown * tapsAcross; tap++) {
      const y = y0 + Math.floor(tap / tapsAcross) * window.dilations[0];
      const x = x0 + (tap % tapsAcross) * window.dilations[1];
      if (y < 0 || y >= height || x < 0 || x >= width) continue;
      const from = ((image * height + y) * width + x) * channels;
      patches.set(images.subarray(from, from + channels), at * size + tap * channels);
    }
  }
  return patches;
}

/** From `[places, taps, channels]` to `[channels, places, taps]`. */
export function patchesPerChannel(patches: Float32Array, taps: number, channels: number): Float32Array {
  const places = patches.length / (taps * channels);
  const split = new Float32Array(patches.length);
  for (let at = 0; at < places * taps; at++) {
    for (let channel = 0; channel < channels; channel++) {
      split[channel * places * taps + at] = patches[at * channels + channel];
    }
  }
  return split;
}
