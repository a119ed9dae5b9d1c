import type { Target } from '../../target/target.ts';
import { type Cursor, emitRepeated } from './cursor.ts';
import type { Tile, TileSeries } from './tap-spans.ts';
import type { WindowGeometry } from './window-geometry.ts';

/** Emits the loops over images, rows and columns of tiles: `body` runs with both cursors at the first pixel of a tile. */
export function emitTiles(
  target: Target<unknown>,
  geometry: WindowGeometry,
  rowTiles: readonly TileSeries[],
  columnTiles: readonly TileSeries[],
  input: Cursor,
  output: Cursor,
  body: (rows: Tile, columns: Tile) => void,
): void {
  const images = [
    [input, geometry.inputImageBytes],
    [output, geometry.outputImageBytes],
  ] as const;
  emitRepeated(target, geometry.images, images, () => {
    const [inputImage, outputImage] = [input.position, output.position];
    for (const rows of rowTiles) {
      const inputRow = rows.first * geometry.rows.stride - geometry.rows.before;
      input.moveTo(inputImage + inputRow * geometry.inputRowBytes);
      output.moveTo(outputImage + rows.first * geometry.outputRowBytes);
      const rowSteps = [
        [input, geometry.rows.stride * geometry.inputRowBytes],
        [output, geometry.outputRowBytes],
      ] as const;
      emitRepeated(target, rows.count, rowSteps, () => {
        const [inputStart, outputStart] = [input.position, output.position];
        for (const columns of columnTiles) {
          const inputColumn = columns.first * geometry.columns.stride - geometry.columns.before;
          input.moveTo(inputStart + inputColumn * geometry.inputPixelBytes);
          output.moveTo(outputStart + columns.first * geometry.outputPixelBytes);
          const columnSteps = [
            [input, columns.size * geometry.columns.stride * geometry.inputPixelBytes],
            [output, columns.size * geometry.outputPixelBytes],
          ] as const;
          emitRepeated(target, columns.count, columnSteps, () => body(rows, columns));
        }
      });
    }
  });
}
