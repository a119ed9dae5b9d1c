import type { WeightFormat } from '../../description/convolution.ts';
import type { Epilogue } from '../../description/epilogue.ts';
import type { MemoryOperand, Pointer, Target, Vector } from '../../target/target.ts';
import { emitClamp } from '../activation/emit-activation.ts';
import { emitStoredActivation, needsActivationPass } from '../activation/emit-stored-activation.ts';
import { Cursor, emitRepeated } from '../window/cursor.ts';
import type { TapRun, Tile } from '../window/tap-spans.ts';
import type { WindowGeometry } from '../window/window-geometry.ts';
import type { TileRegisters } from './tile-registers.ts';
import { type Panel, WEIGHT_BYTES } from './weight-panels.ts';

/** So many multiply-adds in a turn of the innermost loop hide what the loop itself costs. */
const SUMS_PER_TURN = 16;

/** What all tiles of a convolution share. */
export interface TileContext {
  readonly target: Target<unknown>;
  readonly geometry: WindowGeometry;
  /** Input channels that one output sums over. */
  readonly depthChannels: number;
  readonly format: WeightFormat;
  readonly epilogue: Epilogue;
  readonly registers: TileRegisters;
  /** Of the tile: its first pixel at the first tap (which may lie in the padding), its panel, its first result. All are consumed. */
  readonly input: Pointer;
  readonly weights: Pointer;
  readonly output: Pointer;
}

/** One tile of output pixels and the panel of its channels. */
export interface TileShape {
  readonly rows: Tile;
  readonly columns: Tile;
  readonly panel: Panel;
}

/** Sums of a pixel, and where its input lies after that of the first pixel that is summed together with it. */
interface ActivePixel {
  readonly sums: readonly Vector[];
  readonly offset: number;
}

/** Bytes of the packed weights of one channel, one tap and one window row of a panel. */
function weightSteps({ panel }: TileShape, { geometry, depthChannels }: TileContext) {
  const row = panel.weightBytes / geometry.rows.taps;
  const tap = row / geometry.columns.taps;
  return { row, tap, channel: tap / depthChannels };
}

/** Emits `output = activation(sums + bias)` for one tile. Taps in the padding are skipped. */
export function emitTile(context: TileContext, shape: TileShape): void {
  const { target, geometry, registers } = context;
  const vectors = shape.panel.vectors;
  const pixels = shape.rows.size * shape.columns.size;
  const sums = Array.from({ length: pixels }, (_, i) => registers.sums.slice(i * vectors, (i + 1) * vectors));
  for (const sum of sums.flat()) target.zero(sum);
  const input = new Cursor(target, context.input);
  const weights = new Cursor(target, context.weights);
  const { row } = weightSteps(shape, context);
  const { stride, dilation } = geometry.rows;
  for (const run of shape.rows.runs) {
    input.moveTo((run.tap * dilation + run.from * stride) * geometry.inputRowBytes);
    weights.moveTo(run.tap * row);
    const steps = [
      [input, dilation * geometry.inputRowBytes],
      [weights, row],
    ] as const;
    emitRepeated(target, run.count, steps, () => emitWindowRow(context, shape, sums, run, input, weights));
  }
  weights.moveTo(shape.panel.weightBytes);
  emitResults(context, shape, sums, weights.pointer);
}

/** One row of the window. The cursors stand at its first tap, for the first row of `active` and the first column of the tile. */
function emitWindowRow(
  context: TileContext,
  shape: TileShape,
  sums: readonly (readonly Vector[])[],
  active: TapRun,
  input: Cursor,
  weights: Cursor,
): void {
  const { geometry } = context;
  const { stride, dilation } = geometry.columns;
  const { tap } = weightSteps(shape, context);
  const [inputStart, weightStart] = [input.position, weights.position];
  for (const run of shape.columns.runs) {
    input.moveTo(inputStart + (run.tap * dilation + run.from * stride) * geometry.inputPixelBytes);
    weights.moveTo(weightStart + run.tap * tap);
    const pixels: ActivePixel[] = [];
    for (let r = active.from; r < active.to; r++) {
      for (let c = run.from; c < run.to; c++) {
        const rowOffset = (r - active.from) * geometry.rows.stride * geometry.inputRowBytes;
        const offset = rowOffset + (c - run.from) * stride * geometry.inputPixelBytes;
        pixels.push({ sums: sums[r * shape.columns.size + c]!, offset });
      }
    }
    emitTaps(context, shape, pixels, run.count, input, weights);
  }
}

/** `count` neighbouring taps of a window row. Where their input channels are neighbours in memory, they are one run. */
function emitTaps(
  context: TileContext,
  shape: TileShape,
  pixels: readonly ActivePixel[],
  count: number,
  input: Cursor,
  weights: Cursor,
): void {
  const { target, geometry, depthChannels } = context;
  const { tap, channel } = weightSteps(shape, context);
  const tapBytes = geometry.columns.dilation * geometry.inputPixelBytes;
  const emitChannels = (times: number) => {
    const steps = [
      [input, 4],
      [weights, channel],
    ] as const;
    const sums = pixels.length * shape.panel.vectors;
    const unroll = Math.min(target.traits.unroll, times, Math.ceil(SUMS_PER_TURN / sums));
    const emit = (run: number) => emitChannel(context, shape.panel, pixels, run * 4, run * channel);
    emitRepeated(target, times, steps, emit, unroll);
  };
  if (tapBytes === depthChannels * 4) {
    emitChannels(count * depthChannels);
    return;
  }
  const steps = [
    [input, tapBytes],
    [weights, tap],
  ] as const;
  emitRepeated(target, count, steps, () => emitChannels(depthChannels));
}

/** One input channel of one tap: its value at every pixel times the weights of every output channel. */
function emitChannel(
  context: TileContext,
  { vectors, channels }: Panel,
  pixels: readonly ActivePixel[],
  inputOffset: number,
  weightOffset: number,
): void {
  const { target, format, registers } = context;
  const { lanes } = target.traits;
  for (let v = 0; v < vectors; v++) {
    const offset = weightOffset + v * lanes * WEIGHT_BYTES[format];
    const memory: MemoryOperand = { base: context.weights, offset };
    if (format === 'float32') target.load(registers.weights[v]!, memory);
    else target.loadNarrow(format, registers.weights[v]!, memory);
  }
  for (const [i, { sums, offset }] of pixels.entries()) {
    const value = registers.inputs[i % registers.inputs.length]!;
    target.splat(value, { base: context.input, offset: inputOffset + offset });
    for (const [v, sum] of sums.entries()) {
      target.fma(sum, value, registers.weights[v]!, Math.min(lanes, channels - v * lanes));
    }
  }
}

/** Adds the bias (`bias` points at that of the panel), applies the activation, stores. */
function emitResults(
  context: TileContext,
  { rows, columns, panel }: TileShape,
  sums: readonly (readonly Vector[])[],
  bias: Pointer,
): void {
  const { target, geometry, epilogue, registers, output } = context;
  const { lanes } = target.traits;
  const scratch = registers.weights[0]!;
  if (epilogue.bias) {
    for (let v = 0; v < panel.vectors; v++) {
      target.load(scratch, { base: bias, offset: v * lanes * 4 });
      for (const pixel of sums) target.float('add', pixel[v]!, pixel[v]!, scratch);
    }
  }
  emitClamp(target, epilogue.activation, sums.flat(), scratch);
  for (const [i, pixel] of sums.entries()) {
    const [row, column] = [Math.floor(i / columns.size), i % columns.size];
    const offset = row * geometry.outputRowBytes + column * geometry.outputPixelBytes;
    for (const [v, sum] of pixel.entries()) {
      const memory = { base: output, offset: offset + v * lanes * 4 };
      target.store(sum, memory, Math.min(lanes, panel.channels - v * lanes));
    }
  }
  if (!needsActivationPass(epilogue.activation)) return;
  const cursor = new Cursor(target, output);
  const vectors = [...registers.sums, ...registers.weights, ...registers.inputs, ...registers.more];
  emitRepeated(target, rows.size, [[cursor, geometry.outputRowBytes]], () => {
    emitRepeated(target, columns.size, [[cursor, geometry.outputPixelBytes]], () => {
      emitStoredActivation(target, epilogue.activation, output, panel.channels, vectors);
    });
  });
}
