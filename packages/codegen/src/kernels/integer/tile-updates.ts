import type { IntegerWeights } from '../../description/integer-gemm.ts';
import type { MemoryOperand, Target, Vector } from '../../target/target.ts';
import { type IntegerTile, type IntegerTileOperands, integerTileRegisters } from './integer-blocking.ts';

/** The registers of a tile; smaller tiles of the same kernel use some of them. */
export interface IntegerTileVectors {
  readonly accumulators: readonly Vector[];
  readonly b: readonly Vector[];
  readonly splats: readonly Vector[];
  readonly masks: readonly Vector[];
  readonly words: readonly Vector[];
  readonly products: readonly Vector[];
}

/**
 * @param accumulators at least those of the tile; more where sets of them take turns.
 * @throws RegisterBudgetError when the tile does not fit.
 */
export function claimIntegerTile(
  target: Target<unknown>,
  operands: IntegerTileOperands,
  tile: IntegerTile,
  accumulators: number,
): IntegerTileVectors {
  const registers = integerTileRegisters(operands, tile, target.traits);
  return {
    accumulators: target.vectors('sums', accumulators),
    b: target.vectors('b', registers.b),
    splats: target.vectors('values of a', registers.splats),
    masks: target.vectors('masks', registers.masks),
    words: target.vectors('sums in int16', registers.words),
    products: target.vectors('product', registers.products),
  };
}

/** What a tile computes: sums over the depth, of `rows` rows and `vectors` vectors of columns. */
export interface IntegerTileShape {
  readonly rows: number;
  readonly vectors: number;
  readonly weights: IntegerWeights;
  readonly depth: number;
  /** Bytes from one row of A to the next. */
  readonly aRowBytes: number;
  /** Bytes of one vector of one step of packed weights. */
  readonly bVectorBytes: number;
  /** Sets of accumulators that take turns. */
  readonly copies: number;
}

/**
 * Emits the update of all sums by one part of the depth: `update` for each row's value of A, in every lane, and each vector of B, which
 * `provide` leaves in a register.
 */
export function emitUpdates(
  target: Target<unknown>,
  { rows, vectors, aRowBytes }: IntegerTileShape,
  { b, splats }: IntegerTileVectors,
  a: MemoryOperand,
  provide: (destination: Vector, v: number) => void,
  update: (row: number, v: number, value: Vector, vector: Vector) => void,
): void {
  const splat = (row: number) => splats[row % splats.length]!;
  const loadValue = (row: number) =>
    target.splat(splat(row), { base: a.base, offset: a.offset + row * aRowBytes });
  if (splats.length >= rows) {
    for (let row = 0; row < rows; row++) loadValue(row);
    for (let v = 0; v < vectors; v++) {
      const vector = b[v % b.length]!;
      provide(vector, v);
      for (let row = 0; row < rows; row++) update(row, v, splat(row), vector);
    }
    return;
  }
  for (let v = 0; v < vectors; v++) provide(b[v]!, v);
  for (let row = 0; row < rows; row++) {
    loadValue(row);
    for (let v = 0; v < vectors; v++) update(row, v, splat(row), b[v]!);
  }
}
