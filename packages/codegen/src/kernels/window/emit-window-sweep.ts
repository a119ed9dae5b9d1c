import type { Routine, Target, TargetTraits, Vector } from '../../target/target.ts';
import { Cursor, emitRepeated } from './cursor.ts';
import { emitColumnTiles, emitImages, emitRowTiles } from './emit-tiles.ts';
import { type TapRun, type Tile, tileAxis, tileKey } from './tap-spans.ts';
import type { WindowGeometry } from './window-geometry.ts';

/** Vectors of a sweep besides the sums of a tile's pixels. */
export interface SweepRegisterCounts {
  /** 0 without weights; a window row of them where they fit, so that each cell is read once; else 1. */
  readonly weights: number;
  /** Cells take turns in these. */
  readonly inputs: number;
}

/** What is done with the cells of a window, channel by channel. */
export interface WindowOperation {
  /** Values per tap and channel in packed weights, and whether a vector of biases follows those of each vector of channels. */
  readonly weights: { readonly bias: boolean } | null;
  /** Registers of `available` that `finish` makes use of besides the sums; the least possible, whether available or not. */
  readonly scratch: (available: number) => number;
  begin(sum: Vector): void;
  /** One more cell of the window; rows and columns ascend. */
  accumulate(sum: Vector, cell: Vector, weight: Vector | null): void;
  /** `cells[i]` cells of the image went into `sums[i]`. */
  finish(
    sums: readonly Vector[],
    cells: readonly number[],
    bias: Cursor | null,
    scratch: readonly Vector[],
  ): void;
}

/** A window that slides over images, each channel by itself. */
export interface WindowSweep {
  readonly geometry: WindowGeometry;
  readonly channels: number;
  readonly tileColumns: number;
  readonly arguments: { readonly input: number; readonly weights?: number; readonly output: number };
  readonly operation: WindowOperation;
}

/** More would gain nothing: processors rename registers. */
const MOST_INPUTS = 4;

/**
 * The registers of a sweep with `tileColumns` sums, or null when it does not fit the target. `comfortable` asks for a window row of
 * weights and, where loads are hoisted, for a register per cell: without them the code is as right, and slower.
 */
export function sweepRegisterCounts(
  { taps, stride, dilation }: WindowGeometry['columns'],
  tileColumns: number,
  weighted: boolean,
  traits: TargetTraits,
  comfortable = false,
): SweepRegisterCounts | null {
  const free = traits.vectors - tileColumns - (weighted ? traits.temporaries.fma : 0);
  const reached = (tileColumns - 1) * stride + (taps - 1) * dilation + 1;
  const cells = Math.min(reached, tileColumns * taps);
  const most = traits.hoistsLoads && comfortable ? cells : Math.min(cells, MOST_INPUTS);
  for (const weights of !weighted ? [0] : comfortable ? [taps] : [taps, 1]) {
    const inputs = traits.hoistsLoads && comfortable ? most : Math.min(most, free - weights);
    if (inputs >= 1 && inputs + weights <= free) return { weights, inputs };
  }
  return null;
}

/** Bytes of packed weights (and bias) of one vector of channels. */
export function sweepBlockBytes(taps: number, bias: boolean, lanes: number): number {
  return (taps + (bias ? 1 : 0)) * lanes * 4;
}

interface SweepState {
  readonly target: Target<unknown>;
  readonly sweep: WindowSweep;
  readonly vectorBytes: number;
  readonly sums: readonly Vector[];
  readonly weights: readonly Vector[];
  readonly inputs: readonly Vector[];
  readonly more: readonly Vector[];
  readonly input: Cursor;
  readonly weight: Cursor;
  readonly output: Cursor;
}

/** Emits a sweep over all images, rows and columns; channels are the innermost of the loops around a tile. */
export function emitWindowSweep(target: Target<unknown>, sweep: WindowSweep): void {
  const { geometry, tileColumns } = sweep;
  const { from, count } = geometry.outputRows;
  const rowTiles = tileAxis(geometry.rows, from, count, 1);
  const columnTiles = tileAxis(geometry.columns, 0, geometry.outputColumns, tileColumns);
  const state = claimRegisters(target, sweep);
  const routines = new Map<string, Routine>();
  const parameters = [state.input.pointer, state.output.pointer];
  const key = (rows: Tile, columns: Tile) => `${tileKey(rows)};${tileKey(columns)}`;
  for (const rows of rowTiles) {
    for (const columns of columnTiles) {
      if (routines.has(key(rows, columns))) continue;
      const routine = target.routine(parameters, () => emitSweepTile(state, rows, columns));
      routines.set(key(rows, columns), routine);
    }
  }
  const input = new Cursor(target, target.pointer('input'));
  const output = new Cursor(target, target.pointer('output'));
  target.argument(input.pointer, sweep.arguments.input);
  target.argument(output.pointer, sweep.arguments.output);
  const cursors = { input, output };
  emitImages(target, geometry, cursors, () => {
    emitRowTiles(target, geometry, rowTiles, cursors, (rows) => {
      emitColumnTiles(target, geometry, columnTiles, cursors, (columns) => {
        target.copyPointer(state.input.pointer, input.pointer);
        target.copyPointer(state.output.pointer, output.pointer);
        target.call(routines.get(key(rows, columns))!);
      });
    });
  });
}

function claimRegisters(target: Target<unknown>, sweep: WindowSweep): SweepState {
  const { geometry, tileColumns, operation } = sweep;
  const weighted = operation.weights !== null;
  const smallest: SweepRegisterCounts = { weights: weighted ? 1 : 0, inputs: 1 };
  const counts = sweepRegisterCounts(geometry.columns, tileColumns, weighted, target.traits) ?? smallest;
  const { vectors, temporaries } = target.traits;
  const free = vectors - tileColumns - (weighted ? temporaries.fma : 0);
  const spare = Math.max(0, operation.scratch(free) - counts.weights - counts.inputs);
  return {
    target,
    sweep,
    vectorBytes: target.traits.lanes * 4,
    sums: target.vectors('sums', tileColumns),
    weights: target.vectors('weights', counts.weights),
    inputs: target.vectors('inputs', counts.inputs),
    more: target.vectors('scratch', spare),
    input: new Cursor(target, target.pointer('input of a tile')),
    weight: new Cursor(target, target.pointer('weights of a tile')),
    output: new Cursor(target, target.pointer('output of a tile')),
  };
}

/** All channels of one tile: whole vectors in a loop, then what is left. */
function emitSweepTile(state: SweepState, rows: Tile, columns: Tile): void {
  const { target, sweep, vectorBytes } = state;
  const { lanes } = target.traits;
  const { weights } = sweep.operation;
  const taps = sweep.geometry.rows.taps * sweep.geometry.columns.taps;
  const blockBytes = weights ? sweepBlockBytes(taps, weights.bias, lanes) : 0;
  const input = new Cursor(target, state.input.pointer);
  const output = new Cursor(target, state.output.pointer);
  const weight = new Cursor(target, state.weight.pointer);
  if (weights) target.argument(weight.pointer, sweep.arguments.weights!);
  const steps = [
    [input, vectorBytes],
    [output, vectorBytes],
    [weight, blockBytes],
  ] as const;
  const tile = { ...state, input, output, weight };
  const vectors = Math.floor(sweep.channels / lanes);
  if (vectors > 0) emitRepeated(target, vectors, steps, () => emitChannels(tile, rows, columns, lanes));
  const rest = sweep.channels % lanes;
  if (rest > 0) emitChannels(tile, rows, columns, rest);
}

/** One vector of channels of one tile. */
function emitChannels(state: SweepState, rows: Tile, columns: Tile, width: number): void {
  const { target, sweep, vectorBytes, input, weight, output } = state;
  const { geometry, operation } = sweep;
  const sums = state.sums.slice(0, columns.size);
  for (const sum of sums) operation.begin(sum);
  const windowRowBytes = operation.weights ? geometry.columns.taps * vectorBytes : 0;
  const rowBytes = geometry.rows.dilation * geometry.inputRowBytes;
  const [inputStart, weightStart] = [input.position, weight.position];
  for (const run of rows.runs) {
    input.moveTo(inputStart + run.tap * rowBytes);
    weight.moveTo(weightStart + run.tap * windowRowBytes);
    const steps = [
      [input, rowBytes],
      [weight, windowRowBytes],
    ] as const;
    emitRepeated(target, run.count, steps, () => emitWindowRow(state, sums, columns.runs, width));
  }
  const rowCount = rows.runs.reduce((sum, { count }) => sum + count, 0);
  const cells = sums.map((_, pixel) => {
    const inside = columns.runs.filter(({ from, to }) => from <= pixel && pixel < to);
    return rowCount * inside.reduce((sum, { count }) => sum + count, 0);
  });
  weight.moveTo(weightStart + windowRowBytes * geometry.rows.taps);
  const bias = operation.weights?.bias ? weight : null;
  operation.finish(sums, cells, bias, [...state.weights, ...state.inputs, ...state.more]);
  for (const [pixel, sum] of sums.entries()) {
    target.store(sum, { base: output.pointer, offset: pixel * geometry.outputPixelBytes }, width);
  }
}

/** A cell of the image and the (pixel, tap) pairs that use it. */
interface CellUse {
  readonly column: number;
  readonly uses: readonly (readonly [pixel: number, tap: number])[];
}

/** Which cells of a row the pixels of a tile use, ascending; `column` counts from the first pixel at its first tap. */
function cellsOfRow({ stride, dilation }: WindowGeometry['columns'], runs: readonly TapRun[]): CellUse[] {
  const cells = new Map<number, [number, number][]>();
  for (const { tap, count, from, to } of runs) {
    for (let t = tap; t < tap + count; t++) {
      for (let pixel = from; pixel < to; pixel++) {
        const column = pixel * stride + t * dilation;
        cells.set(column, [...(cells.get(column) ?? []), [pixel, t]]);
      }
    }
  }
  return [...cells].map(([column, uses]) => ({ column, uses })).sort((a, b) => a.column - b.column);
}

/** One row of the window; the cursors stand at its first tap. Each cell is read once where a row of weights fits the registers. */
function emitWindowRow(
  state: SweepState,
  sums: readonly Vector[],
  runs: readonly TapRun[],
  width: number,
): void {
  const { target, sweep, vectorBytes, input, weight } = state;
  const { geometry } = sweep;
  const cells = cellsOfRow(geometry.columns, runs);
  if (cells.length === 0) return;
  const first = cells[0]!.column;
  input.moveTo(input.position + first * geometry.inputPixelBytes);
  const loadWeight = (destination: Vector, tap: number) => {
    target.load(destination, { base: weight.pointer, offset: tap * vectorBytes });
  };
  const loadCell = (destination: Vector, column: number) => {
    const offset = (column - first) * geometry.inputPixelBytes;
    target.load(destination, { base: input.pointer, offset }, width);
  };
  const taps = runs.flatMap(({ tap, count }) => Array.from({ length: count }, (_, i) => tap + i));
  const resident = state.weights.length >= geometry.columns.taps;
  const passes = resident || state.weights.length === 0 ? [taps] : taps.map((tap) => [tap]);
  for (const pass of passes) {
    const weightOf = (tap: number) => state.weights[resident ? tap : 0] ?? null;
    if (state.weights.length > 0) for (const tap of pass) loadWeight(weightOf(tap)!, tap);
    let turn = 0;
    for (const { column, uses } of cells) {
      const now = uses.filter(([, tap]) => pass.includes(tap));
      if (now.length === 0) continue;
      const cell = state.inputs[turn++ % state.inputs.length]!;
      loadCell(cell, column);
      for (const [pixel, tap] of now) sweep.operation.accumulate(sums[pixel]!, cell, weightOf(tap));
    }
  }
}
