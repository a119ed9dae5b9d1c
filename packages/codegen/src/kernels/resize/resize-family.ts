import { Random } from '@qedge/core';
import {
  RESIZE_ARGUMENT_COUNT,
  RESIZE_ARGUMENTS,
  type ResizeDescription,
  requireResize,
} from '../../description/resize.ts';
import { UNIT_ROUNDOFF } from '../../target/unit-roundoff.ts';
import { arrayTrial, drawFloats, readFloat32 } from '../elements/array-trial.ts';
import { WORD_BYTES } from '../elements/element-loop.ts';
import type { KernelFamily, KernelTrial } from '../kernel-family.ts';
import { emitResize } from './emit-resize.ts';

/** A table of one axis, as numbers and as the kernel reads it. */
function drawTable(random: Random, entries: number, taps: number, length: number) {
  const words = new Int32Array(entries * 2 * taps);
  const numbers = new Float32Array(words.buffer);
  for (let entry = 0; entry < entries; entry++) {
    for (let tap = 0; tap < taps; tap++) {
      words[entry * 2 * taps + tap] = random.integer(length);
      numbers[entry * 2 * taps + taps + tap] = random.uniform() * 2 - 0.5;
    }
  }
  return {
    words,
    index: (entry: number, tap: number) => words[entry * 2 * taps + tap]!,
    weight: (entry: number, tap: number) => numbers[entry * 2 * taps + taps + tap]!,
  };
}

function trialOfResize(description: ResizeDescription, effort: 'all' | 'sample', seed: number): KernelTrial {
  const { batch, inputHeight, inputWidth, channels, outputHeight, outputWidth, taps, outputStride } =
    description;
  const random = new Random(seed);
  const content = drawFloats(random, batch * inputHeight * inputWidth * channels, false);
  const rows = drawTable(random, outputHeight, taps, inputHeight);
  const columns = drawTable(random, outputWidth, taps, inputWidth);
  const expectPixel = (image: number, row: number, column: number) => (channel: number) => {
    let [value, magnitude] = [0, 0];
    for (let i = 0; i < taps; i++) {
      for (let j = 0; j < taps; j++) {
        const pixel = (image * inputHeight + rows.index(row, i)) * inputWidth + columns.index(column, j);
        const term = rows.weight(row, i) * columns.weight(column, j) * content[pixel * channels + channel]!;
        value += term;
        magnitude += Math.abs(term);
      }
    }
    return { value, tolerance: 2 * taps * UNIT_ROUNDOFF * magnitude + 2 ** -149 };
  };
  const pixels = outputHeight * outputWidth;
  const result = {
    argument: RESIZE_ARGUMENTS.output,
    rows: batch * pixels,
    width: channels,
    stride: channels,
    rowStart: (row: number) => Math.floor(row / pixels) * outputStride + (row % pixels) * channels,
    elementBytes: WORD_BYTES,
    read: readFloat32,
    expectRow: (row: number) => {
      const pixel = row % pixels;
      return expectPixel(Math.floor(row / pixels), Math.floor(pixel / outputWidth), pixel % outputWidth);
    },
  };
  const operands = [
    { argument: RESIZE_ARGUMENTS.input, content },
    { argument: RESIZE_ARGUMENTS.rowTable, content: rows.words },
    { argument: RESIZE_ARGUMENTS.columnTable, content: columns.words },
  ];
  return arrayTrial({ argumentCount: RESIZE_ARGUMENT_COUNT, operands, scalars: [], result }, effort, seed);
}

/** {@link ResizeDescription}. */
export const RESIZE: KernelFamily<ResizeDescription> = {
  kind: 'resize',
  validate: requireResize,
  key: ({ batch, inputHeight, inputWidth, channels, outputHeight, outputWidth, taps, outputStride }) =>
    `resize-${batch}x${inputHeight}x${inputWidth}x${channels}-${outputHeight}x${outputWidth}-${taps}-${outputStride}`,
  emit: emitResize,
  trial: (description, _traits, effort, seed) => trialOfResize(description, effort, seed),
};
