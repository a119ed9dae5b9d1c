/**
 * Plain-loop meaning of the windowed kernels. Shares no code with `kernels/` and knows nothing of panels, tiles or vectors.
 * float32 sums are rounded after every product and every addition, in the order that strict kernels promise.
 */
import type { ImageShape, SlidingWindow } from '../description/window.ts';

/** An output of a convolution, before bias and activation. */
export interface ReferenceSum {
  /** In float32, every step rounded: the bits that strict kernels give. */
  readonly float32: number;
  /** In float64. */
  readonly float64: number;
  /** Sum of the absolute products: what rounding errors are proportional to. */
  readonly magnitude: number;
}

/** Place of an output value. */
export interface OutputPlace {
  readonly image: number;
  readonly row: number;
  readonly column: number;
  readonly channel: number;
}

/** Calls `visit` with every cell of a window that lies in the image, rows then columns ascending. */
function eachCell(
  input: ImageShape,
  window: SlidingWindow,
  { row, column }: OutputPlace,
  visit: (inputRow: number, inputColumn: number, windowRow: number, windowColumn: number) => void,
): void {
  for (let i = 0; i < window.height; i++) {
    const inputRow = row * window.strideHeight + i * window.dilationHeight - window.padding.top;
    if (inputRow < 0 || inputRow >= input.height) continue;
    for (let j = 0; j < window.width; j++) {
      const inputColumn = column * window.strideWidth + j * window.dilationWidth - window.padding.left;
      if (inputColumn >= 0 && inputColumn < input.width) visit(inputRow, inputColumn, i, j);
    }
  }
}

function valueAt(x: Float32Array, { height, width, channels }: ImageShape, place: OutputPlace): number {
  const { image, row, column, channel } = place;
  return x[((image * height + row) * width + column) * channels + channel]!;
}

/**
 * One output of a convolution of `x` (`[batch, height, width, inputChannels]`) with `weights` (`[window.height, window.width,
 * inputChannels / groups, outputChannels]`). A depthwise convolution has as many groups as input channels.
 */
export function referenceConvolutionSum(
  { input, window, outputChannels, groups }: ReferenceConvolution,
  x: Float32Array,
  weights: Float32Array,
  place: OutputPlace,
): ReferenceSum {
  const groupInputs = input.channels / groups;
  const firstInput = Math.floor(place.channel / (outputChannels / groups)) * groupInputs;
  let [float32, float64, magnitude] = [0, 0, 0];
  eachCell(input, window, place, (row, column, i, j) => {
    const first = ((place.image * input.height + row) * input.width + column) * input.channels + firstInput;
    let weightAt = (i * window.width + j) * groupInputs * outputChannels + place.channel;
    for (let k = 0; k < groupInputs; k++, weightAt += outputChannels) {
      const product = x[first + k]! * weights[weightAt]!;
      float32 = Math.fround(float32 + Math.fround(product));
      float64 += product;
      magnitude += Math.abs(product);
    }
  });
  return { float32, float64, magnitude };
}

/** The sizes of a convolution. */
export interface ReferenceConvolution {
  readonly input: ImageShape;
  readonly window: SlidingWindow;
  readonly outputChannels: number;
  readonly groups: number;
}

/** One output of max pooling; NaNs are passed over, -Infinity where there is nothing else. */
export function referenceMaximum(
  input: ImageShape,
  window: SlidingWindow,
  x: Float32Array,
  place: OutputPlace,
): number {
  let largest = Number.NEGATIVE_INFINITY;
  eachCell(input, window, place, (row, column) => {
    const value = valueAt(x, input, { ...place, row, column });
    if (value > largest) largest = value;
  });
  return largest;
}

/** One output of average pooling, float32 steps; divided by the cells in the image or, with `countPadding`, by all taps, as float32. */
export function referenceAverage(
  input: ImageShape,
  window: SlidingWindow,
  countPadding: boolean,
  x: Float32Array,
  place: OutputPlace,
): number {
  let [sum, cells] = [0, 0];
  eachCell(input, window, place, (row, column) => {
    sum = Math.fround(sum + valueAt(x, input, { ...place, row, column }));
    cells++;
  });
  return Math.fround(sum / Math.fround(countPadding ? window.height * window.width : cells));
}

/** The value that tap (`windowRow`, `windowColumn`) of a window meets; 0 in the padding. */
export function referenceWindowValue(
  input: ImageShape,
  window: SlidingWindow,
  x: Float32Array,
  place: OutputPlace,
  windowRow: number,
  windowColumn: number,
): number {
  let found = 0;
  eachCell(input, window, place, (row, column, i, j) => {
    if (i === windowRow && j === windowColumn) found = valueAt(x, input, { ...place, row, column });
  });
  return found;
}
