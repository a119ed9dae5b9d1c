import { GEMV_ARGUMENTS, type GemvDescription } from '../../description/gemv.ts';
import { ARGUMENT_BYTES } from '../../host/argument-block.ts';
import type { Pointer, Target, TargetTraits, Vector } from '../../target/target.ts';
import { activationScratch, emitActivation } from '../activation/emit-activation.ts';
import { emitSumLanes, SUM_LANES, sumVectors } from '../elements/lane-reduction.ts';
import { cutTiles } from '../gemm/gemm-plan.ts';

const WORD_BYTES = 4;
/** Registers that any activation needs. */
const MOST_ACTIVATION_SCRATCH = 4;

/** The registers and addresses of a kernel while it is emitted. */
interface Emission {
  readonly target: Target<unknown>;
  readonly description: GemvDescription;
  /** Sums in the front, operands and scratch behind them. */
  readonly vectors: readonly Vector[];
  /** The first row of A of the tile, the first column of B, the first element of C, and of the bias. */
  readonly a: Pointer;
  readonly b: Pointer;
  readonly c: Pointer;
  readonly bias: Pointer | null;
}

/** Rows and columns that are computed together. */
interface TileSize {
  readonly rows: number;
  readonly columns: number;
}

/** Vector registers of a tile: its sums, those of a vector's worth of A and B, and what the end needs. */
export function gemvTileVectors({ rows, columns }: TileSize, traits: TargetTraits): number {
  const vectors = sumVectors(traits.lanes);
  const scratch = Math.max(columns + 1, MOST_ACTIVATION_SCRATCH);
  // Where loads move to the start of a turn, every one of the turn keeps a register.
  const operands = traits.hoistsLoads ? Math.max(scratch, vectors * (rows + columns)) : scratch;
  return rows * columns * vectors + operands + traits.temporaries.fma;
}

function claimVectors(target: Target<unknown>, description: GemvDescription, tile: TileSize): Vector[] {
  const { traits } = target;
  const sums = tile.rows * tile.columns * sumVectors(traits.lanes);
  const scratch = Math.max(tile.columns + 1, 2, activationScratch(description.epilogue.activation));
  return target.vectors(`${tile.rows} rows by ${tile.columns} columns and their operands`, sums + scratch);
}

/** Emits `C = activation(alpha * A * B + beta * C + bias)`. @throws RegisterBudgetError when a tile does not fit. */
export function emitGemv(target: Target<unknown>, description: GemvDescription): void {
  const { batch, rows, columns, epilogue, blocking } = description;
  const runs = cutTiles(rows, blocking.tileRows);
  const widths = cutTiles(columns, blocking.tileColumns);
  const emission: Emission = {
    target,
    description,
    vectors: claimVectors(target, description, { rows: runs[0]!.rows, columns: widths[0]!.rows }),
    a: target.pointer('a'),
    b: target.pointer('b'),
    c: target.pointer('c'),
    bias: epilogue.bias ? target.pointer('bias') : null,
  };
  const { a, b, c, bias } = emission;
  target.argument(a, GEMV_ARGUMENTS.a);
  target.argument(b, GEMV_ARGUMENTS.b);
  target.argument(c, GEMV_ARGUMENTS.c);
  target.loop(batch, () => {
    for (const width of widths) {
      target.loop(width.count, () => {
        if (bias !== null) target.argument(bias, GEMV_ARGUMENTS.bias);
        emitColumns(emission, runs, width.rows);
        target.advance(b, width.rows * description.b.columnStride * WORD_BYTES);
        target.advance(c, width.rows * description.c.columnStride * WORD_BYTES);
      });
    }
    target.advance(a, description.a.batchStride * WORD_BYTES);
    target.advance(b, (description.b.batchStride - columns * description.b.columnStride) * WORD_BYTES);
    target.advance(c, (description.c.batchStride - columns * description.c.columnStride) * WORD_BYTES);
  });
}

/** All rows times `columns` columns. Leaves the pointers, but not the bias, where they were. */
function emitColumns(
  emission: Emission,
  runs: readonly { readonly rows: number; readonly count: number }[],
  columns: number,
): void {
  const { target, description, a, c, bias } = emission;
  for (const { rows, count } of runs) {
    target.loop(count, () => {
      emitTile(emission, { rows, columns });
      target.advance(a, rows * description.a.rowStride * WORD_BYTES);
      target.advance(c, rows * description.c.rowStride * WORD_BYTES);
      if (bias !== null) target.advance(bias, rows * WORD_BYTES);
    });
  }
  target.advance(a, -description.rows * description.a.rowStride * WORD_BYTES);
  target.advance(c, -description.rows * description.c.rowStride * WORD_BYTES);
}

function emitTile(emission: Emission, tile: TileSize): void {
  const { target, vectors } = emission;
  const parts = sumVectors(target.traits.lanes);
  const sums = Array.from({ length: tile.rows }, (_, row) =>
    Array.from({ length: tile.columns }, (_, column) => {
      const first = (row * tile.columns + column) * parts;
      return vectors.slice(first, first + parts);
    }),
  );
  const others = vectors.slice(tile.rows * tile.columns * parts);
  for (const sum of sums.flat(2)) target.zero(sum);
  emitDepth(emission, sums, others);
  for (const sum of sums.flat()) emitSumLanes(target, sum, others[0]!);
  emitResults(
    emission,
    sums.map((row) => row.map((sum) => sum[0]!)),
    others,
  );
}

/** Adds all products. Leaves `a` and `b` where they were. */
function emitDepth(
  { target, description, a, b }: Emission,
  sums: readonly (readonly (readonly Vector[])[])[],
  others: readonly Vector[],
): void {
  const { depth } = description;
  const { lanes, unroll } = target.traits;
  const group = SUM_LANES * Math.max(1, unroll / 2);
  const turns = Math.floor(depth / group);
  const columns = sums[0]!.length;
  const [value, right] = [others[columns]!, others.slice(0, columns)];
  const step = (element: number, existing: number) => {
    const part = (element / lanes) % sums[0]![0]!.length;
    for (const [column, vector] of right.entries()) {
      const offset = (column * description.b.columnStride + element) * WORD_BYTES;
      target.load(vector, { base: b, offset }, existing);
    }
    for (const [row, columnSums] of sums.entries()) {
      const offset = (row * description.a.rowStride + element) * WORD_BYTES;
      target.load(value, { base: a, offset }, existing);
      for (const [column, sum] of columnSums.entries()) target.fma(sum[part]!, value, right[column]!);
    }
  };
  if (turns > 0) {
    target.loop(turns, () => {
      for (let element = 0; element < group; element += lanes) step(element, lanes);
      target.advance(a, group * WORD_BYTES);
      target.advance(b, group * WORD_BYTES);
    });
  }
  const rest = depth - turns * group;
  for (let element = 0; element < rest; element += lanes) step(element, Math.min(lanes, rest - element));
  target.advance(a, -turns * group * WORD_BYTES);
  target.advance(b, -turns * group * WORD_BYTES);
}

/** Finishes sums, each in every lane of a register, and stores one lane of each. */
function emitResults(
  { target, description, c, bias }: Emission,
  sums: readonly (readonly Vector[])[],
  others: readonly Vector[],
): void {
  const { alpha, beta, epilogue } = description;
  const [first, second] = others as [Vector, Vector];
  const field = (index: number) => ({ base: target.block, offset: index * ARGUMENT_BYTES });
  const place = (row: number, column: number) => ({
    base: c,
    offset: (row * description.c.rowStride + column * description.c.columnStride) * WORD_BYTES,
  });
  for (const [row, columnSums] of sums.entries()) {
    for (const [column, sum] of columnSums.entries()) {
      if (alpha === 'argument') {
        target.splat(first, field(GEMV_ARGUMENTS.alpha));
        target.float('multiply', sum, sum, first);
      }
      if (beta !== 'zero') target.splat(second, place(row, column));
      if (beta === 'one') target.float('add', sum, sum, second);
      if (beta === 'argument') {
        target.splat(first, field(GEMV_ARGUMENTS.beta));
        target.fma(sum, first, second);
      }
      if (bias !== null) {
        target.splat(first, { base: bias, offset: row * WORD_BYTES });
        target.float('add', sum, sum, first);
      }
      emitActivation(target, epilogue.activation, [sum], others);
      target.store(sum, place(row, column), 1);
    }
  }
}
