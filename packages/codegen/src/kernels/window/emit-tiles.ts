import type { Target } from '../../target/target.ts';
import { type Cursor, emitRepeated } from './cursor.ts';
import type { Tile, TileSeries } from './tap-spans.ts';
import type { WindowGeometry } from './window-geometry.ts';

/**
 * Cursors over the input and the output of a windowed kernel. Of an output pixel the input cursor marks the first tap of its window,
 * which may lie in the padding.
 */
export interface ImageCursors {
  readonly input: Cursor;
  readonly output: Cursor;
}

/** Emits `body`, then brings the cursors back to where they stood before it. */
export function emitFromHere(cursors: readonly Cursor[], body: () => void): void {
  const starts = cursors.map((cursor) => cursor.position);
  body();
  for (const [i, cursor] of cursors.entries()) cursor.moveTo(starts[i]!);
}

/** Emits the loops over tiles of rows: `body` runs with both cursors at the first row of a tile. They start and end at row 0. */
export function emitRowTiles(
  target: Target<unknown>,
  geometry: WindowGeometry,
  tiles: readonly TileSeries[],
  { input, output }: ImageCursors,
  body: (rows: Tile) => void,
): void {
  const { stride, before } = geometry.rows;
  emitFromHere([input, output], () => {
    const [inputStart, outputStart] = [input.position, output.position];
    for (const tile of tiles) {
      input.moveTo(inputStart + (tile.first * stride - before) * geometry.inputRowBytes);
      output.moveTo(outputStart + tile.first * geometry.outputRowBytes);
      const steps = [
        [input, tile.size * stride * geometry.inputRowBytes],
        [output, tile.size * geometry.outputRowBytes],
      ] as const;
      emitRepeated(target, tile.count, steps, () => body(tile));
    }
  });
}

/** The same for tiles of columns within a row. */
export function emitColumnTiles(
  target: Target<unknown>,
  geometry: WindowGeometry,
  tiles: readonly TileSeries[],
  { input, output }: ImageCursors,
  body: (columns: Tile) => void,
): void {
  const { stride, before } = geometry.columns;
  emitFromHere([input, output], () => {
    const [inputStart, outputStart] = [input.position, output.position];
    for (const tile of tiles) {
      input.moveTo(inputStart + (tile.first * stride - before) * geometry.inputPixelBytes);
      output.moveTo(outputStart + tile.first * geometry.outputPixelBytes);
      const steps = [
        [input, tile.size * stride * geometry.inputPixelBytes],
        [output, tile.size * geometry.outputPixelBytes],
      ] as const;
      emitRepeated(target, tile.count, steps, () => body(tile));
    }
  });
}

/** Emits the loop over images: `body` runs with both cursors at the start of one. */
export function emitImages(
  target: Target<unknown>,
  geometry: WindowGeometry,
  { input, output }: ImageCursors,
  body: () => void,
): void {
  const steps = [
    [input, geometry.inputImageBytes],
    [output, geometry.outputImageBytes],
  ] as const;
  emitRepeated(target, geometry.images, steps, body);
}
