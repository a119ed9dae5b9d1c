/** One axis (rows or columns) of an image under a window. */
export interface WindowAxis {
  /** Cells of the image. */
  readonly cells: number;
  readonly taps: number;
  readonly stride: number;
  readonly dilation: number;
  /** Cells of padding before the first. */
  readonly before: number;
}

/** Neighbouring output positions of a tile, `[from, to)`, counted from the first of the tile. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Neighbouring taps for which the same positions of a tile meet a cell of the image. */
export interface TapRun extends Span {
  readonly tap: number;
  readonly count: number;
}

/** Neighbouring output positions, computed together. */
export interface Tile {
  readonly first: number;
  readonly size: number;
  /** Taps that meet the padding for every position are left out. */
  readonly runs: readonly TapRun[];
}

/** Neighbouring tiles of the same size and the same runs. */
export interface TileSeries extends Tile {
  readonly count: number;
}

/** The positions, among `size` from `first`, at which `tap` meets a cell of the image. */
export function tapSpan(axis: WindowAxis, first: number, size: number, tap: number): Span {
  const offset = tap * axis.dilation - axis.before;
  const from = Math.max(0, Math.ceil(-offset / axis.stride) - first);
  const to = Math.min(size, Math.floor((axis.cells - 1 - offset) / axis.stride) + 1 - first);
  return to > from ? { from, to } : { from: 0, to: 0 };
}

function tapRuns(axis: WindowAxis, first: number, size: number): TapRun[] {
  const runs: TapRun[] = [];
  for (let tap = 0; tap < axis.taps; tap++) {
    const span = tapSpan(axis, first, size, tap);
    const last = runs.at(-1);
    if (span.to === span.from) continue;
    if (last && last.tap + last.count === tap && last.from === span.from && last.to === span.to) {
      runs[runs.length - 1] = { ...last, count: last.count + 1 };
    } else {
      runs.push({ tap, count: 1, ...span });
    }
  }
  return runs;
}

/** Text that is equal for tiles that the same code serves. */
export function tileKey({ size, runs }: Tile): string {
  return `${size}:${runs.map(({ tap, count, from, to }) => [tap, count, from, to].join('.')).join(',')}`;
}

/**
 * Divides `count` output positions from `from` into as few tiles as possible of at most `most` positions, of sizes that differ by at
 * most one (large ones first), and gathers equal neighbours.
 */
export function tileAxis(axis: WindowAxis, from: number, count: number, most: number): TileSeries[] {
  const tiles = Math.ceil(count / most);
  const larger = count % tiles;
  const series: TileSeries[] = [];
  let first = from;
  for (let i = 0; i < tiles; i++) {
    const size = Math.floor(count / tiles) + (i < larger ? 1 : 0);
    const tile: Tile = { first, size, runs: tapRuns(axis, first, size) };
    const last = series.at(-1);
    if (last && tileKey(last) === tileKey(tile))
      series[series.length - 1] = { ...last, count: last.count + 1 };
    else series.push({ ...tile, count: 1 });
    first += size;
  }
  return series;
}
