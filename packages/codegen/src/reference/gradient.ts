/** Plain-loop meaning of the gradients of windowed operations. Shares no code with `kernels/`. */
import type {
  DepthwiseFilterGradientDescription,
  PoolingGradientDescription,
} from '../description/gradient.ts';
import { type SlidingWindow, windowOutput } from '../description/window.ts';

/** A cell of a batch of images. */
export interface ImageCell {
  readonly image: number;
  readonly row: number;
  readonly column: number;
  readonly channel: number;
}

interface WindowCell {
  readonly row: number;
  readonly column: number;
}

/** The cells of a window in the image, rows then columns ascending. */
function cellsOf(
  { height, width }: { readonly height: number; readonly width: number },
  window: SlidingWindow,
  outputRow: number,
  outputColumn: number,
): WindowCell[] {
  const cells: WindowCell[] = [];
  for (let i = 0; i < window.height; i++) {
    for (let j = 0; j < window.width; j++) {
      const row = outputRow * window.strideHeight + i * window.dilationHeight - window.padding.top;
      const column = outputColumn * window.strideWidth + j * window.dilationWidth - window.padding.left;
      if (row >= 0 && row < height && column >= 0 && column < width) cells.push({ row, column });
    }
  }
  return cells;
}

/** One element of a pooling gradient, float32 steps. */
export function referencePoolingGradient(
  { operation, input, window }: PoolingGradientDescription,
  x: Float32Array,
  gradient: Float32Array,
  { image, row, column, channel }: ImageCell,
): number {
  const output = windowOutput(input, window);
  const valueAt = (cell: WindowCell) => {
    return x[((image * input.height + cell.row) * input.width + cell.column) * input.channels + channel]!;
  };
  // Only windows that begin before the cell, and not further away than they are long, can hold it.
  const first = (cell: number, before: number, extent: number, stride: number) =>
    Math.max(0, Math.floor((cell + before - extent) / stride));
  const rowFrom = first(row, window.padding.top, window.height * window.dilationHeight, window.strideHeight);
  const columnFrom = first(
    column,
    window.padding.left,
    window.width * window.dilationWidth,
    window.strideWidth,
  );
  let sum = 0;
  for (let r = rowFrom; r < output.height && r * window.strideHeight - window.padding.top <= row; r++) {
    for (
      let s = columnFrom;
      s < output.width && s * window.strideWidth - window.padding.left <= column;
      s++
    ) {
      const cells = cellsOf(input, window, r, s);
      const passed = gradient[((image * output.height + r) * output.width + s) * input.channels + channel]!;
      const isHere = (cell: WindowCell | undefined) => cell?.row === row && cell?.column === column;
      if (operation === 'average') {
        const share = Math.fround(passed * Math.fround(1 / (window.height * window.width)));
        if (cells.some(isHere)) sum = Math.fround(sum + share);
        continue;
      }
      let largest: WindowCell | undefined;
      for (const cell of cells) {
        const value = valueAt(cell);
        if (!Number.isNaN(value) && (largest === undefined || value > valueAt(largest))) largest = cell;
      }
      if (isHere(largest)) sum = Math.fround(sum + passed);
    }
  }
  return sum;
}

/** One element of a depthwise filter gradient in float64, and the sum of the absolute products. */
export function referenceDepthwiseFilterGradient(
  { batch, input, window }: DepthwiseFilterGradientDescription,
  x: Float32Array,
  gradient: Float32Array,
  tap: number,
  channel: number,
): { readonly sum: number; readonly magnitude: number; readonly terms: number } {
  const output = windowOutput(input, window);
  const [i, j] = [Math.floor(tap / window.width), tap % window.width];
  let [sum, magnitude, terms] = [0, 0, 0];
  for (let image = 0; image < batch; image++) {
    for (let r = 0; r < output.height; r++) {
      const row = r * window.strideHeight + i * window.dilationHeight - window.padding.top;
      if (row < 0 || row >= input.height) continue;
      for (let s = 0; s < output.width; s++) {
        const column = s * window.strideWidth + j * window.dilationWidth - window.padding.left;
        if (column < 0 || column >= input.width) continue;
        const value = x[((image * input.height + row) * input.width + column) * input.channels + channel]!;
        const passed = gradient[((image * output.height + r) * output.width + s) * input.channels + channel]!;
        sum += value * passed;
        magnitude += Math.abs(value * passed);
        terms += 1;
      }
    }
  }
  return { sum, magnitude, terms };
}
