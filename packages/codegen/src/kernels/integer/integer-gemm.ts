import {
  INTEGER_GEMM_ARGUMENTS,
  type IntegerGemmDescription,
  ROW_PARAMETER_BYTES,
} from '../../description/integer-gemm.ts';
import { requireInteger } from '../../description/require-integer.ts';
import type { Target } from '../../target/target.ts';
import { activationPassVectors } from '../activation/emit-stored-activation.ts';
import { cutRows, type RowBlocks } from '../gemm/gemm-plan.ts';
import { emitActivationPass } from './activation-pass.ts';
import { emitByteSums } from './byte-sums.ts';
import { encodedCodeBytes, integerArithmetic, leastCodeRowStride } from './code-form.ts';
import { accumulatorCopies, freeRegisters, integerTileRegisters } from './integer-blocking.ts';
import { type IntegerPanel, type IntegerPanelLayout, integerPanelLayout } from './integer-panels.ts';
import { emitIntegerResult } from './integer-result.ts';
import { emitIntegerSums } from './integer-tile.ts';
import { emitProductLoops, type ProductPositions } from './product-loops.ts';
import { claimIntegerTile, type IntegerTileVectors } from './tile-updates.ts';

/** Everything that is fixed while one kernel is emitted. */
interface Emission {
  readonly target: Target<unknown>;
  readonly description: IntegerGemmDescription;
  readonly layout: IntegerPanelLayout;
  readonly registers: IntegerTileVectors;
}

/**
 * Emits a whole product on integers.
 *
 * @throws RegisterBudgetError when the tile does not fit; InvalidArgumentError for rows of A too close to each other for the target.
 */
export function emitIntegerGemm(target: Target<unknown>, description: IntegerGemmDescription): void {
  const { rows, columns, aRowStride, cRowStride, blocking, epilogue, rowScales, rowZeroPoints } = description;
  const leastStride = leastCodeRowStride(description.weights, description.depth, target.traits);
  requireInteger('row stride of A, in codes,', aRowStride, leastStride);
  const blocks = cutRows(rows, blocking.tileRows, blocking.rowBlock);
  const layout = integerPanelLayout(description, target.traits);
  const registers = claimRegisters(target, description, layout, blocks);
  const fields = INTEGER_GEMM_ARGUMENTS;
  const plan = {
    blocks,
    panels: layout.panels,
    panelByteLength: layout.panelByteLength,
    arguments: { ...fields, rows: rowScales || rowZeroPoints ? fields.rowParameters : null },
    rowBytes: {
      a: aRowStride * encodedCodeBytes(description.weights, target.traits),
      c: cRowStride * 4,
      rows: ROW_PARAMETER_BYTES,
    },
  };
  const emission = { target, description, layout, registers };
  const c = emitProductLoops(target, plan, (tile, tileRows, panel) =>
    emitTile(emission, tile, tileRows, panel),
  );
  target.argument(c, fields.c);
  const matrix = { pointer: c, rows, columns, rowStride: cRowStride };
  const vectors = [...registers.accumulators, ...registers.b, ...registers.splats];
  emitActivationPass(target, epilogue.activation, vectors, matrix);
}

function multipliesBytes({ weights }: IntegerGemmDescription, { traits }: Target<unknown>): boolean {
  return integerArithmetic(weights, traits) === 'multiply-bytes';
}

/** Tiles of every size take turns in one set of registers. */
function claimRegisters(
  target: Target<unknown>,
  description: IntegerGemmDescription,
  layout: IntegerPanelLayout,
  blocks: readonly RowBlocks[],
): IntegerTileVectors {
  const { traits } = target;
  const heights = blocks.flatMap(({ runs }) => runs.map(({ rows }) => rows));
  const tallest = { tileRows: Math.max(...heights), tileVectors: layout.panels[0]!.vectors };
  const ofTallest = tallest.tileRows * tallest.tileVectors;
  const available = ofTallest + Math.max(0, freeRegisters(description, tallest, traits));
  const inBytes = multipliesBytes(description, target);
  const { b, splats } = integerTileRegisters(description, tallest, traits);
  const ofPass = activationPassVectors(description.epilogue.activation, 0);
  let accumulators = Math.max(ofTallest, ofPass - b - splats);
  for (const tileRows of heights) {
    for (const { vectors: tileVectors } of [layout.panels[0]!, layout.panels.at(-1)!]) {
      const copies = inBytes ? 1 : accumulatorCopies({ tileRows, tileVectors }, available);
      accumulators = Math.max(accumulators, tileRows * tileVectors * copies);
    }
  }
  return claimIntegerTile(target, description, tallest, accumulators);
}

function emitTile(emission: Emission, tile: ProductPositions, rows: number, panel: IntegerPanel): void {
  const { target, description, layout, registers } = emission;
  const shape = {
    rows,
    vectors: panel.vectors,
    weights: description.weights,
    depth: description.depth,
    aRowBytes: description.aRowStride * encodedCodeBytes(description.weights, target.traits),
    bVectorBytes: layout.vectorBytes,
    copies: accumulatorCopies({ tileRows: rows, tileVectors: panel.vectors }, registers.accumulators.length),
  };
  emitPrefetch(emission, tile, rows, panel);
  const emitSums = multipliesBytes(description, target) ? emitByteSums : emitIntegerSums;
  const sums = emitSums(target, shape, registers, tile);
  const place = {
    b: tile.b,
    codeBytes: layout.stepCount * panel.vectors * layout.vectorBytes,
    parameters: panel.parameters,
    rows: tile.rows,
    c: tile.c,
    columns: panel.columns,
  };
  emitIntegerResult(target, description, sums, place, [registers.b[0]!, registers.splats[0]!]);
}

/** Fetches the lines of C that the tile will write, while it computes: C is larger than the caches that its operands fit. */
function emitPrefetch(
  { target, description }: Emission,
  tile: ProductPositions,
  rows: number,
  panel: IntegerPanel,
): void {
  for (let row = 0; row < rows; row++) {
    for (let v = 0; v < panel.vectors; v++) {
      const offset = (row * description.cRowStride + v * target.traits.lanes) * 4;
      target.prefetch({ base: tile.c, offset }, true);
    }
  }
}
