import { Random } from '@qedge/core';
import {
  GATHER_ARGUMENT_COUNT,
  GATHER_ARGUMENTS,
  type GatherDescription,
  requireGather,
} from '../../description/gather.ts';
import type { Target } from '../../target/target.ts';
import { arrayTrial, drawBytes } from '../elements/array-trial.ts';
import { WORD_BYTES } from '../elements/element-loop.ts';
import type { KernelFamily } from '../kernel-family.ts';
import { emitRun, RUN_VECTORS } from '../strided-copy/emit-run.ts';

function emitGather(
  target: Target<unknown>,
  { outer, count, rows, rowBytes, rowStrideBytes }: GatherDescription,
): void {
  const registers = target.vectors('values', RUN_VECTORS);
  const [data, input] = [target.pointer('input'), target.pointer('row')];
  const [indices, output] = [target.pointer('indices'), target.pointer('output')];
  target.argument(data, GATHER_ARGUMENTS.input);
  target.argument(output, GATHER_ARGUMENTS.output);
  const emission = { target, elementBytes: 1, input, output } as const;
  const row = { size: rowBytes, inputStride: 1, outputStride: 1 };
  target.loop(outer, () => {
    target.argument(indices, GATHER_ARGUMENTS.indices);
    target.loop(count, () => {
      target.copyPointer(input, data);
      target.advanceByWord(input, { base: indices, offset: 0 }, rowStrideBytes);
      emitRun(emission, row, registers);
      target.advance(indices, WORD_BYTES);
      target.advance(output, rowBytes);
    });
    target.advance(data, rows * rowStrideBytes);
  });
}

/** {@link GatherDescription}. */
export const GATHER: KernelFamily<GatherDescription> = {
  kind: 'gather',
  validate: requireGather,
  key: ({ outer, count, rows, rowBytes, rowStrideBytes }) =>
    `gather-${outer}x${count}of${rows}-${rowBytes}_${rowStrideBytes}`,
  emit: emitGather,
  trial({ outer, count, rows, rowBytes, rowStrideBytes }, _traits, effort, seed) {
    const random = new Random(seed);
    const content = drawBytes(random, outer * rows * rowStrideBytes);
    const indices = Int32Array.from({ length: count }, () => random.integer(rows));
    const result = {
      argument: GATHER_ARGUMENTS.output,
      rows: outer * count,
      width: rowBytes,
      stride: rowBytes,
      elementBytes: 1,
      read: (view: DataView, byteOffset: number) => view.getUint8(byteOffset),
      expectRow: (row: number) => {
        const source = Math.floor(row / count) * rows + indices[row % count]!;
        return (byte: number) => ({ value: content[source * rowStrideBytes + byte]!, tolerance: 0 });
      },
    };
    const operands = [
      { argument: GATHER_ARGUMENTS.input, content },
      { argument: GATHER_ARGUMENTS.indices, content: indices },
    ];
    return arrayTrial({ argumentCount: GATHER_ARGUMENT_COUNT, operands, scalars: [], result }, effort, seed);
  },
};
