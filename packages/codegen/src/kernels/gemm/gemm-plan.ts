import { InvalidArgumentError } from '@qedge/core';
import { GEMM_ARGUMENTS, type GemmDescription, type MatrixLayout } from '../../description/gemm.ts';
import type { TargetTraits } from '../../target/target.ts';
import { planScratch, type ScratchLayout } from './gemm-scratch.ts';

/** Bytes per float32. */
export const WORD_BYTES = 4;

/** A matrix that is read word by word or in rows: where it starts, and the bytes between neighbours along each axis. */
export interface LeftOperand {
  /** Field of the argument block. */
  readonly argument: number;
  readonly rowBytes: number;
  readonly depthBytes: number;
  readonly batchBytes: number;
}

/** B as the tiles read it. `panels`: packed before the call; `matrix`: read in place or packed by the kernel. */
export type RightOperand =
  | {
      readonly kind: 'panels';
      readonly argument: number;
      readonly format: 'float32' | 'float16' | 'bfloat16';
      readonly panelColumns: number;
      readonly batchBytes: number;
    }
  | {
      readonly kind: 'matrix';
      readonly argument: number;
      readonly depthBytes: number;
      readonly columnBytes: number;
      readonly batchBytes: number;
    };

/**
 * How the kernel packs B: not at all; one panel at a time into the same place, just before its only use; or all panels of a depth
 * block, because several row blocks use them.
 */
export type RightPacking = 'none' | 'panel' | 'block';

/** Neighbouring tiles of one height. */
export interface TileRun {
  readonly rows: number;
  readonly count: number;
}

/** Neighbouring row blocks that are made of the same tiles. */
export interface RowBlocks {
  readonly count: number;
  readonly rows: number;
  readonly runs: readonly TileRun[];
}

/** One pass over part of the depth. `first` starts the sums, `last` finishes the result. */
export interface DepthPass {
  readonly count: number;
  readonly depth: number;
  readonly first: boolean;
  readonly last: boolean;
}

/** Everything that the emission of one product decides, before a single instruction is written. */
export interface GemmPlan {
  readonly description: GemmDescription;
  readonly traits: TargetTraits;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly left: LeftOperand;
  readonly right: RightOperand;
  readonly result: {
    readonly rowBytes: number;
    readonly columnBytes: number;
    readonly batchBytes: number;
    /** True when tiles write the finished result; else raw sums go to scratch and a pass over the rows finishes them. */
    readonly direct: boolean;
  };
  /** Along which axis of the planned product the bias varies. */
  readonly biasAxis: 'column' | 'row' | null;
  readonly vectorBytes: number;
  /** Columns of a tile of full width; the panels that the kernel packs are as wide. */
  readonly tileColumns: number;
  readonly fullTiles: number;
  /** Columns behind the last tile of full width. */
  readonly tailColumns: number;
  /** Bytes from one element of the depth to the next in a packed panel. */
  readonly panelRowBytes: number;
  readonly packLeft: 'none' | 'rows' | 'depth';
  readonly packRight: RightPacking;
  readonly rowBlocks: readonly RowBlocks[];
  readonly depthPasses: readonly DepthPass[];
  readonly scratch: ScratchLayout;
}

/** Decides how a described product is computed on a target. Pure. */
export function planGemm(description: GemmDescription, traits: TargetTraits): GemmPlan {
  const { blocking } = description;
  const oriented = orientGemm(description);
  const { columns, depth, right, left } = oriented;
  const vectorBytes = traits.lanes * WORD_BYTES;
  const tileColumns = blocking.tileVectors * traits.lanes;
  requirePanels(oriented.right, tileColumns, traits);
  const rowBlocks = cutRows(oriented.rows, blocking.tileRows, blocking.rowBlock);
  const depthPasses = cutDepth(depth, blocking.depthBlock);
  const blockRows = Math.max(...rowBlocks.map(({ rows }) => rows));
  const passDepth = depthPasses[0]!.depth;
  const { contiguous, rowBytes, columnBytes, batchBytes } = oriented.result;
  const direct = contiguous && (description.beta === 'zero' || depthPasses.length === 1);
  const packRight = chooseRightPacking(right, blocking.packB, rowBlocks);
  const packLeft = blocking.packA ? (leftIsTransposed(left) ? 'depth' : 'rows') : 'none';
  const paddedColumns = Math.ceil(columns / tileColumns) * tileColumns;
  const scratch = planScratch({
    packLeft,
    blockRows,
    passDepth,
    rightRows: packRight === 'none' ? 0 : passDepth,
    rightColumns: packRight === 'block' ? paddedColumns : tileColumns,
    sumRows: direct ? 0 : oriented.rows,
    sumColumns: columns,
  });
  return {
    description,
    traits,
    rows: oriented.rows,
    columns,
    depth,
    left,
    right,
    result: { rowBytes, columnBytes, batchBytes, direct },
    biasAxis: description.epilogue.bias ? oriented.biasAxis : null,
    vectorBytes,
    tileColumns,
    fullTiles: Math.floor(columns / tileColumns),
    tailColumns: columns % tileColumns,
    panelRowBytes:
      right.kind === 'panels' ? right.panelColumns * elementBytes(right.format) : tileColumns * WORD_BYTES,
    packLeft,
    packRight,
    rowBlocks,
    depthPasses,
    scratch,
  };
}

/** Bytes of a number in packed panels. */
export function elementBytes(format: 'float32' | 'float16' | 'bfloat16'): number {
  return format === 'float32' ? WORD_BYTES : 2;
}

function requirePanels(right: RightOperand, tileColumns: number, { lanes }: TargetTraits): void {
  if (right.kind !== 'panels') return;
  const { panelColumns } = right;
  if (panelColumns % lanes === 0 && tileColumns % panelColumns === 0) return;
  throw new InvalidArgumentError('Packed panels do not fit the tiles of a product', {
    expected: `panelColumns that ${lanes} divides and that divides ${tileColumns}`,
    actual: panelColumns,
  });
}

/** A product as it is computed: the described one or its transpose. */
export interface OrientedGemm {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  readonly left: LeftOperand;
  readonly right: RightOperand;
  readonly result: {
    readonly rowBytes: number;
    readonly columnBytes: number;
    readonly batchBytes: number;
    /** True when the elements of a row are neighbours. */
    readonly contiguous: boolean;
  };
  /** The axis along which a bias varies. */
  readonly biasAxis: 'column' | 'row';
}

/** The product with C's rows contiguous where that can be had by computing the transposed product, `C' = B' A'`. */
export function orientGemm(description: Omit<GemmDescription, 'blocking'>): OrientedGemm {
  const { rows, columns, depth, b, c, epilogue } = description;
  const a = leftOperand(GEMM_ARGUMENTS.a, description.a);
  const rowContiguous = c.columnStride === 1 || columns === 1;
  const transpose = !rowContiguous && c.rowStride === 1 && !b.packed && !epilogue.softmax;
  const result = {
    rowBytes: c.rowStride * WORD_BYTES,
    columnBytes: c.columnStride * WORD_BYTES,
    batchBytes: c.batchStride * WORD_BYTES,
    contiguous: rowContiguous,
  };
  if (!transpose) {
    return {
      rows,
      columns,
      depth,
      left: a,
      right: rightOperand(description),
      result,
      biasAxis: 'column',
    };
  }
  return {
    rows: columns,
    columns: rows,
    depth,
    left: leftOperand(GEMM_ARGUMENTS.b, { ...b, rowStride: b.columnStride, columnStride: b.rowStride }),
    right: {
      kind: 'matrix',
      argument: a.argument,
      depthBytes: a.depthBytes,
      columnBytes: a.rowBytes,
      batchBytes: a.batchBytes,
    },
    result: { ...result, rowBytes: result.columnBytes, columnBytes: result.rowBytes, contiguous: true },
    biasAxis: 'row',
  };
}

function leftOperand(argument: number, { rowStride, columnStride, batchStride }: MatrixLayout): LeftOperand {
  return {
    argument,
    rowBytes: rowStride * WORD_BYTES,
    depthBytes: columnStride * WORD_BYTES,
    batchBytes: batchStride * WORD_BYTES,
  };
}

function rightOperand({ b, columns }: Omit<GemmDescription, 'blocking'>): RightOperand {
  const argument = GEMM_ARGUMENTS.b;
  if (b.packed) {
    const { format, panelColumns, batchBytes } = b;
    return { kind: 'panels', argument, format, panelColumns, batchBytes };
  }
  return {
    kind: 'matrix',
    argument,
    depthBytes: b.rowStride * WORD_BYTES,
    columnBytes: columns === 1 ? WORD_BYTES : b.columnStride * WORD_BYTES,
    batchBytes: b.batchStride * WORD_BYTES,
  };
}

function leftIsTransposed({ rowBytes, depthBytes }: LeftOperand): boolean {
  return rowBytes === WORD_BYTES && depthBytes !== WORD_BYTES;
}

function chooseRightPacking(
  right: RightOperand,
  wanted: boolean,
  blocks: readonly RowBlocks[],
): RightPacking {
  if (right.kind === 'panels') return 'none';
  if (!wanted && right.columnBytes === WORD_BYTES) return 'none';
  return blocks.length === 1 && blocks[0]!.count === 1 ? 'panel' : 'block';
}

/** Cuts rows into tiles whose heights differ by at most one, the tall ones first. */
export function cutTiles(rows: number, tileRows: number): readonly TileRun[] {
  const tiles = Math.ceil(rows / tileRows);
  const short = Math.floor(rows / tiles);
  const tall = rows % tiles;
  const runs = [
    { rows: short + 1, count: tall },
    { rows: short, count: tiles - tall },
  ];
  return runs.filter(({ count }) => count > 0);
}

/** Groups the tiles of {@link cutTiles} into blocks of at most `rowBlock` rows, or of one tile. */
export function cutRows(rows: number, tileRows: number, rowBlock: number): readonly RowBlocks[] {
  const cut = cutTiles(rows, tileRows);
  if (rowBlock >= rows) return [{ count: 1, rows, runs: cut }];
  const short = cut.at(-1)!.rows;
  const tiles = cut.reduce((sum, { count }) => sum + count, 0);
  let tallLeft = cut.length === 2 ? cut[0]!.count : 0;
  let shortLeft = tiles - tallLeft;
  const most = Math.max(1, Math.floor(rowBlock / cut[0]!.rows));
  const perBlock = Math.ceil(tiles / Math.ceil(tiles / most));
  const blocks: RowBlocks[] = [];
  while (tallLeft + shortLeft > 0) {
    const tall = Math.min(tallLeft, perBlock);
    const low = Math.min(shortLeft, perBlock - tall);
    const left = tall > 0 ? (low > 0 ? 0 : tallLeft) : shortLeft;
    const count = Math.max(1, Math.floor(left / perBlock));
    const runs = [
      { rows: short + 1, count: tall },
      { rows: short, count: low },
    ].filter((run) => run.count > 0);
    blocks.push({ count, rows: tall * (short + 1) + low * short, runs });
    tallLeft -= tall * count;
    shortLeft -= low * count;
  }
  return blocks;
}

/** Cuts the depth into passes of equal size, the last one smaller. */
export function cutDepth(depth: number, depthBlock: number): readonly DepthPass[] {
  const passes = Math.ceil(depth / depthBlock);
  // A multiple of four keeps every pass but the last free of remainders of an unrolled loop.
  const even = Math.min(depth, Math.ceil(depth / passes / 4) * 4);
  const total = Math.ceil(depth / even);
  if (total === 1) return [{ count: 1, depth, first: true, last: true }];
  const middle = { count: total - 2, depth: even, first: false, last: false };
  return [
    { count: 1, depth: even, first: true, last: false },
    ...(middle.count > 0 ? [middle] : []),
    { count: 1, depth: depth - even * (total - 1), first: false, last: true },
  ];
}
