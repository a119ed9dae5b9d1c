import { type CopyAxis, MOST_COPY_AXES, mergeCopyAxes, STRIDED_COPY_ARGUMENTS } from '@qedge/codegen';
import type { TensorInfo } from '@tensorflow/tfjs';
import type { KernelInputs, KernelMaker } from './accelerated-kernel.ts';
import { elementCount, type KernelRunner } from './kernel-runner.ts';
import type { ProgramPlan } from './program.ts';
import { ProgramBuilder } from './program-builder.ts';
import { operandAt } from './scratch-layout.ts';

/** What moving an element costs, in operations of `worthwhileThreads`. */
const OPERATIONS_PER_ELEMENT = 24;

/** `Slice`, like that of a batch from a data set, for which the stock kernel copies the whole tensor first. */
export const makeSlices: KernelMaker = (runner) => [
  {
    name: 'Slice',
    serve: (call) => slice(runner, call),
    trials: [
      { inputs: { x: [7, 5] }, attrs: { begin: [2, 0], size: [3, 5] } },
      { inputs: { x: [4, 3, 19] }, attrs: { begin: [1, 1, 2], size: [3, -1, 16] } },
      { inputs: { x: [3, 5, 2, 7] }, attrs: { begin: [0, 2], size: [2, 3] } },
    ],
  },
];

function slice(runner: KernelRunner, { inputs, attrs }: KernelInputs): TensorInfo | null {
  const x = inputs.x!;
  if (x.dtype !== 'float32' && x.dtype !== 'int32' && x.dtype !== 'bool') return null;
  const begin = indicesOf(attrs.begin, x.shape.length, 0);
  const size = indicesOf(attrs.size, x.shape.length, -1);
  if (begin === null || size === null) return null;
  let from = 0;
  let stride = 1;
  let key = '';
  for (let axis = x.shape.length - 1; axis >= 0; axis--) {
    const [first, extent] = [begin[axis]!, x.shape[axis]!];
    if (size[axis] === -1) size[axis] = extent - first;
    const count = size[axis]!;
    if (!(first >= 0 && count > 0 && first + count <= extent)) return null;
    from += first * stride;
    stride *= extent;
    // The extent of the first axis does not matter to the copy.
    key += axis > 0 ? ` ${count} ${extent}` : ` ${count}`;
  }
  const elementBytes = x.dtype === 'bool' ? 1 : 4;
  const program = runner.program(`slice ${elementBytes}${key}`, () =>
    planSlice(runner, x.shape, size, elementBytes),
  );
  if (program === null) return null;
  const output = runner.backend.makeOutput(size, x.dtype);
  runner.run(program, [{ tensor: x, byteOffset: from * elementBytes }, output]);
  return output;
}

/** An attribute that may be one number, or fewer than there are axes: those of the first axes. Null where it is something else. */
function indicesOf(attribute: unknown, rank: number, otherwise: number): number[] | null {
  const given = Array.isArray(attribute) ? attribute : [attribute ?? otherwise];
  if (rank === 0 || given.length > rank) return null;
  const indices = new Array<number>(rank).fill(otherwise);
  for (let axis = 0; axis < given.length; axis++) {
    if (!Number.isSafeInteger(given[axis])) return null;
    indices[axis] = given[axis];
  }
  return indices;
}

/** Divides the outermost of the axes that remain after those that lie together have been merged. */
function planSlice(
  runner: KernelRunner,
  shape: readonly number[],
  size: readonly number[],
  elementBytes: 1 | 4,
): ProgramPlan | null {
  const axes: CopyAxis[] = [];
  for (let axis = size.length - 1, inputStride = 1, outputStride = 1; axis >= 0; axis--) {
    axes.push({ size: size[axis]!, inputStride, outputStride });
    inputStride *= shape[axis]!;
    outputStride *= size[axis]!;
  }
  const [outer = { size: 1, inputStride: 1, outputStride: 1 }, ...inner] = mergeCopyAxes(axes);
  if (inner.length >= MOST_COPY_AXES) return null;
  const multiple = outer.outputStride === 1 ? 64 : 1;
  return new ProgramBuilder(runner)
    .divided(outer.size, elementCount(size) * OPERATIONS_PER_ELEMENT, multiple, (from, count) => ({
      description: { kind: 'strided-copy', elementBytes, axes: [{ ...outer, size: count }, ...inner] },
      fields: {
        [STRIDED_COPY_ARGUMENTS.input]: operandAt(0, from * outer.inputStride * elementBytes),
        [STRIDED_COPY_ARGUMENTS.output]: operandAt(1, from * outer.outputStride * elementBytes),
      },
    }))
    .plan();
}
