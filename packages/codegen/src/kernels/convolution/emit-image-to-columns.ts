import { IMAGE_TO_COLUMNS_ARGUMENTS, type ImageToColumnsDescription } from '../../description/convolution.ts';
import { windowOutput } from '../../description/window.ts';
import type { Pointer, Routine, Target, Vector } from '../../target/target.ts';
import { Cursor, emitRepeated } from '../window/cursor.ts';
import { emitColumnTiles, emitImages, emitRowTiles } from '../window/emit-tiles.ts';
import { type Tile, tileAxis, tileKey } from '../window/tap-spans.ts';
import { type WindowGeometry, windowGeometry } from '../window/window-geometry.ts';

/** Vectors in flight while a run is copied. */
const COPY_VECTORS = 4;

/** Neighbouring numbers of a matrix row: a copy of the image from `position` (relative to the window), or zeros. */
interface Segment {
  readonly position: number | null;
  readonly words: number;
}

/** Emits the copy that `description` states. Arguments: {@link IMAGE_TO_COLUMNS_ARGUMENTS}. */
export function emitImageToColumns(target: Target<unknown>, description: ImageToColumnsDescription): void {
  const { batch, input, window } = description;
  const rowWords = window.height * window.width * input.channels;
  const output = windowOutput(input, window);
  const geometry = windowGeometry(batch, input, window, rowWords, { from: 0, count: output.height });
  const rowTiles = tileAxis(geometry.rows, 0, output.height, 1);
  const columnTiles = tileAxis(geometry.columns, 0, output.width, 1);
  const vectors = target.vectors('copies', COPY_VECTORS);
  const zero = target.vectors('zero', 1)[0]!;
  const from = target.pointer('window');
  const to = target.pointer('row');
  const routines = new Map<string, Routine>();
  const key = (rows: Tile, columns: Tile) => `${tileKey(rows)};${tileKey(columns)}`;
  for (const rows of rowTiles) {
    for (const columns of columnTiles) {
      if (routines.has(key(rows, columns))) continue;
      const segments = mergeSegments(windowSegments(geometry, input.channels, rows, columns));
      const routine = target.routine([from, to], () =>
        emitSegments(target, segments, from, to, vectors, zero),
      );
      routines.set(key(rows, columns), routine);
    }
  }
  const source = new Cursor(target, target.pointer('input'));
  const destination = new Cursor(target, target.pointer('output'));
  target.argument(source.pointer, IMAGE_TO_COLUMNS_ARGUMENTS.input);
  target.argument(destination.pointer, IMAGE_TO_COLUMNS_ARGUMENTS.output);
  const cursors = { input: source, output: destination };
  emitImages(target, geometry, cursors, () => {
    emitRowTiles(target, geometry, rowTiles, cursors, (rows) => {
      emitColumnTiles(target, geometry, columnTiles, cursors, (columns) => {
        target.copyPointer(from, source.pointer);
        target.copyPointer(to, destination.pointer);
        target.call(routines.get(key(rows, columns))!);
      });
    });
  });
}

/** What one window holds, tap by tap. */
function windowSegments(
  { rows: rowAxis, columns: columnAxis, inputRowBytes, inputPixelBytes }: WindowGeometry,
  channels: number,
  rows: Tile,
  columns: Tile,
): Segment[] {
  const inside = ({ runs }: Tile, tap: number) =>
    runs.some((run) => tap >= run.tap && tap < run.tap + run.count);
  const segments: Segment[] = [];
  for (let i = 0; i < rowAxis.taps; i++) {
    for (let j = 0; j < columnAxis.taps; j++) {
      const position = i * rowAxis.dilation * inputRowBytes + j * columnAxis.dilation * inputPixelBytes;
      segments.push({ position: inside(rows, i) && inside(columns, j) ? position : null, words: channels });
    }
  }
  return segments;
}

/** Joins segments that continue each other. */
function mergeSegments(segments: readonly Segment[]): Segment[] {
  const merged: Segment[] = [];
  for (const segment of segments) {
    const last = merged.at(-1);
    const continues =
      last !== undefined &&
      (last.position === null
        ? segment.position === null
        : segment.position === last.position + last.words * 4);
    if (continues) merged[merged.length - 1] = { ...last, words: last.words + segment.words };
    else merged.push(segment);
  }
  return merged;
}

function emitSegments(
  target: Target<unknown>,
  segments: readonly Segment[],
  from: Pointer,
  to: Pointer,
  vectors: readonly Vector[],
  zero: Vector,
): void {
  const { lanes } = target.traits;
  const input = new Cursor(target, from);
  const output = new Cursor(target, to);
  target.zero(zero);
  for (const { position, words } of segments) {
    if (position !== null) input.moveTo(position);
    const emitBlock = (block: number) => {
      const widths = vectors.map((_, i) => Math.min(lanes, block - i * lanes)).filter((width) => width > 0);
      for (const [i, width] of widths.entries()) {
        if (position !== null) target.load(vectors[i]!, { base: from, offset: i * lanes * 4 }, width);
      }
      for (const [i, width] of widths.entries()) {
        target.store(position === null ? zero : vectors[i]!, { base: to, offset: i * lanes * 4 }, width);
      }
    };
    const block = vectors.length * lanes;
    const [blocks, rest] = [Math.floor(words / block), words % block];
    const steps = (bytes: number) => {
      return [[output, bytes] as const, ...(position === null ? [] : [[input, bytes] as const])];
    };
    if (blocks > 0) emitRepeated(target, blocks, steps(block * 4), () => emitBlock(block));
    if (rest > 0) emitRepeated(target, 1, steps(rest * 4), () => emitBlock(rest));
  }
}
