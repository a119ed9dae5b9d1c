import { InvalidArgumentError } from '@qedge/core';
import type { ConvolutionBlocking, ConvolutionDescription } from '../../description/convolution.ts';
import type { TargetTraits } from '../../target/target.ts';
import { type TileSeries, tileAxis } from '../window/tap-spans.ts';
import type { WindowGeometry } from '../window/window-geometry.ts';
import { convolutionGeometry } from './convolution-geometry.ts';
import { mostTilePixels } from './tile-registers.ts';
import { panelsOfRange, weightPanels } from './weight-panels.ts';

/** A convolution whose blocking is still to be chosen. */
export type ConvolutionRequest = Omit<ConvolutionDescription, 'blocking'>;

/** Widest panel: more vectors read more weights per value than any tile needs. */
const MOST_VECTORS = 4;
const MOST_TILE_ROWS = 4;
/** Rows that are wider are cut into good tiles one by one. */
const NARROW_COLUMNS = 14;
/** Sums in flight that hide the latency of a multiply-add on two units; each that is missing costs a part of a slot. */
const SUMS_IN_FLIGHT = 12;
const WAITING_SLOTS = 0.35;
/** Loading a vector of weights from the second-level cache takes as long as so many multiply-adds. */
const WEIGHT_SLOTS = 3;
/** Cost of entering and leaving a tile, in multiply-adds, beside that per sum. */
const TILE_COST = 30;
const SUM_COST = 2;
/** Half of a second-level cache of 1 MiB, which leaves room for the other operand. */
const RESIDENT_BYTES = 512 * 1024;
/** Addresses this far apart share a set of an 8-way first-level cache of 32 KiB. */
const CACHE_SET_PERIOD = 4096;
const CACHE_LINE = 64;
/** Ways of a set that the inputs of a tile may fill while weights stream through the others. */
const INPUT_WAYS = 7;
const CONFLICT_FACTOR = 2;

/** The most different blockings that {@link convolutionBlockings} gives by default: what a short search can try. */
const CANDIDATES = 8;

/**
 * Blockings of a convolution for a target, the one that a simple cost model likes best first: the candidates of a search by
 * measurement. Never empty.
 *
 * @throws InvalidArgumentError for a range of channels that no panel fits.
 */
export function convolutionBlockings(
  request: ConvolutionRequest,
  traits: TargetTraits,
  most = CANDIDATES,
): ConvolutionBlocking[] {
  const vectorsOfGroup = Math.ceil(request.outputChannels / request.groups / traits.lanes);
  const priced: { readonly blocking: ConvolutionBlocking; readonly cost: number }[] = [];
  for (let tileVectors = 1; tileVectors <= Math.min(MOST_VECTORS, vectorsOfGroup); tileVectors++) {
    const pixels = mostTilePixels(tileVectors, request.weights, traits);
    for (const { tileRows, tileColumns } of tileSizes(convolutionGeometry(request), pixels)) {
      for (const outerLoop of outerLoops(request)) {
        const blocking = { tileRows, tileColumns, tileVectors, outerLoop };
        if (!cutsNoPanel({ ...request, blocking }, traits.lanes)) continue;
        priced.push({ blocking, cost: blockingCost({ ...request, blocking }, traits.lanes) });
      }
    }
  }
  if (priced.length === 0) {
    const { from, count } = request.channelRange;
    throw new InvalidArgumentError('A range of output channels cuts a vector', {
      expected: `ends at multiples of ${traits.lanes} or at ${request.outputChannels}`,
      actual: `channels ${from} to ${from + count}`,
    });
  }
  priced.sort((a, b) => a.cost - b.cost);
  return priced.slice(0, most).map(({ blocking }) => blocking);
}

/** A convolution with the blocking that the cost model likes best. @throws as {@link convolutionBlockings}. */
export function planConvolution(request: ConvolutionRequest, traits: TargetTraits): ConvolutionDescription {
  return { ...request, blocking: convolutionBlockings(request, traits, 1)[0]! };
}

/** Tiles of at most `pixels` pixels: widths that divide the row evenly, several rows only where whole rows are narrow. */
function tileSizes({ outputColumns, outputRows }: WindowGeometry, pixels: number) {
  const sizes = new Map<string, { readonly tileRows: number; readonly tileColumns: number }>();
  for (let tileRows = 1; tileRows <= Math.min(MOST_TILE_ROWS, outputRows.count, pixels); tileRows++) {
    const widest = Math.min(Math.floor(pixels / tileRows), outputColumns);
    if (tileRows > 1 && outputColumns > NARROW_COLUMNS) break;
    const fewest = Math.ceil(outputColumns / widest);
    for (const tiles of fewest < outputColumns ? [fewest, fewest + 1] : [fewest]) {
      const tileColumns = Math.ceil(outputColumns / tiles);
      sizes.set(`${tileRows}x${tileColumns}`, { tileRows, tileColumns });
    }
  }
  return [...sizes.values()];
}

/** Which operand to read once, by what is read again and whether it stays in the second-level cache. */
function outerLoops(request: ConvolutionRequest): ConvolutionBlocking['outerLoop'][] {
  const { input, window, outputChannels, groups, outputRows } = request;
  const weightBytes = window.height * window.width * (input.channels / groups) * outputChannels * 4;
  const rowBytes = input.width * input.channels * 4;
  const imageBytes = rowBytes * Math.min(input.height, outputRows.count * window.strideHeight);
  if (weightBytes > RESIDENT_BYTES && imageBytes <= RESIDENT_BYTES) return ['channels'];
  return ['channels', 'rows'];
}

function cutsNoPanel(description: ConvolutionDescription, lanes: number): boolean {
  const { channelRange, outputChannels, blocking } = description;
  const [{ from, count }, width] = [channelRange, blocking.tileVectors * lanes];
  return from % width === 0 && ((from + count) % width === 0 || from + count === outputChannels);
}

/** Multiply-adds that a description costs, idle slots included. */
function blockingCost(description: ConvolutionDescription, lanes: number): number {
  const { input, groups, blocking } = description;
  const geometry = convolutionGeometry(description);
  const panels = panelsOfRange(weightPanels(description, lanes), description);
  const rows = tileAxis(
    geometry.rows,
    geometry.outputRows.from,
    geometry.outputRows.count,
    blocking.tileRows,
  );
  const columns = tileAxis(geometry.columns, 0, geometry.outputColumns, blocking.tileColumns);
  let cost = 0;
  for (const row of rows) {
    for (const column of columns) {
      const price = (vectors: number) => tileCost(row, column, vectors, input.channels / groups);
      const tiles = row.count * column.count;
      cost += tiles * panels.full * price(blocking.tileVectors);
      if (panels.last) cost += tiles * price(panels.last.vectors);
    }
  }
  const conflict = mostInSet(geometry, blocking) > INPUT_WAYS ? CONFLICT_FACTOR : 1;
  const outer = blocking.outerLoop === 'rows' ? 1.001 : 1;
  return cost * groups * geometry.images * conflict * outer;
}

/** One multiply-add or one load per slot; a tile with few sums waits for each. */
function tileCost(rows: TileSeries, columns: TileSeries, vectors: number, depthChannels: number): number {
  let cost = TILE_COST + SUM_COST * rows.size * columns.size * vectors;
  for (const row of rows.runs) {
    for (const column of columns.runs) {
      const pixels = (row.to - row.from) * (column.to - column.from);
      const sums = pixels * vectors;
      const slots = Math.max(sums, pixels + vectors, vectors * WEIGHT_SLOTS);
      const waiting = Math.max(0, SUMS_IN_FLIGHT - sums) * WAITING_SLOTS;
      cost += row.count * column.count * depthChannels * (slots + waiting);
    }
  }
  return cost;
}

/** The most input pixels of a tile that share a set of the first-level cache. */
function mostInSet(geometry: WindowGeometry, { tileRows, tileColumns }: ConvolutionBlocking): number {
  const sets = new Map<number, number>();
  for (let row = 0; row < tileRows; row++) {
    for (let column = 0; column < tileColumns; column++) {
      const offset =
        row * geometry.rows.stride * geometry.inputRowBytes +
        column * geometry.columns.stride * geometry.inputPixelBytes;
      const set = Math.floor((offset % CACHE_SET_PERIOD) / CACHE_LINE);
      sets.set(set, (sets.get(set) ?? 0) + 1);
    }
  }
  return Math.max(...sets.values());
}
