import type { IntegerGemmBlocking, IntegerGemmDescription } from '../../description/integer-gemm.ts';
import type { TargetTraits } from '../../target/target.ts';
import { needsActivationPass } from '../activation/emit-stored-activation.ts';
import { encodedCodeBytes, integerArithmetic } from './code-form.ts';

/** What of a product a blocking is chosen for. */
export type IntegerProductShape = Pick<
  IntegerGemmDescription,
  'rows' | 'columns' | 'depth' | 'weights' | 'epilogue'
>;

/** What of a product decides the registers of a tile, besides the size of the tile. */
export type IntegerTileOperands = Pick<IntegerGemmDescription, 'weights' | 'epilogue'>;

/** The part of a product that is computed together in registers. */
export type IntegerTile = Pick<IntegerGemmBlocking, 'tileRows' | 'tileVectors'>;

/** Vector registers of a tile, by role. */
export interface IntegerTileRegisters {
  readonly accumulators: number;
  /** Sums in int16 that go into the accumulators before they can overflow. */
  readonly words: number;
  /** The vectors of B of one step, or one that they pass through while the values of A are held. */
  readonly b: number;
  /** Values of A, each in every lane: those of all rows, or one that they pass through. */
  readonly splats: number;
  /** A product that does not go straight into a sum. */
  readonly products: number;
  /** The mask that separates the nibbles of a byte. */
  readonly masks: number;
  /** What the target claims for `dot`, and for `fma` where the activation uses it. */
  readonly temporaries: number;
}

/** The vector registers that a tile needs with one set of accumulators. */
export function integerTileRegisters(
  { weights, epilogue }: IntegerTileOperands,
  { tileRows, tileVectors }: IntegerTile,
  traits: TargetTraits,
): IntegerTileRegisters {
  const { hoistsLoads, temporaries } = traits;
  const arithmetic = integerArithmetic(weights, traits);
  const inWords = arithmetic === 'multiply-bytes';
  const holdsRows = tileRows < tileVectors;
  return {
    accumulators: tileRows * tileVectors,
    words: inWords ? tileRows * tileVectors : 0,
    b: hoistsLoads ? tileVectors * (weights === 'int4' && !inWords ? 2 : 1) : holdsRows ? 1 : tileVectors,
    splats: hoistsLoads || holdsRows ? tileRows : 1,
    products: inWords ? 1 : 0,
    masks: weights === 'int4' && arithmetic !== 'dot-words' ? 1 : 0,
    temporaries:
      (inWords ? 0 : temporaries.dot) + (needsActivationPass(epilogue.activation) ? temporaries.fma : 0),
  };
}

/** Registers that a tile leaves free; negative when it does not fit. */
export function freeRegisters(
  operands: IntegerTileOperands,
  tile: IntegerTile,
  traits: TargetTraits,
): number {
  const counts: number[] = Object.values(integerTileRegisters(operands, tile, traits));
  return counts.reduce((free, count) => free - count, traits.vectors);
}

/**
 * How many sets of accumulators take turns over the depth, so that a small tile need not wait for each sum before the next: enough for
 * eight sums under way, where `available` registers can hold them. Integer sums do not depend on the order.
 */
export function accumulatorCopies({ tileRows, tileVectors }: IntegerTile, available: number): 1 | 2 | 4 {
  const sums = tileRows * tileVectors;
  if (sums <= 2 && 4 * sums <= available) return 4;
  return sums < 8 && 2 * sums <= available ? 2 : 1;
}

const WIDTHS = [1, 2, 3, 4, 6, 8];

/** Bytes of a block of A that stays in the second-level cache beside a panel. */
const ROW_BLOCK_BYTES = 512 * 1024;

/**
 * A blocking that is good without measuring. `tileVectors` fixes the width of the panels, where several products share packed weights.
 */
export function defaultIntegerBlocking(
  shape: IntegerProductShape,
  traits: TargetTraits,
  tileVectors?: number,
): IntegerGemmBlocking {
  return integerBlockingCandidates(shape, traits, tileVectors)[0]!;
}

/**
 * Blockings worth measuring, the most promising first; at least one.
 * `tileVectors` fixes the width of the panels, where several products share packed weights.
 */
export function integerBlockingCandidates(
  shape: IntegerProductShape,
  traits: TargetTraits,
  tileVectors?: number,
): readonly IntegerGemmBlocking[] {
  const most = Math.ceil(shape.columns / traits.lanes);
  const useful = (width: number) =>
    width === 1 || (width <= most && freeRegisters(shape, { tileRows: 1, tileVectors: width }, traits) >= 0);
  const widths = tileVectors === undefined ? WIDTHS.filter(useful) : [tileVectors];
  return widths
    .map((width) => widthCandidate(shape, traits, width))
    .sort((left, right) => overheadPerDot(shape, left, traits) - overheadPerDot(shape, right, traits))
    .slice(0, 5);
}

function widthCandidate(
  shape: IntegerProductShape,
  traits: TargetTraits,
  tileVectors: number,
): IntegerGemmBlocking {
  const { rows, depth } = shape;
  let most = 1;
  while (most < rows && freeRegisters(shape, { tileRows: most + 1, tileVectors }, traits) >= 0) most++;
  const tileRows = Math.ceil(rows / Math.ceil(rows / most));
  const rowBytes = depth * encodedCodeBytes(shape.weights, traits);
  const rowBlock = Math.max(1, Math.floor(ROW_BLOCK_BYTES / rowBytes / tileRows)) * tileRows;
  return { tileRows, tileVectors, rowBlock: Math.min(rowBlock, rows) };
}

/**
 * Instructions besides the dot products, for each of them: a value of A takes one and is shared by the vectors of a panel; a vector of B
 * is shared by the rows of a tile, and takes more where it must be widened or unpacked.
 */
function overheadPerDot(
  { rows, columns, weights }: IntegerProductShape,
  { tileRows, tileVectors }: IntegerGemmBlocking,
  traits: TargetTraits,
): number {
  const { lanes } = traits;
  const arithmetic = integerArithmetic(weights, traits);
  const height = rows / Math.ceil(rows / tileRows);
  const vectors = Math.ceil(columns / lanes);
  const panels = Math.ceil(vectors / tileVectors);
  const perVector = weights === 'int4' ? 3 : arithmetic === 'dot-words' ? 2 : 1;
  return (perVector * vectors + height * panels) / (height * vectors);
}
