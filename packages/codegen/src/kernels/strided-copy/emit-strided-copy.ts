import {
  type CopyAxis,
  mergeCopyAxes,
  STRIDED_COPY_ARGUMENTS,
  type StridedCopyDescription,
} from '../../description/strided-copy.ts';
import type { Target } from '../../target/target.ts';
import { emitAxisLoops } from './copy-emission.ts';
import { emitRun, RUN_VECTORS } from './emit-run.ts';
import { emitTransposedPair } from './emit-transposed-pair.ts';

const ONE_ELEMENT: CopyAxis = { size: 1, inputStride: 1, outputStride: 1 };

/** The index of the axis along which the input is contiguous, where the output is so along another one; else -1. */
function findTransposedAxis(outer: readonly CopyAxis[], inner: CopyAxis): number {
  if (inner.outputStride !== 1 || inner.inputStride === 0 || inner.inputStride === 1) return -1;
  return outer.findIndex(({ inputStride }) => inputStride === 1);
}

/** Emits a copy: runs of contiguous elements or of one element, squares that are transposed in registers, or single elements. */
export function emitStridedCopy(target: Target<unknown>, description: StridedCopyDescription): void {
  const { elementBytes, axes } = description;
  const [input, output] = [target.pointer('input'), target.pointer('output')];
  target.argument(input, STRIDED_COPY_ARGUMENTS.input);
  target.argument(output, STRIDED_COPY_ARGUMENTS.output);
  const emission = { target, elementBytes, input, output };
  const outer = mergeCopyAxes(axes);
  const inner = outer.pop() ?? ONE_ELEMENT;
  const transposed = findTransposedAxis(outer, inner);
  if (transposed >= 0) {
    const [across] = outer.splice(transposed, 1) as [CopyAxis];
    emitAxisLoops(emission, outer, emitTransposedPair(emission, across, inner));
    return;
  }
  const registers = target.vectors('values', RUN_VECTORS);
  emitAxisLoops(emission, outer, () => emitRun(emission, inner, registers));
}
