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
  let last: TapRun | null = null;
  for (let tap = 0; tap < axis.taps; tap++) {
    const { from, to } = tapSpan(axis, first, size, tap);
    if (to === from) continue;
    const continues: boolean =
      last !== null && last.tap + last.count === tap && last.from === from && last.to === to;
    const run: TapRun = continues ? { ...last!, count: last!.count + 1 } : { tap, count: 1, from, to };
    if (continues) runs.pop();
    runs.push(run);
    last = run;
  }
  return runs;
}

/** Text that is equal for tiles that the same code serves. */
export function tileKey({ size, runs }: Tile): string {
  return `${size}:${runs.map(({ tap, count, from, to }) => [tap, count, from, to].join('.')).join(',')}`;
}

/** True for tiles that the same code serves. */
function isSameCode(a: Tile, b: Tile): boolean {
  if (a.size !== b.size || a.runs.length !== b.runs.length) return false;
  return a.runs.every((run, i) => {
    const other = b.runs[i]!;
    return (
      run.tap === other.tap && run.count === other.count && run.from === other.from && run.to === other.to
    );
  });
}

/** How many neighbouring tiles of `size` positions, the first at `first`, meet no padding. */
function insideTiles(
  { cells, taps, stride, dilation, before }: WindowAxis,
  first: number,
  size: number,
): number {
  if (first * stride < before) return 0;
  const lastPosition = Math.floor((cells - 1 - (taps - 1) * dilation + before) / stride);
  return Math.max(0, Math.floor((lastPosition + 1 - first) / size));
}

/**
 * Divides `count` output positions from `from` into as few tiles as possible of at most `most` positions, of sizes that differ by at
 * most one (large ones first), and gathers equal neighbours.
 */
export function tileAxis(axis: WindowAxis, from: number, count: number, most: number): TileSeries[] {
  const tiles = Math.ceil(count / most);
  const larger = count % tiles;
  const smallest = Math.floor(count / tiles);
  const series: { first: number; size: number; runs: readonly TapRun[]; count: number }[] = [];
  let first = from;
  for (let tile = 0; tile < tiles; ) {
    const [size, left] = tile < larger ? [smallest + 1, larger - tile] : [smallest, tiles - tile];
    const inside = Math.min(left, insideTiles(axis, first, size));
    const all: TapRun = { tap: 0, count: axis.taps, from: 0, to: size };
    const runs = inside > 0 ? [all] : tapRuns(axis, first, size);
    const last = series.at(-1);
    const equal = Math.max(1, inside);
    if (last && isSameCode(last, { first, size, runs })) last.count += equal;
    else series.push({ first, size, runs, count: equal });
    first += size * equal;
    tile += equal;
  }
  return series;
}
