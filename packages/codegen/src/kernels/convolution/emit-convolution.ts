import { CONVOLUTION_ARGUMENTS, type ConvolutionDescription } from '../../description/convolution.ts';
import type { Routine, Target } from '../../target/target.ts';
import { Cursor, emitRepeated } from '../window/cursor.ts';
import { emitColumnTiles, emitFromHere, emitImages, emitRowTiles } from '../window/emit-tiles.ts';
import { type Tile, type TileSeries, tileAxis, tileKey } from '../window/tap-spans.ts';
import { isPointwise } from '../window/window-geometry.ts';
import { convolutionGeometry } from './convolution-geometry.ts';
import { emitTile, type TileContext } from './emit-tile.ts';
import { claimTileRegisters } from './tile-registers.ts';
import { type Panel, panelsOfRange, type WeightPanels, weightPanels } from './weight-panels.ts';

/** Cursors over tiles and of a tile (6); loops over images, groups, panels, rows, columns, and three inside a tile. */
const MOST_POINTERS = 6 + 8;

/** The loops around the tiles. The cursors move over the tiles; copies of them are handed to the tiles' code. */
interface ConvolutionLoops {
  readonly context: TileContext;
  readonly panels: WeightPanels;
  readonly rowTiles: readonly TileSeries[];
  readonly columnTiles: readonly TileSeries[];
  readonly routines: ReadonlyMap<string, Routine>;
  readonly input: Cursor;
  readonly weights: Cursor;
  readonly output: Cursor;
}

function routineKey(rows: Tile, columns: Tile, panel: Panel): string {
  return `${tileKey(rows)};${tileKey(columns)};${panel.channels}`;
}

/** Emits the convolution that `description` states, all loops included. Arguments: {@link CONVOLUTION_ARGUMENTS}. */
export function emitConvolution(target: Target<unknown>, description: ConvolutionDescription): void {
  const loops = prepareLoops(target, description);
  const { geometry } = loops.context;
  const channels = panelsOfRange(loops.panels, description);
  const { input, weights, output } = loops;
  target.argument(input.pointer, CONVOLUTION_ARGUMENTS.input);
  target.argument(weights.pointer, CONVOLUTION_ARGUMENTS.weights);
  target.argument(output.pointer, CONVOLUTION_ARGUMENTS.output);
  input.moveTo(geometry.inputStart);
  weights.moveTo(channels.first * loops.panels.full.byteLength);
  output.moveTo(geometry.outputStart + description.channelRange.from * 4);
  const forPanels = (body: (panel: Panel) => void) => {
    emitGroups(loops, description.groups, () => emitPanels(loops, channels, description.groups, body));
  };
  const forRows = (body: (rows: Tile) => void) => emitRowTiles(target, geometry, loops.rowTiles, loops, body);
  const forColumns = (body: (columns: Tile) => void) => {
    emitColumnTiles(target, geometry, loops.columnTiles, loops, body);
  };
  const call = (rows: Tile, columns: Tile, panel: Panel) => callTile(loops, rows, columns, panel);
  emitImages(target, geometry, loops, () => {
    if (description.blocking.outerLoop === 'channels') {
      forPanels((panel) => forRows((rows) => forColumns((columns) => call(rows, columns, panel))));
    } else if (isPointwise(description.window)) {
      // All pixels are one row: too many to be read again for every panel.
      forRows((rows) => forColumns((columns) => forPanels((panel) => call(rows, columns, panel))));
    } else {
      forRows((rows) => forPanels((panel) => forColumns((columns) => call(rows, columns, panel))));
    }
  });
}

function prepareLoops(target: Target<unknown>, description: ConvolutionDescription): ConvolutionLoops {
  const { input, groups, weights, epilogue, blocking } = description;
  const geometry = convolutionGeometry(description);
  const panels = weightPanels(description, target.traits.lanes);
  const context: TileContext = {
    target,
    geometry,
    depthChannels: input.channels / groups,
    format: weights,
    epilogue,
    registers: claimTileRegisters(target, description),
    input: target.pointer('input of a tile'),
    weights: target.pointer('weights of a tile'),
    output: target.pointer('output of a tile'),
  };
  const { from, count } = geometry.outputRows;
  const rowTiles = tileAxis(geometry.rows, from, count, blocking.tileRows);
  const columnTiles = tileAxis(geometry.columns, 0, geometry.outputColumns, blocking.tileColumns);
  const routines = new Map<string, Routine>();
  const channels = panelsOfRange(panels, description);
  const used = [...(channels.full > 0 ? [panels.full] : []), ...(channels.last ? [channels.last] : [])];
  const parameters = [context.input, context.weights, context.output];
  for (const rows of rowTiles) {
    for (const columns of columnTiles) {
      for (const panel of used) {
        const key = routineKey(rows, columns, panel);
        if (routines.has(key)) continue;
        routines.set(
          key,
          target.routine(parameters, () => emitTile(context, { rows, columns, panel })),
        );
      }
    }
  }
  const cursor = (role: string) => new Cursor(target, target.pointer(role));
  return {
    context,
    panels,
    rowTiles,
    columnTiles,
    routines,
    input: cursor('input'),
    weights: cursor('weights'),
    output: cursor('output'),
  };
}

function emitGroups(
  { context, panels, input, weights, output }: ConvolutionLoops,
  groups: number,
  body: () => void,
) {
  const groupOutputs = panels.fullPanels * panels.full.channels + (panels.last?.channels ?? 0);
  const steps = [
    [input, context.depthChannels * 4],
    [output, groupOutputs * 4],
    [weights, panels.groupBytes],
  ] as const;
  emitFromHere([input, output, weights], () => emitRepeated(context.target, groups, steps, body));
}

function emitPanels(
  { context, panels, weights, output }: ConvolutionLoops,
  channels: ReturnType<typeof panelsOfRange>,
  groups: number,
  body: (panel: Panel) => void,
): void {
  emitFromHere([weights, output], () => {
    const steps = [
      [weights, panels.full.byteLength],
      [output, panels.full.channels * 4],
    ] as const;
    // Where addresses are scarce and groups take a loop, panels do without.
    const isLoop = groups === 1 || context.target.traits.pointers >= MOST_POINTERS;
    const [turns, copies] = isLoop ? [channels.full, 1] : [1, channels.full];
    for (let copy = 0; copy < copies && turns > 0; copy++) {
      emitRepeated(context.target, turns, steps, () => body(panels.full));
    }
    if (channels.last) body(channels.last);
  });
}

function callTile(loops: ConvolutionLoops, rows: Tile, columns: Tile, panel: Panel): void {
  const { context, routines } = loops;
  const { target } = context;
  target.copyPointer(context.input, loops.input.pointer);
  target.copyPointer(context.weights, loops.weights.pointer);
  target.copyPointer(context.output, loops.output.pointer);
  target.call(routines.get(routineKey(rows, columns, panel))!);
}
