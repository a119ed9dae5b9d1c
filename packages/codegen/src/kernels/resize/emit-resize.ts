import { RESIZE_ARGUMENTS, type ResizeDescription } from '../../description/resize.ts';
import type { Pointer, Target, Vector } from '../../target/target.ts';
import { emitElementLoop, emitLoad, emitStore, type Portion, WORD_BYTES } from '../elements/element-loop.ts';

/** Channels that are computed together, in vectors. */
const MOST_PORTIONS = 3;

interface ResizePointers {
  /** The first pixel of the image, moved along its channels. */
  readonly image: Pointer;
  readonly output: Pointer;
  readonly rowTable: Pointer;
  readonly columnTable: Pointer;
  /** One pixel of the input. */
  readonly pixel: Pointer;
}

interface ResizeVectors {
  readonly totals: readonly Vector[];
  readonly sums: readonly Vector[];
  readonly value: Vector;
  readonly weight: Vector;
}

/** Some channels of one pixel of the output. */
function emitPixel(
  target: Target<unknown>,
  { inputWidth, channels, taps }: ResizeDescription,
  { image, output, rowTable, columnTable, pixel }: ResizePointers,
  { totals, sums, value, weight }: ResizeVectors,
  portions: readonly Portion[],
): void {
  const pixelBytes = channels * WORD_BYTES;
  const weightsAt = taps * WORD_BYTES;
  for (let row = 0; row < taps; row++) {
    const rowSums = taps === 1 ? totals : sums;
    for (let column = 0; column < taps; column++) {
      target.copyPointer(pixel, image);
      target.advanceByWord(pixel, { base: rowTable, offset: row * WORD_BYTES }, inputWidth * pixelBytes);
      target.advanceByWord(pixel, { base: columnTable, offset: column * WORD_BYTES }, pixelBytes);
      target.splat(weight, { base: columnTable, offset: weightsAt + column * WORD_BYTES });
      for (const [p, portion] of portions.entries()) {
        emitLoad(target, value, pixel, portion);
        if (column === 0) target.float('multiply', rowSums[p]!, value, weight);
        else target.fma(rowSums[p]!, value, weight);
      }
    }
    target.splat(weight, { base: rowTable, offset: weightsAt + row * WORD_BYTES });
    for (const p of portions.keys()) {
      if (row === 0) target.float('multiply', totals[p]!, rowSums[p]!, weight);
      else target.fma(totals[p]!, rowSums[p]!, weight);
    }
  }
  for (const [p, portion] of portions.entries()) emitStore(target, totals[p]!, output, portion);
}

/** Emits a resize: for every pixel of the output the weighted sums of its neighbours. */
export function emitResize(target: Target<unknown>, description: ResizeDescription): void {
  const { batch, inputHeight, inputWidth, channels, outputHeight, outputWidth, taps } = description;
  const vectors: ResizeVectors = {
    totals: target.vectors('totals', MOST_PORTIONS),
    sums: target.vectors('sums of a row', MOST_PORTIONS),
    value: target.vectors('value', 1)[0]!,
    weight: target.vectors('weight', 1)[0]!,
  };
  const claim = (role: keyof typeof RESIZE_ARGUMENTS) => {
    const pointer = target.pointer(role);
    target.argument(pointer, RESIZE_ARGUMENTS[role]);
    return pointer;
  };
  const [image, output] = [claim('input'), claim('output')];
  const [rowTable, columnTable] = [claim('rowTable'), claim('columnTable')];
  const pointers = { image, output, rowTable, columnTable, pixel: target.pointer('pixel') };
  const entryBytes = 2 * taps * WORD_BYTES;
  const streams = [image, output].map((pointer) => ({ pointer, elementBytes: WORD_BYTES }));
  const writtenBytes = outputHeight * outputWidth * channels * WORD_BYTES;
  target.loop(batch, () => {
    target.argument(rowTable, RESIZE_ARGUMENTS.rowTable);
    target.loop(outputHeight, () => {
      target.argument(columnTable, RESIZE_ARGUMENTS.columnTable);
      target.loop(outputWidth, () => {
        emitElementLoop(target, channels, streams, MOST_PORTIONS, (portions) =>
          emitPixel(target, description, pointers, vectors, portions),
        );
        target.advance(output, channels * WORD_BYTES);
        target.advance(columnTable, entryBytes);
      });
      target.advance(rowTable, entryBytes);
    });
    target.advance(image, inputHeight * inputWidth * channels * WORD_BYTES);
    target.advance(output, description.outputStride * WORD_BYTES - writtenBytes);
  });
}
