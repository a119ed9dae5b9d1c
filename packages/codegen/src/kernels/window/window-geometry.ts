import {
  type ImageShape,
  type IndexRange,
  type SlidingWindow,
  windowOutput,
} from '../../description/window.ts';
import type { WindowAxis } from './tap-spans.ts';

/** Where the pixels of a windowed kernel lie, in bytes. */
export interface WindowGeometry {
  readonly rows: WindowAxis;
  readonly columns: WindowAxis;
  readonly outputRows: IndexRange;
  readonly outputColumns: number;
  readonly images: number;
  /** From the input's (output's) start to the first image that `rows` and `columns` describe. */
  readonly inputStart: number;
  readonly outputStart: number;
  readonly inputPixelBytes: number;
  readonly inputRowBytes: number;
  readonly inputImageBytes: number;
  readonly outputPixelBytes: number;
  readonly outputRowBytes: number;
  readonly outputImageBytes: number;
}

/** The geometry of a window over images whose outputs have `outputChannels` channels. */
export function windowGeometry(
  batch: number,
  input: ImageShape,
  window: SlidingWindow,
  outputChannels: number,
  outputRows: IndexRange,
): WindowGeometry {
  const output = windowOutput(input, window);
  const { padding } = window;
  const inputPixelBytes = input.channels * 4;
  const outputPixelBytes = outputChannels * 4;
  return {
    rows: {
      cells: input.height,
      taps: window.height,
      stride: window.strideHeight,
      dilation: window.dilationHeight,
      before: padding.top,
    },
    columns: {
      cells: input.width,
      taps: window.width,
      stride: window.strideWidth,
      dilation: window.dilationWidth,
      before: padding.left,
    },
    outputRows,
    outputColumns: output.width,
    images: batch,
    inputStart: 0,
    outputStart: 0,
    inputPixelBytes,
    inputRowBytes: inputPixelBytes * input.width,
    inputImageBytes: inputPixelBytes * input.width * input.height,
    outputPixelBytes,
    outputRowBytes: outputPixelBytes * output.width,
    outputImageBytes: outputPixelBytes * output.width * output.height,
  };
}

/** True where every output pixel reads the input pixel at its own place and no other. */
export function isPointwise({ height, width, strideHeight, strideWidth, padding }: SlidingWindow): boolean {
  const { top, left, bottom, right } = padding;
  return Math.max(height, width, strideHeight, strideWidth) === 1 && top + left + bottom + right === 0;
}

/** The longest row: code moves along it by distances of 31 bits. */
const MOST_ROW_BYTES = 2 ** 31 - 1;

/**
 * Treats the pixels of all rows (and, where whole images are computed and addresses reach so far, of all images) of a pointwise
 * window as one row.
 */
export function flattenPointwise(geometry: WindowGeometry): WindowGeometry {
  const { outputRows, outputColumns, images } = geometry;
  const imageBytes = Math.max(geometry.inputImageBytes, geometry.outputImageBytes);
  const whole = outputRows.count === geometry.rows.cells && images * imageBytes <= MOST_ROW_BYTES;
  const pixels = outputRows.count * outputColumns * (whole ? images : 1);
  return {
    ...geometry,
    rows: { ...geometry.rows, cells: 1 },
    columns: { ...geometry.columns, cells: pixels },
    outputRows: { from: 0, count: 1 },
    outputColumns: pixels,
    images: whole ? 1 : images,
    inputStart: outputRows.from * geometry.inputRowBytes,
    outputStart: outputRows.from * geometry.outputRowBytes,
  };
}
