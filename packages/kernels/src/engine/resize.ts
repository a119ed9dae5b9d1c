import { RESIZE_ARGUMENT_COUNT, RESIZE_ARGUMENTS, type ResizeDescription } from '@qedge/codegen';
import { InvalidArgumentError, ShapeMismatchError } from '@qedge/core';
import { type BindingContext, blockFields, type KernelSteps, worthwhileThreads } from './binding.ts';
import { bytesOf, requireDisjoint, requireOneOf, requireSize, requireVector } from './operands.ts';
import { divide } from './split-work.ts';

/** Which cells of an axis of the input make up each cell of the output, and how much each counts. */
export interface ResizeAxis {
  /** `[resized, taps]`, inside the input. */
  readonly cells: Int32Array;
  /** `[resized, taps]`. */
  readonly weights: ArrayLike<number>;
}

/** Images `[batch, height, width, channels]` to another size: each result is a weighted sum of some rows and columns of the input. */
export interface ResizeOptions {
  /** Default 1. */
  readonly batch?: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly input: Float32Array;
  /** 1: nearest, 2: linear, 4: cubic. */
  readonly taps: 1 | 2 | 4;
  /** Copied when the kernel is bound; as long as the output has rows and columns, times `taps`. */
  readonly rows: ResizeAxis;
  readonly columns: ResizeAxis;
  /** `[batch, rows, columns, channels]`. */
  readonly output: Float32Array;
}

/** Checks a resize and plans its kernels. @throws as `KernelWorkspace.resize`. */
export function resizeSteps(context: BindingContext, options: ResizeOptions): KernelSteps {
  const { batch = 1, height, width, channels, input, taps, rows, columns, output } = options;
  for (const [name, size] of Object.entries({ batch, height, width, channels })) requireSize(name, size, 1);
  requireOneOf('taps', taps, [1, 2, 4]);
  const outputHeight = checkAxis('rows', rows, taps, height);
  const outputWidth = checkAxis('columns', columns, taps, width);
  const imageElements = outputHeight * outputWidth * channels;
  const { arena } = context;
  const from = requireVector(arena, 'input', 'Float32Array', input, batch * height * width * channels);
  const to = requireVector(arena, 'output', 'Float32Array', output, batch * imageElements);
  requireDisjoint(bytesOf('output', output), [bytesOf('input', input)]);
  if (imageElements === 0) return [];
  const rowTable = placeTable(context, rows, taps);
  const columnTable = placeTable(context, columns, taps);
  const threads = worthwhileThreads(context, batch * imageElements * (2 * taps * taps + 4));
  const parts = divide(outputHeight, threads).map(({ from: first, count }) => {
    const description: ResizeDescription = {
      kind: 'resize',
      batch,
      inputHeight: height,
      inputWidth: width,
      channels,
      outputHeight: count,
      outputWidth,
      taps,
      outputStride: imageElements,
    };
    const fields = blockFields(RESIZE_ARGUMENT_COUNT, {
      [RESIZE_ARGUMENTS.input]: from,
      [RESIZE_ARGUMENTS.output]: to + first * outputWidth * channels * 4,
      [RESIZE_ARGUMENTS.rowTable]: rowTable + first * 2 * taps * 4,
      [RESIZE_ARGUMENTS.columnTable]: columnTable,
    });
    return { description, fields };
  });
  return [parts];
}

/** The number of cells of the output along an axis. @throws ShapeMismatchError, InvalidArgumentError for a table that cannot be. */
function checkAxis(name: string, { cells, weights }: ResizeAxis, taps: number, length: number): number {
  if (cells.length % taps !== 0 || weights.length !== cells.length) {
    throw new ShapeMismatchError(`The ${name} of a resize have a wrong length`, {
      expected: `multiples of ${taps}, equal`,
      actual: `${cells.length} cells, ${weights.length} weights`,
    });
  }
  const wrong = cells.find((cell) => cell < 0 || cell >= length);
  if (wrong === undefined) return cells.length / taps;
  throw new InvalidArgumentError(`The ${name} of a resize lead outside of the image`, {
    expected: `0..${length - 1}`,
    actual: wrong,
  });
}

/** Writes the table as the kernel reads it: for each cell of the output the indices, then the weights. */
function placeTable({ arena }: BindingContext, { cells, weights }: ResizeAxis, taps: number): number {
  const place = arena.allocate(cells.length * 8, 'a table of a resize');
  const words = new Int32Array(arena.memory.buffer, place.byteOffset, cells.length * 2);
  const numbers = new Float32Array(arena.memory.buffer, place.byteOffset, cells.length * 2);
  for (let i = 0; i < cells.length; i++) {
    const at = Math.floor(i / taps) * 2 * taps + (i % taps);
    words[at] = cells[i]!;
    numbers[at + taps] = weights[i]!;
  }
  return place.address;
}
