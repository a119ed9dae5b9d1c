import { Random } from '@qedge/core';
import {
  type CopyAxis,
  copyAxesKey,
  copySpan,
  mergeCopyAxes,
  requireStridedCopy,
  STRIDED_COPY_ARGUMENT_COUNT,
  STRIDED_COPY_ARGUMENTS,
  type StridedCopyDescription,
} from '../../description/strided-copy.ts';
import { arrayTrial, drawBytes, GUARD } from '../elements/array-trial.ts';
import type { KernelFamily, KernelTrial } from '../kernel-family.ts';
import { emitStridedCopy } from './emit-strided-copy.ts';

/** The place in the input of what belongs at a place of the output; null where nothing is written. */
function sourceOf(sorted: readonly CopyAxis[], place: number): number | null {
  let [rest, source] = [place, 0];
  for (const { size, inputStride, outputStride } of sorted) {
    const index = Math.min(size - 1, Math.floor(rest / outputStride));
    rest -= index * outputStride;
    source += index * inputStride;
  }
  return rest === 0 ? source : null;
}

function trialOfCopy(
  { elementBytes, axes }: StridedCopyDescription,
  effort: 'all' | 'sample',
  seed: number,
): KernelTrial {
  const sorted = mergeCopyAxes(axes);
  const [from, to] = [copySpan(sorted, 'inputStride'), copySpan(sorted, 'outputStride')];
  const content = drawBytes(new Random(seed), from.length * elementBytes);
  const view = new DataView(content.buffer);
  const read = (bytes: DataView, at: number) => {
    return elementBytes === 4 ? bytes.getUint32(at, true) : bytes.getUint8(at);
  };
  const untouched = elementBytes === 4 ? GUARD * 0x0101_0101 : GUARD;
  const result = {
    argument: STRIDED_COPY_ARGUMENTS.output,
    rows: 1,
    width: to.length,
    stride: to.length,
    elementBytes,
    read,
    expectRow: () => (place: number) => {
      const source = sourceOf(sorted, place);
      const value = source === null ? untouched : read(view, (from.first + source) * elementBytes);
      return { value, tolerance: 0 };
    },
  };
  const byteOffset = from.first * elementBytes;
  const operands = [{ argument: STRIDED_COPY_ARGUMENTS.input, content, byteOffset }];
  return arrayTrial(
    { argumentCount: STRIDED_COPY_ARGUMENT_COUNT, operands, scalars: [], result },
    effort,
    seed,
  );
}

/** {@link StridedCopyDescription}. */
export const STRIDED_COPY: KernelFamily<StridedCopyDescription> = {
  kind: 'strided-copy',
  validate: requireStridedCopy,
  key: ({ elementBytes, axes }) => `strided-copy-${elementBytes}-${copyAxesKey(axes)}`,
  emit: emitStridedCopy,
  trial: (description, _traits, effort, seed) => trialOfCopy(description, effort, seed),
};
