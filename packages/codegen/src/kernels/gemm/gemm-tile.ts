import type { MemoryOperand, Pointer, Target, TargetTraits, Vector } from '../../target/target.ts';
import { elementBytes } from './gemm-plan.ts';

/**
 * Which operand stays in registers during one step of the depth while the other passes: a row of B (`columns`), or the values of A
 * of every row (`rows`).
 */
export type HeldOperand = 'columns' | 'rows';

/** How many vector registers a tile uses, by role. */
export interface TileRegisters {
  readonly held: HeldOperand;
  readonly accumulators: number;
  readonly heldCount: number;
  /** Registers that the passing operand takes turns in; at least one. */
  readonly passingCount: number;
}

/** The sizes that decide what a tile needs. */
export interface TileShape {
  readonly rows: number;
  readonly vectors: number;
  /** True when B is stored in 16 bits. */
  readonly narrow: boolean;
}

/** More would gain nothing: processors rename registers. */
const MOST_PASSING = 4;

/** The registers of a tile, or null when it does not fit the target. */
export function tileRegisters(
  { rows, vectors, narrow }: TileShape,
  traits: TargetTraits,
): TileRegisters | null {
  const temporaries = traits.temporaries.fma + (narrow ? traits.temporaries.half : 0);
  const free = traits.vectors - temporaries - rows * vectors;
  const held: HeldOperand = vectors <= rows ? 'columns' : 'rows';
  const heldCount = held === 'columns' ? vectors : rows;
  const most = held === 'columns' ? rows : vectors;
  const passing = traits.hoistsLoads ? most : Math.min(most, MOST_PASSING, free - heldCount);
  // The end of a tile needs two registers that hold no sum.
  if (free < heldCount + passing || passing < 1 || heldCount + passing < 2) return null;
  return { held, accumulators: rows * vectors, heldCount, passingCount: passing };
}

/** The most rows that a tile of `vectors` vectors can have on a target; 0 when not even one fits. */
export function mostTileRows(vectors: number, narrow: boolean, traits: TargetTraits): number {
  let rows = 0;
  while (tileRegisters({ rows: rows + 1, vectors, narrow }, traits)) rows++;
  return rows;
}

/** How a tile reads A and B, relative to the pointers of its first elements. */
export interface TileOperands {
  readonly left: { readonly rowBytes: number; readonly depthBytes: number };
  readonly right: {
    readonly format: 'float32' | 'float16' | 'bfloat16';
    readonly depthBytes: number;
    /** Lanes of the last vector that may be read; the others count as 0. */
    readonly tailLanes: number;
    /** Lanes of the last vector that results are wanted of. */
    readonly usedLanes: number;
    /** Vectors side by side; the next ones lie `panelBytes` further. */
    readonly panelVectors: number;
    readonly panelBytes: number;
  };
}

/** The registers and addresses of a tile while it is emitted. */
export interface Tile {
  readonly accumulators: readonly (readonly Vector[])[];
  readonly held: HeldOperand;
  readonly heldVectors: readonly Vector[];
  readonly passingVectors: readonly Vector[];
  readonly a: Pointer;
  readonly b: Pointer;
}

/** Emits the updates of all sums over `depth`. Leaves `a` and `b` behind the last element they read. */
export function emitDepth(target: Target<unknown>, tile: Tile, operands: TileOperands, depth: number): void {
  const unroll = Math.min(target.traits.unroll, depth);
  const turns = Math.floor(depth / unroll);
  const steps = (count: number) => {
    for (let step = 0; step < count; step++) emitStep(target, tile, operands, step);
  };
  target.loop(turns, () => {
    steps(unroll);
    target.advance(tile.a, unroll * operands.left.depthBytes);
    target.advance(tile.b, unroll * operands.right.depthBytes);
  });
  steps(depth - turns * unroll);
}

/** One element of the depth: every row's value of A times every vector of B. */
function emitStep(target: Target<unknown>, tile: Tile, operands: TileOperands, step: number): void {
  const { accumulators, heldVectors, passingVectors } = tile;
  const vectors = accumulators[0]!.length;
  const value = (destination: Vector, row: number) => {
    const offset = row * operands.left.rowBytes + step * operands.left.depthBytes;
    target.splat(destination, { base: tile.a, offset });
  };
  const column = (destination: Vector, v: number) => {
    loadRight(target, operands, destination, tile.b, step, v, v === vectors - 1);
  };
  const { lanes } = target.traits;
  const update = (sum: Vector, a: Vector, b: Vector, v: number) => {
    target.fma(sum, a, b, v === vectors - 1 ? operands.right.usedLanes : lanes);
  };
  const passing = (index: number) => passingVectors[index % passingVectors.length]!;
  if (tile.held === 'columns') {
    for (let v = 0; v < vectors; v++) column(heldVectors[v]!, v);
    for (const [row, sums] of accumulators.entries()) {
      value(passing(row), row);
      for (const [v, sum] of sums.entries()) update(sum, passing(row), heldVectors[v]!, v);
    }
  } else {
    for (const row of accumulators.keys()) value(heldVectors[row]!, row);
    for (let v = 0; v < vectors; v++) {
      column(passing(v), v);
      for (const [row, sums] of accumulators.entries()) update(sums[v]!, heldVectors[row]!, passing(v), v);
    }
  }
}

function loadRight(
  target: Target<unknown>,
  { right }: TileOperands,
  destination: Vector,
  base: Pointer,
  step: number,
  v: number,
  isLast: boolean,
): void {
  const { lanes } = target.traits;
  const column = (v % right.panelVectors) * lanes * elementBytes(right.format);
  const panel = Math.floor(v / right.panelVectors) * right.panelBytes;
  const memory: MemoryOperand = { base, offset: step * right.depthBytes + panel + column };
  const readable = isLast ? right.tailLanes : lanes;
  if (right.format === 'float32') target.load(destination, memory, readable);
  else target.loadNarrow(right.format, destination, memory, readable);
}
