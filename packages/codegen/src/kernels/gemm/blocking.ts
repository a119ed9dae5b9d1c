import { InvalidArgumentError } from '@qedge/core';
import type { GemmBlocking, GemmDescription } from '../../description/gemm.ts';
import type { TargetTraits } from '../../target/target.ts';
import { cutTiles, type LeftOperand, type OrientedGemm, orientGemm, WORD_BYTES } from './gemm-plan.ts';
import { mostTileRows } from './gemm-tile.ts';

/** A product whose blocking is still to be chosen. */
export type GemmProduct = Omit<GemmDescription, 'blocking'>;

/** Bytes of the caches of one core. */
export interface CacheSizes {
  readonly level1Bytes: number;
  readonly level2Bytes: number;
}

/** What nearly every current core has at least. */
export const SMALLEST_CACHES: CacheSizes = { level1Bytes: 32 * 1024, level2Bytes: 512 * 1024 };

/** Vectors of columns in a packed panel that serves tiles of every height well. */
const PANEL_VECTORS = 2;

/** Columns per panel that are best for a packed B of `columns` columns (default: many) which is used with different numbers of rows. */
export function gemmPanelColumns({ lanes }: TargetTraits, columns = Number.POSITIVE_INFINITY): number {
  return Math.min(PANEL_VECTORS, Math.ceil(columns / lanes)) * lanes;
}

/** The shape of a tile. */
interface TileChoice {
  readonly tileRows: number;
  readonly tileVectors: number;
}

/** Multiply-adds that must be under way to hide the latency of one: four cycles on two units, and some to spare. */
const MULTIPLY_ADDS_IN_FLIGHT = 10;
/** A load, in units of a multiply-add. */
const LOAD_COST = 0.6;
/**
 * What loads cost even when there is time for them: of two tiles that keep the units busy, the one with less traffic wins. Rows of A
 * come from the first-level cache, a panel of B from the second.
 */
const LEFT_COST = 0.06;
const RIGHT_COST = 0.09;
/** What a second width of tiles costs, as a share of everything: its code, and the cache that it needs. */
const REST_COST = 0.003;
/** Loading, storing and the call of a tile, in units of a multiply-add per sum: in its only pass, and in every pass more. */
const TILE_COST = 4;
const PASS_COST = 10;

/** Estimated multiply-adds' worth of time of all tiles. */
function estimateCost(
  { tileRows, tileVectors }: TileChoice,
  { rows, depth }: { readonly rows: number; readonly depth: number },
  vectors: number,
  passes: number,
): number {
  const whole = Math.floor(vectors / tileVectors);
  const rest = vectors % tileVectors;
  const widths = [
    { width: tileVectors, count: whole },
    { width: rest, count: rest > 0 ? 1 : 0 },
  ];
  let cost = 0;
  for (const { rows: height, count } of cutTiles(rows, tileRows)) {
    for (const { width, count: tiles } of widths) {
      const sums = height * width;
      const loads = height + width;
      const step =
        Math.max(sums, loads * LOAD_COST, MULTIPLY_ADDS_IN_FLIGHT) + height * LEFT_COST + width * RIGHT_COST;
      cost += count * tiles * (depth * step + (TILE_COST + PASS_COST * (passes - 1)) * sums);
    }
  }
  return rest > 0 ? cost * (1 + REST_COST) : cost;
}

/** A pass this shallow spends more time on its sums than it saves. */
const SHALLOWEST_PASS = 128;
/** A first-level cache of eight ways whose sets repeat every 4096 bytes: every one since 2008 on x86, and most others. */
const CACHE_WAYS = 8;
const SET_PERIOD_BYTES = 4096;

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** Rows of A, read in place, whose lines stay in the first-level cache together. */
function mostRowsWithoutConflicts({ rowBytes }: LeftOperand): number {
  return CACHE_WAYS * (SET_PERIOD_BYTES / greatestCommonDivisor(rowBytes, SET_PERIOD_BYTES));
}

/** All tiles that fit the registers and, for a packed B, its panels; the cheapest first. */
function rankTiles(product: GemmProduct, traits: TargetTraits, caches: CacheSizes): TileChoice[] {
  const oriented = orientGemm(product);
  const { b } = product;
  const narrow = b.packed && b.format !== 'float32';
  const step = b.packed ? b.panelColumns / traits.lanes : 1;
  const vectors = Math.ceil(oriented.columns / traits.lanes);
  const widest = Math.max(step, Math.ceil(vectors / step) * step);
  const choices: (TileChoice & { readonly cost: number })[] = [];
  for (let tileVectors = step; tileVectors <= Math.min(widest, traits.vectors); tileVectors += step) {
    const fitting = mostTileRows(Math.min(tileVectors, vectors), narrow, traits);
    if (fitting === 0) break;
    const most = Math.min(fitting, mostRowsWithoutConflicts(oriented.left));
    const tileRows = Math.ceil(oriented.rows / Math.ceil(oriented.rows / most));
    const tile = { tileRows, tileVectors };
    const passes = Math.ceil(oriented.depth / chooseDepth(oriented, traits, tile, caches));
    choices.push({ ...tile, cost: estimateCost(tile, oriented, vectors, passes) });
  }
  choices.sort((left, right) => left.cost - right.cost);
  return choices.map(({ tileRows, tileVectors }) => ({ tileRows, tileVectors }));
}

/**
 * Passes are as deep as the caches allow, because every pass but the first reads the sums again: the rows of A that a tile reads fill
 * most of the first level, a panel of B takes a quarter of the second.
 */
function chooseDepth(
  { rows, depth }: { readonly rows: number; readonly depth: number },
  { lanes }: TargetTraits,
  { tileRows, tileVectors }: TileChoice,
  { level1Bytes, level2Bytes }: CacheSizes,
): number {
  // What is used once need not stay in a cache.
  if (rows <= tileRows) return depth;
  const forRows = Math.floor((level1Bytes * 3) / 4 / (tileRows * WORD_BYTES));
  const forPanel = Math.floor(level2Bytes / 4 / (tileVectors * lanes * WORD_BYTES));
  return Math.max(SHALLOWEST_PASS, Math.min(forRows, forPanel));
}

/**
 * Bytes that a block of A may take. While all columns of B come from the third-level cache at no cost, a low block is best, because the
 * second level then holds it beside a panel wherever the pages lie. Where they come from memory, a block is as tall as fits.
 */
function leftBlockBytes(rightPassBytes: number, { level2Bytes }: CacheSizes): number {
  return rightPassBytes <= level2Bytes * 4 ? (level2Bytes * 3) / 32 : (level2Bytes * 3) / 4;
}

function chooseBlocking(
  product: GemmProduct,
  traits: TargetTraits,
  tile: TileChoice,
  caches: CacheSizes,
): GemmBlocking {
  const oriented = orientGemm(product);
  const { rows, columns, depth } = oriented;
  const depthBlock = chooseDepth(oriented, traits, tile, caches);
  const passDepth = Math.ceil(depth / Math.ceil(depth / depthBlock));
  const passBytes = passDepth * WORD_BYTES;
  const rowBlock = Math.floor(leftBlockBytes(columns * passBytes, caches) / passBytes);
  const isReused = rows > 2 * tile.tileRows;
  return {
    ...tile,
    depthBlock,
    rowBlock: Math.max(tile.tileRows, rowBlock),
    packA: false,
    packB: isReused && !readsWellInPlace(oriented, traits, tile, passDepth, caches),
  };
}

/** Bytes of neighbouring lines that a processor fetches well wherever they lie. */
const WELL_FETCHED_BYTES = 128;

/** Whether tiles can read a row-major B again and again without packing it. */
function readsWellInPlace(
  { columns, depth, right }: OrientedGemm,
  { lanes }: TargetTraits,
  { tileVectors }: TileChoice,
  passDepth: number,
  { level1Bytes, level2Bytes }: CacheSizes,
): boolean {
  if (right.kind === 'panels') return true;
  if (right.columnBytes !== WORD_BYTES) return false;
  const bytes = depth * columns * WORD_BYTES;
  if (bytes <= level1Bytes / 2) return true;
  if (bytes > level2Bytes / 2) return false;
  const wayBytes = level2Bytes / CACHE_WAYS;
  const rowsTogether = CACHE_WAYS * (wayBytes / greatestCommonDivisor(right.depthBytes, wayBytes));
  return tileVectors * lanes * WORD_BYTES >= WELL_FETCHED_BYTES && rowsTogether >= passDepth;
}

/**
 * A blocking that is good without measuring.
 *
 * @param caches of the core; the smallest usual ones where they are not known.
 * @throws InvalidArgumentError when not even one row of a packed B's panel fits the registers.
 */
export function defaultGemmBlocking(
  product: GemmProduct,
  traits: TargetTraits,
  caches: CacheSizes = SMALLEST_CACHES,
): GemmBlocking {
  return gemmBlockingCandidates(product, traits, caches)[0]!;
}

/** Most candidates that {@link gemmBlockingCandidates} gives. */
const MOST_CANDIDATES = 10;

/**
 * Blockings that are worth measuring, the most promising first: the best tiles, each with passes of other depths and heights, with
 * A packed or in place. They depend on every size, the number of rows included.
 *
 * @param caches of the core; the smallest usual ones where they are not known.
 * @throws InvalidArgumentError when not even one row of a packed B's panel fits the registers.
 */
export function gemmBlockingCandidates(
  product: GemmProduct,
  traits: TargetTraits,
  caches: CacheSizes = SMALLEST_CACHES,
): readonly GemmBlocking[] {
  const tiles = rankTiles(product, traits, caches).slice(0, 4);
  if (tiles.length === 0) {
    throw new InvalidArgumentError('No tile of a product fits the registers', {
      expected: `panels of at most ${traits.vectors} vectors, with room for operands`,
      actual: product.b.packed ? product.b.panelColumns : 1,
    });
  }
  const defaults = tiles.map((tile) => chooseBlocking(product, traits, tile, caches));
  const [best] = defaults as [GemmBlocking];
  const variants = defaults.slice(0, 2).flatMap((blocking) => [
    { ...blocking, depthBlock: blocking.depthBlock * 2 },
    { ...blocking, packA: !blocking.packA },
    { ...blocking, packB: !blocking.packB },
    { ...blocking, rowBlock: blocking.rowBlock * 4 },
  ]);
  const candidates = [best, ...defaults.slice(1), ...variants].map((blocking) =>
    effective(product, blocking),
  );
  const distinct = new Map(candidates.map((blocking) => [JSON.stringify(blocking), blocking]));
  return [...distinct.values()].slice(0, MOST_CANDIDATES);
}

/** The same blocking with every limit that has no effect at the product's size cut down to it, so that equal code compares equal. */
function effective(product: GemmProduct, blocking: GemmBlocking): GemmBlocking {
  const { rows, depth, right } = orientGemm(product);
  return {
    ...blocking,
    depthBlock: Math.min(blocking.depthBlock, depth),
    rowBlock: Math.min(blocking.rowBlock, rows),
    packB: right.kind === 'matrix' && (blocking.packB || right.columnBytes !== WORD_BYTES),
  };
}
