import type { Pointer, Routine, Target } from '../../target/target.ts';
import type { RowBlocks } from '../gemm/gemm-plan.ts';

/** Neighbouring columns whose weights lie together. */
export interface ColumnPanel {
  readonly columns: number;
  /** Vectors across; the last one may be partial. */
  readonly vectors: number;
}

/** How a product is cut into tiles, and how its operands are found. */
export interface ProductPlan<Panel extends ColumnPanel> {
  readonly blocks: readonly RowBlocks[];
  /** Equal ones, then one that may be narrower. */
  readonly panels: readonly Panel[];
  /** Bytes from one panel to the next. */
  readonly panelByteLength: number;
  /** Fields of the argument block; `rows` is null where nothing else belongs to the rows. */
  readonly arguments: {
    readonly a: number;
    readonly b: number;
    readonly c: number;
    readonly rows: number | null;
  };
  /** Bytes from one row to the next. */
  readonly rowBytes: { readonly a: number; readonly c: number; readonly rows: number };
}

/** Positions in the operands. */
export interface ProductPositions {
  readonly a: Pointer;
  readonly b: Pointer;
  readonly c: Pointer;
  /** In what else belongs to the rows; the same as `a` where there is nothing. */
  readonly rows: Pointer;
}

type TileEmitter<Panel> = (tile: ProductPositions, rows: number, panel: Panel) => void;

/**
 * Emits all loops around the tiles of a product: blocks of rows, panels, and the tiles of a block. A tile is emitted once for each height
 * and width, and called with positions that it may change. Returns a position in C for what follows.
 */
export function emitProductLoops<Panel extends ColumnPanel>(
  target: Target<unknown>,
  plan: ProductPlan<Panel>,
  emitTile: TileEmitter<Panel>,
): Pointer {
  const next = claimPositions(target, plan, 'next');
  const tile = claimPositions(target, plan, 'tile');
  const routines = defineTiles(target, plan, tile, emitTile);
  const fields = plan.arguments;
  target.argument(next.a, fields.a);
  target.argument(next.c, fields.c);
  if (fields.rows !== null) target.argument(next.rows, fields.rows);
  for (const block of plan.blocks) {
    target.loop(block.count, () => emitRowBlock({ target, plan, next, tile, routines }, block));
  }
  return next.c;
}

function claimPositions(
  target: Target<unknown>,
  plan: Pick<ProductPlan<ColumnPanel>, 'arguments'>,
  owner: string,
): ProductPositions {
  const [a, b, c] = ['a', 'b', 'c'].map((name) => target.pointer(`${owner} ${name}`)) as [
    Pointer,
    Pointer,
    Pointer,
  ];
  return { a, b, c, rows: plan.arguments.rows === null ? a : target.pointer(`${owner} rows`) };
}

/** One routine for each height of a tile and each width of a panel. */
type TileRoutines = ReadonlyMap<string, Routine>;

function tileKey(rows: number, { columns }: ColumnPanel): string {
  return `${rows}x${columns}`;
}

function defineTiles<Panel extends ColumnPanel>(
  target: Target<unknown>,
  { blocks, panels }: ProductPlan<Panel>,
  tile: ProductPositions,
  emitTile: TileEmitter<Panel>,
): TileRoutines {
  const routines = new Map<string, Routine>();
  const pointers = [...new Set([tile.a, tile.b, tile.c, tile.rows])];
  for (const { rows } of blocks.flatMap(({ runs }) => runs)) {
    for (const panel of [panels[0]!, panels.at(-1)!]) {
      const key = tileKey(rows, panel);
      if (!routines.has(key))
        routines.set(
          key,
          target.routine(pointers, () => emitTile(tile, rows, panel)),
        );
    }
  }
  return routines;
}

interface LoopEmission {
  readonly target: Target<unknown>;
  readonly plan: ProductPlan<ColumnPanel>;
  readonly next: ProductPositions;
  readonly tile: ProductPositions;
  readonly routines: TileRoutines;
}

/** All columns of a block of rows. Leaves the positions at the next block. */
function emitRowBlock(emission: LoopEmission, block: RowBlocks): void {
  const { target, plan, next } = emission;
  const { panels, panelByteLength } = plan;
  const [first, last] = [panels[0]!, panels.at(-1)!];
  const fullPanels = last.columns === first.columns ? panels.length : panels.length - 1;
  target.argument(next.b, plan.arguments.b);
  target.loop(fullPanels, () => {
    emitPanel(emission, block, first);
    moveRows(emission, -block.rows);
    target.advance(next.c, first.columns * 4);
    target.advance(next.b, panelByteLength);
  });
  if (fullPanels < panels.length) {
    emitPanel(emission, block, last);
    moveRows(emission, -block.rows);
  }
  moveRows(emission, block.rows);
  target.advance(next.c, -fullPanels * first.columns * 4);
}

/** All tiles of a block of rows on one panel. Leaves the positions behind the rows. */
function emitPanel(emission: LoopEmission, block: RowBlocks, panel: ColumnPanel): void {
  const { target, next, tile, routines } = emission;
  for (const { rows, count } of block.runs) {
    const routine = routines.get(tileKey(rows, panel))!;
    target.loop(count, () => {
      target.copyPointer(tile.a, next.a);
      target.copyPointer(tile.b, next.b);
      target.copyPointer(tile.c, next.c);
      if (tile.rows !== tile.a) target.copyPointer(tile.rows, next.rows);
      target.call(routine);
      moveRows(emission, rows);
    });
  }
}

/** Moves the positions in all that has rows. */
function moveRows({ target, plan, next }: LoopEmission, rows: number): void {
  target.advance(next.a, rows * plan.rowBytes.a);
  target.advance(next.c, rows * plan.rowBytes.c);
  if (next.rows !== next.a) target.advance(next.rows, rows * plan.rowBytes.rows);
}
