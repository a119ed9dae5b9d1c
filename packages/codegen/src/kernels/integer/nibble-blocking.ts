import type { NibbleGemmBlocking, NibbleGemmDescription } from '../../description/nibble-gemm.ts';
import type { TargetTraits } from '../../target/target.ts';
import { groupCodeForm } from './code-form.ts';

/** What of a product a blocking is chosen for. */
export type NibbleProductShape = Pick<NibbleGemmDescription, 'rows' | 'columns' | 'scales'>;

/** What of a product decides the registers of a tile, besides the size of the tile. */
export type NibbleTileOperands = Pick<NibbleGemmDescription, 'scales'>;

/**
 * How a target multiplies a nibble by a code:
 * - `dot-bytes`: four bytes at once into int32. A byte of weights holds two columns, `16 h + l`. One sum takes the low nibbles, one the
 *   whole bytes; the difference is 16 times the sum of the high nibbles, so that these need not be separated;
 * - `multiply-bytes`: two bytes at once into int16, which cannot saturate: a group adds 16 products of at most 15 * 127;
 * - `dot-words`: two 16-bit numbers at once into int32.
 */
export type NibbleArithmetic = 'dot-bytes' | 'multiply-bytes' | 'dot-words';

/** The arithmetic of a target. */
export function nibbleArithmetic(traits: Pick<TargetTraits, 'dot' | 'multiplyBytes'>): NibbleArithmetic {
  if (traits.dot === 'bytes') return 'dot-bytes';
  return groupCodeForm(traits) === 'bytes' ? 'multiply-bytes' : 'dot-words';
}

/** Vector registers of a tile, by role. */
export interface NibbleTileRegisters {
  /** float32 sums over the groups. */
  readonly accumulators: number;
  /** Sums of integers of one group. */
  readonly integers: number;
  /** Vectors of weights of one slice, packed and as numbers. */
  readonly weights: number;
  /** Values of A in every lane, then a product where it does not go straight into a sum. */
  readonly values: number;
  /** Separates the lowest nibbles. */
  readonly masks: number;
  /** What the target claims for the operations of the tile. */
  readonly temporaries: number;
}

/** The vector registers that a tile needs. */
export function nibbleTileRegisters(
  { scales }: NibbleTileOperands,
  { tileRows, tileVectors }: NibbleGemmBlocking,
  traits: TargetTraits,
): NibbleTileRegisters {
  const arithmetic = nibbleArithmetic(traits);
  const { fma, dot, half } = traits.temporaries;
  const tile = tileRows * tileVectors;
  return {
    accumulators: tile,
    integers: tile,
    weights: arithmetic === 'dot-words' ? 2 * tileVectors : tileVectors,
    values: traits.hoistsLoads ? 4 * tileRows : arithmetic === 'multiply-bytes' ? 2 : 1,
    masks: 1,
    temporaries: fma + (arithmetic === 'multiply-bytes' ? 0 : dot) + (scales === 'float16' ? half : 0),
  };
}

/** Registers that a tile leaves free; negative when it does not fit. */
export function freeNibbleRegisters(
  operands: NibbleTileOperands,
  tile: NibbleGemmBlocking,
  traits: TargetTraits,
): number {
  const counts: number[] = Object.values(nibbleTileRegisters(operands, tile, traits));
  return counts.reduce((free, count) => free - count, traits.vectors);
}

const WIDTHS = [1, 2, 3, 4, 6, 8];

/**
 * A blocking that is good without measuring. `tileVectors` fixes the width of the panels, where several products share packed weights.
 */
export function defaultNibbleBlocking(
  shape: NibbleProductShape,
  traits: TargetTraits,
  tileVectors?: number,
): NibbleGemmBlocking {
  return nibbleBlockingCandidates(shape, traits, tileVectors)[0]!;
}

/**
 * Blockings worth measuring, the most promising first; at least one.
 * `tileVectors` fixes the width of the panels, where several products share packed weights.
 */
export function nibbleBlockingCandidates(
  shape: NibbleProductShape,
  traits: TargetTraits,
  tileVectors?: number,
): readonly NibbleGemmBlocking[] {
  const most = Math.ceil(shape.columns / traits.lanes);
  const fits = (width: number, rows: number) =>
    freeNibbleRegisters(shape, { tileRows: rows, tileVectors: width }, traits) >= 0;
  const useful = (width: number) => width === 1 || (width <= most && fits(width, 1));
  const widths = tileVectors === undefined ? WIDTHS.filter(useful) : [tileVectors];
  const candidates = widths.map((width) => {
    let rows = 1;
    while (rows < shape.rows && fits(width, rows + 1)) rows++;
    return { tileRows: Math.ceil(shape.rows / Math.ceil(shape.rows / rows)), tileVectors: width };
  });
  return candidates.sort((left, right) => workPerProduct(left) - workPerProduct(right));
}

/**
 * Work besides each product of vectors: weights are unpacked for all rows of a tile, values of A are loaded for all its vectors. The
 * factors are measured.
 */
function workPerProduct({ tileRows, tileVectors }: NibbleGemmBlocking): number {
  return 1.5 / tileRows + 2 / tileVectors;
}
