import {
  INTEGER_GEMM_ARGUMENTS,
  type IntegerGemmDescription,
  ROW_PARAMETER_BYTES,
} from '../../description/integer-gemm.ts';
import type { Pointer, Routine, Target } from '../../target/target.ts';
import { cutRows, type RowBlocks } from '../gemm/gemm-plan.ts';
import { activationPassVectors, emitActivationPass } from './activation-pass.ts';
import { encodedCodeBytes } from './code-form.ts';
import { accumulatorCopies, freeRegisters } from './integer-blocking.ts';
import { type IntegerPanel, type IntegerPanelLayout, integerPanelLayout } from './integer-panels.ts';
import { emitIntegerResult } from './integer-result.ts';
import { claimIntegerTile, emitIntegerSums, type IntegerTileVectors } from './integer-tile.ts';

/** Positions in the operands. */
interface Positions {
  readonly a: Pointer;
  readonly b: Pointer;
  readonly c: Pointer;
  /** In the row parameters; null where there are none. */
  readonly rows: Pointer | null;
}

/** Everything that is fixed while one kernel is emitted. */
interface Emission {
  readonly target: Target<unknown>;
  readonly description: IntegerGemmDescription;
  readonly layout: IntegerPanelLayout;
  readonly blocks: readonly RowBlocks[];
  readonly registers: IntegerTileVectors;
  /** Of the next tile. */
  readonly next: Positions;
  /** Copies that a tile may change. */
  readonly tile: Positions;
}

/** Emits a whole product on integers. @throws RegisterBudgetError when the tile does not fit. */
export function emitIntegerGemm(target: Target<unknown>, description: IntegerGemmDescription): void {
  const { rows, columns, cRowStride, blocking, epilogue } = description;
  const blocks = cutRows(rows, blocking.tileRows, blocking.rowBlock);
  const layout = integerPanelLayout(description, target.traits);
  const registers = claimRegisters(target, description, layout, blocks);
  const next = claimPositions(target, description, 'next');
  const tile = claimPositions(target, description, 'tile');
  const emission = { target, description, layout, blocks, registers, next, tile };
  const routines = defineTiles(emission);
  target.argument(next.a, INTEGER_GEMM_ARGUMENTS.a);
  target.argument(next.c, INTEGER_GEMM_ARGUMENTS.c);
  if (next.rows !== null) target.argument(next.rows, INTEGER_GEMM_ARGUMENTS.rowParameters);
  for (const block of blocks) target.loop(block.count, () => emitRowBlock(emission, block, routines));
  target.argument(next.c, INTEGER_GEMM_ARGUMENTS.c);
  const matrix = { pointer: next.c, rows, columns, rowStride: cRowStride };
  emitActivationPass(target, epilogue.activation, registers.accumulators, matrix);
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
  let accumulators = Math.max(ofTallest, activationPassVectors(description.epilogue.activation, traits));
  for (const tileRows of heights) {
    for (const { vectors: tileVectors } of [layout.panels[0]!, layout.panels.at(-1)!]) {
      const copies = accumulatorCopies({ tileRows, tileVectors }, available);
      accumulators = Math.max(accumulators, tileRows * tileVectors * copies);
    }
  }
  return claimIntegerTile(target, description, tallest, accumulators);
}

function claimPositions(target: Target<unknown>, description: IntegerGemmDescription, owner: string): Positions {
  return {
    a: target.pointer(`${owner}: a`),
    b: target.pointer(`${owner}: b`),
    c: target.pointer(`${owner}: c`),
    rows: description.rowScales || description.rowZeroPoints ? target.pointer(`${owner}: rows`) : null,
  };
}

/** One routine for each height of a tile and each width of a panel. */
type TileRoutines = ReadonlyMap<string, Routine>;

function tileKey(rows: number, { columns }: IntegerPanel): string {
  return `${rows}x${columns}`;
}

function defineTiles(emission: Emission): TileRoutines {
  const { target, layout, blocks, tile } = emission;
  const routines = new Map<string, Routine>();
  const pointers = [tile.a, tile.b, tile.c, ...(tile.rows === null ? [] : [tile.rows])];
  for (const { rows } of blocks.flatMap(({ runs }) => runs)) {
    for (const panel of [layout.panels[0]!, layout.panels.at(-1)!]) {
      const key = tileKey(rows, panel);
      if (!routines.has(key)) routines.set(key, target.routine(pointers, () => emitTile(emission, rows, panel)));
    }
  }
  return routines;
}

function emitTile(emission: Emission, rows: number, panel: IntegerPanel): void {
  const { target, description, layout, registers, tile } = emission;
  const shape = {
    rows,
    vectors: panel.vectors,
    weights: description.weights,
    depth: description.depth,
    aRowBytes: description.aRowStride * encodedCodeBytes(target.traits),
    bVectorBytes: layout.vectorBytes,
    copies: accumulatorCopies({ tileRows: rows, tileVectors: panel.vectors }, registers.accumulators.length),
  };
  const sums = emitIntegerSums(target, shape, registers, tile);
  const place = {
    b: tile.b,
    codeBytes: layout.stepCount * panel.vectors * layout.vectorBytes,
    parameters: panel.parameters,
    rows: tile.rows ?? tile.b,
    c: tile.c,
    columns: panel.columns,
  };
  emitIntegerResult(target, description, sums, place, [registers.b[0]!, registers.splats[0]!]);
}

/** All columns of a block of rows. Leaves the positions at the next block. */
function emitRowBlock(emission: Emission, block: RowBlocks, routines: TileRoutines): void {
  const { target, layout, next } = emission;
  const { panels, panelByteLength, panelColumns } = layout;
  const last = panels.at(-1)!;
  const fullPanels = last.columns === panelColumns ? panels.length : panels.length - 1;
  target.argument(next.b, INTEGER_GEMM_ARGUMENTS.b);
  target.loop(fullPanels, () => {
    emitPanel(emission, block, panels[0]!, routines);
    moveRows(emission, -block.rows);
    target.advance(next.c, panelColumns * 4);
    target.advance(next.b, panelByteLength);
  });
  if (fullPanels < panels.length) {
    emitPanel(emission, block, last, routines);
    moveRows(emission, -block.rows);
  }
  moveRows(emission, block.rows);
  target.advance(next.c, -fullPanels * panelColumns * 4);
}

/** All tiles of a block of rows on one panel. Leaves the positions behind the rows. */
function emitPanel(emission: Emission, block: RowBlocks, panel: IntegerPanel, routines: TileRoutines): void {
  const { target, next, tile } = emission;
  for (const { rows, count } of block.runs) {
    const routine = routines.get(tileKey(rows, panel))!;
    target.loop(count, () => {
      target.copyPointer(tile.a, next.a);
      target.copyPointer(tile.b, next.b);
      target.copyPointer(tile.c, next.c);
      if (tile.rows !== null) target.copyPointer(tile.rows, next.rows!);
      target.call(routine);
      moveRows(emission, rows);
    });
  }
}

/** Moves the positions in A, C and the row parameters by a number of rows. */
function moveRows({ target, description, next }: Emission, rows: number): void {
  target.advance(next.a, rows * description.aRowStride * encodedCodeBytes(target.traits));
  target.advance(next.c, rows * description.cRowStride * 4);
  if (next.rows !== null) target.advance(next.rows, rows * ROW_PARAMETER_BYTES);
}
