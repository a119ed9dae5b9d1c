import { type IntegerGemmDescription, ROW_PARAMETER_BYTES } from '../../description/integer-gemm.ts';
import type { Pointer, Target, Vector } from '../../target/target.ts';
import { emitClamp } from '../activation/emit-activation.ts';
import type { ColumnParameterOffsets } from './integer-panels.ts';

/** Where a tile finds what belongs to its rows and columns, and where its results go. */
export interface IntegerTilePlace {
  /** Points behind the codes of the panel. */
  readonly b: Pointer;
  /** Bytes of the codes, which the offsets of the panel count too. */
  readonly codeBytes: number;
  readonly parameters: ColumnParameterOffsets;
  /** The parameters of the tile's first row. */
  readonly rows: Pointer;
  readonly c: Pointer;
  /** Columns of the tile that exist. */
  readonly columns: number;
}

/**
 * Turns exact sums `[row][vector]` into results in place and stores them: start value, zero point of the row, then for float32 output the
 * scale, the bias and a clamp. Each step rounds once to float32. Overwrites both scratch registers.
 */
export function emitIntegerResult(
  target: Target<unknown>,
  { output, rowScales, rowZeroPoints, epilogue, cRowStride }: IntegerGemmDescription,
  sums: readonly (readonly Vector[])[],
  place: IntegerTilePlace,
  [column, value]: readonly [Vector, Vector],
): void {
  const { parameters } = place;
  const vectors = sums[0]!.length;
  const eachColumn = (offset: number, apply: (v: number) => void) => {
    for (let v = 0; v < vectors; v++) {
      const at = offset - place.codeBytes + v * target.traits.lanes * 4;
      target.load(column, { base: place.b, offset: at });
      apply(v);
    }
  };
  eachColumn(parameters.starts, (v) => {
    for (const row of sums) target.integer('add', row[v]!, row[v]!, column);
  });
  if (rowZeroPoints) {
    eachColumn(parameters.columnSums, (v) => {
      for (const [index, row] of sums.entries()) {
        target.splat(value, { base: place.rows, offset: index * ROW_PARAMETER_BYTES + 4 });
        target.multiplyWords(value, value, column);
        target.integer('subtract', row[v]!, row[v]!, value);
      }
    });
  }
  if (output === 'float32') {
    for (const sum of sums.flat()) target.convert('int32-to-float32', sum, sum);
    eachColumn(parameters.scales, (v) => {
      for (const [index, row] of sums.entries()) {
        if (rowScales) {
          target.splat(value, { base: place.rows, offset: index * ROW_PARAMETER_BYTES });
          target.float('multiply', value, value, column);
        }
        target.float('multiply', row[v]!, row[v]!, rowScales ? value : column);
      }
    });
    if (epilogue.bias) {
      eachColumn(parameters.bias, (v) => {
        for (const row of sums) target.float('add', row[v]!, row[v]!, column);
      });
    }
    emitClamp(target, epilogue.activation, sums.flat(), column);
  }
  emitStores(target, sums, place, cRowStride);
}

/** Stores a tile; columns beyond the last are left alone. */
export function emitStores(
  target: Target<unknown>,
  values: readonly (readonly Vector[])[],
  { c, columns }: Pick<IntegerTilePlace, 'c' | 'columns'>,
  cRowStride: number,
): void {
  const { lanes } = target.traits;
  for (const [row, vectors] of values.entries()) {
    for (const [v, vector] of vectors.entries()) {
      const memory = { base: c, offset: (row * cRowStride + v * lanes) * 4 };
      target.store(vector, memory, Math.min(lanes, columns - v * lanes));
    }
  }
}
