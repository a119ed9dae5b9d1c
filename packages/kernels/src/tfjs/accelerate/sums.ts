import { REDUCTION_ARGUMENTS } from '@qedge/codegen';
import type { TensorInfo } from '@tensorflow/tfjs';
import { areFloats, type KernelInputs, type KernelMaker } from './accelerated-kernel.ts';
import type { CallBytes } from './call-memory.ts';
import { elementCount, type KernelRunner } from './kernel-runner.ts';
import type { ProgramPlan } from './program.ts';
import { ProgramBuilder } from './program-builder.ts';
import { operandAt } from './scratch-layout.ts';

const SUM_OPERATIONS = 16;

/** `Sum` over the first or the last axes, and `Mean` over the first ones: what gradients of biases and batch statistics need. */
export const makeSums: KernelMaker = (runner) => {
  const factor = { bytes: null as CallBytes | null };
  return [
    {
      name: 'Sum',
      serve: (call) => reduce(runner, factor, call, false),
      trials: [
        { inputs: { x: [7, 3, 21] }, attrs: { axis: [0, 1], keepDims: false } },
        { inputs: { x: [5, 43] }, attrs: { axis: [1], keepDims: false } },
        { inputs: { x: [6, 11] }, attrs: { axis: [0, 1], keepDims: false } },
      ],
    },
    {
      name: 'Mean',
      serve: (call) => reduce(runner, factor, call, true),
      trials: [{ inputs: { x: [7, 3, 21] }, attrs: { axis: [0, 1], keepDims: true } }],
    },
  ];
};

/** Which axes are summed: the first ones down to `[rows, width]` -> `[width]`, or the last ones -> `[rows]`. */
interface SummedAxes {
  readonly over: 'first' | 'last';
  readonly rows: number;
  readonly width: number;
  readonly axes: readonly number[];
}

function findAxes(shape: readonly number[], axis: unknown): SummedAxes | null {
  const rank = shape.length;
  if (rank === 0) return null;
  const given = axis === null || axis === undefined ? shape.map((_, i) => i) : [axis].flat();
  const axes = given.map((index) => ((index as number) + rank) % rank).sort((a, b) => a - b);
  const count = axes.length;
  if (count === 0 || axes[count - 1]! - axes[0]! !== count - 1) return null;
  if (axes[count - 1] === rank - 1) {
    const rows = elementCount(shape.slice(0, rank - count));
    return { over: 'last', rows, width: elementCount(shape) / rows, axes };
  }
  if (axes[0] !== 0) return null;
  const rows = elementCount(shape.slice(0, count));
  return { over: 'first', rows, width: elementCount(shape) / rows, axes };
}

function reduce(
  runner: KernelRunner,
  factor: { bytes: CallBytes | null },
  { inputs, attrs }: KernelInputs,
  isMean: boolean,
): TensorInfo | null {
  const x = inputs.x!;
  if (!areFloats(x)) return null;
  const summed = findAxes(x.shape, attrs.axis);
  if (summed === null || (isMean && summed.over === 'last')) return null;
  const { over, rows, width, axes } = summed;
  const program = runner.program(`sum ${over} ${rows} ${width}`, () => planSum(runner, summed));
  if (program === null) return null;
  const shape = attrs.keepDims
    ? x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    : x.shape.filter((_, axis) => !axes.includes(axis));
  factor.bytes ??= runner.memory.allocate(4);
  const output = runner.output(shape);
  const { buffer, byteOffset } = factor.bytes.bytes();
  new Float32Array(buffer, byteOffset, 1)[0] = isMean ? 1 / rows : 1;
  runner.run(program, [x, output, factor.bytes]);
  return output;
}

function planSum(runner: KernelRunner, { over, rows, width }: SummedAxes): ProgramPlan {
  const builder = new ProgramBuilder(runner);
  if (over === 'first') {
    // The product of a row of equal numbers with the matrix.
    const a = { at: operandAt(2), rowStride: 0, columnStride: 0, batchStride: 0 };
    const b = { at: operandAt(0), rowStride: width, columnStride: 1, batchStride: 0 };
    const c = { at: operandAt(1), rowStride: width, columnStride: 1, batchStride: 0 };
    return builder.product({ batch: 1, m: 1, n: width, k: rows, a, b, c }).plan();
  }
  return builder
    .divided(rows, rows * width * SUM_OPERATIONS, 1, (from, count) => ({
      description: { kind: 'reduction', operation: 'sum', rows: count, width, inputStride: width },
      fields: {
        [REDUCTION_ARGUMENTS.input]: operandAt(0, from * width * 4),
        [REDUCTION_ARGUMENTS.output]: operandAt(1, from * 4),
      },
    }))
    .plan();
}
