import type { Target } from '../../target/target.ts';
import { type Cursor, emitRepeated } from '../window/cursor.ts';
import { emitFromHere } from '../window/emit-tiles.ts';
import { type Tile, tileAxis } from '../window/tap-spans.ts';
import type { WindowGeometry } from '../window/window-geometry.ts';

/** Cursors that move with the windows of an image, and cursors that move with the outputs. */
export interface WalkedCursors {
  readonly inputs: readonly Cursor[];
  readonly outputs: readonly Cursor[];
}

/** A tap that meets a cell of the image, and where that is, in bytes from the first tap of the window. */
export interface MetTap {
  readonly tap: number;
  readonly position: number;
}

/**
 * Emits loops over the rows and columns of one image's outputs. `body` runs for each output, with the input cursors at the first tap of
 * its window, which may lie in the padding, and gets the taps that meet cells. It must leave all cursors where they were.
 */
export function emitWindowWalk(
  target: Target<unknown>,
  geometry: WindowGeometry,
  cursors: WalkedCursors,
  body: (taps: readonly MetTap[]) => void,
): void {
  const { rows, columns, outputColumns, outputRows } = geometry;
  const rowTiles = tileAxis(rows, outputRows.from, outputRows.count, 1);
  const columnTiles = tileAxis(columns, 0, outputColumns, 1);
  const walk = (
    tiles: typeof rowTiles,
    axis: typeof rows,
    inputBytes: number,
    outputBytes: number,
    each: (tile: Tile) => void,
  ) => {
    const all = [...cursors.inputs, ...cursors.outputs];
    emitFromHere(all, () => {
      const starts = all.map((cursor) => cursor.position);
      for (const tile of tiles) {
        const isInput = (index: number) => index < cursors.inputs.length;
        for (const [i, cursor] of all.entries()) {
          const moved = isInput(i)
            ? (tile.first * axis.stride - axis.before) * inputBytes
            : tile.first * outputBytes;
          cursor.moveTo(starts[i]! + moved);
        }
        const steps = all.map((cursor, i) => {
          return [cursor, isInput(i) ? axis.stride * inputBytes : outputBytes] as const;
        });
        emitRepeated(target, tile.count, steps, () => each(tile));
      }
    });
  };
  walk(rowTiles, rows, geometry.inputRowBytes, geometry.outputRowBytes, (row) => {
    walk(columnTiles, columns, geometry.inputPixelBytes, geometry.outputPixelBytes, (column) => {
      body(metTaps(geometry, row, column));
    });
  });
}

function metTaps({ rows, columns, inputRowBytes, inputPixelBytes }: WindowGeometry, row: Tile, column: Tile) {
  const isMet = ({ runs }: Tile, tap: number) =>
    runs.some((run) => tap >= run.tap && tap < run.tap + run.count);
  const taps: MetTap[] = [];
  for (let i = 0; i < rows.taps; i++) {
    for (let j = 0; j < columns.taps; j++) {
      if (!isMet(row, i) || !isMet(column, j)) continue;
      const position = i * rows.dilation * inputRowBytes + j * columns.dilation * inputPixelBytes;
      taps.push({ tap: i * columns.taps + j, position });
    }
  }
  return taps;
}
