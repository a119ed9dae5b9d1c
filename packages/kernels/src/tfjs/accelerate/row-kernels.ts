import { CHANNEL_SCALE_ARGUMENTS, SOFTMAX_ARGUMENTS } from '@qedge/codegen';
import type { TensorInfo } from '@tensorflow/tfjs';
import { areFloats, type KernelInputs, type KernelMaker } from './accelerated-kernel.ts';
import type { CallBytes } from './call-memory.ts';
import { elementCount, type KernelRunner } from './kernel-runner.ts';
import { ProgramBuilder } from './program-builder.ts';
import { operandAt } from './scratch-layout.ts';

/** An exponential, in operations of `worthwhileThreads`. */
const SOFTMAX_OPERATIONS = 80;
const SCALE_OPERATIONS = 24;

/** `Softmax` over the last axis, `FusedBatchNorm` with one mean and variance per channel. */
export const makeRowKernels: KernelMaker = (runner) => {
  const factors = { bytes: null as CallBytes | null };
  const channel = [0.5, 0.25, 1.5, 2, 0.125, 3, 0.75];
  return [
    {
      name: 'Softmax',
      serve: (call) => softmax(runner, call),
      trials: [{ inputs: { logits: [5, 21] }, attrs: { dim: -1 } }],
    },
    {
      name: 'FusedBatchNorm',
      serve: (call) => normalize(runner, factors, call),
      trials: [
        {
          inputs: { x: [2, 3, 4, 7], mean: [7], variance: [7], offset: [7], scale: [7] },
          values: { variance: channel },
          attrs: { varianceEpsilon: 0.001 },
        },
      ],
    },
  ];
};

function softmax(runner: KernelRunner, { inputs, attrs }: KernelInputs): TensorInfo | null {
  const logits = inputs.logits!;
  const { shape } = logits;
  const dim = attrs.dim as number;
  if (!areFloats(logits) || shape.length === 0 || (dim !== -1 && dim !== shape.length - 1)) return null;
  const width = shape[shape.length - 1]!;
  const rows = elementCount(shape) / width;
  const program = runner.program(`softmax ${rows} ${width}`, () =>
    new ProgramBuilder(runner)
      .divided(rows, rows * width * SOFTMAX_OPERATIONS, 1, (from, count) => ({
        description: { kind: 'softmax', rows: count, width, inputStride: width, outputStride: width },
        fields: {
          [SOFTMAX_ARGUMENTS.input]: operandAt(0, from * width * 4),
          [SOFTMAX_ARGUMENTS.output]: operandAt(1, from * width * 4),
        },
      }))
      .plan(),
  );
  if (program === null) return null;
  const output = runner.output(shape);
  runner.run(program, [logits, output]);
  return output;
}

function normalize(
  runner: KernelRunner,
  factors: { bytes: CallBytes | null },
  { inputs, attrs }: KernelInputs,
): TensorInfo | null {
  const { mean, variance, offset, scale } = inputs;
  const x = inputs.x!;
  if (!areFloats(x, mean, variance, offset, scale) || x.shape.length === 0) return null;
  const channels = x.shape[x.shape.length - 1]!;
  for (const tensor of [mean, variance, offset, scale]) {
    if (tensor !== undefined && tensor !== null && elementCount(tensor.shape) !== channels) return null;
  }
  const rows = elementCount(x.shape) / channels;
  const program = runner.program(`batch-norm ${rows} ${channels}`, () =>
    new ProgramBuilder(runner)
      .divided(rows, rows * channels * SCALE_OPERATIONS, 1, (from, count) => ({
        description: {
          kind: 'channel-scale',
          rows: count,
          width: channels,
          inputStride: channels,
          outputStride: channels,
          activation: 'none',
        },
        fields: {
          [CHANNEL_SCALE_ARGUMENTS.input]: operandAt(0, from * channels * 4),
          [CHANNEL_SCALE_ARGUMENTS.output]: operandAt(1, from * channels * 4),
          [CHANNEL_SCALE_ARGUMENTS.scale]: operandAt(2),
          [CHANNEL_SCALE_ARGUMENTS.shift]: operandAt(2, channels * 4),
        },
      }))
      .plan(),
  );
  if (program === null) return null;
  if (factors.bytes === null || factors.bytes.byteLength < channels * 8) {
    if (factors.bytes !== null) runner.memory.release(factors.bytes);
    factors.bytes = runner.memory.allocate(channels * 8);
  }
  runner.bringHere([mean, variance, offset, scale]);
  const output = runner.output(x.shape);
  writeFactors(runner, factors.bytes, inputs, attrs.varianceEpsilon as number, channels);
  runner.run(program, [x, output, factors.bytes]);
  return output;
}

/** `scale / sqrt(variance + epsilon)` per channel, and what is added then. */
function writeFactors(
  runner: KernelRunner,
  target: CallBytes,
  inputs: KernelInputs['inputs'],
  epsilon: number,
  channels: number,
): void {
  const { buffer, byteOffset } = target.bytes();
  const factors = new Float32Array(buffer, byteOffset, 2 * channels);
  const [mean, variance] = [runner.floats(inputs.mean!), runner.floats(inputs.variance!)];
  const offset = inputs.offset ? runner.floats(inputs.offset) : null;
  const scale = inputs.scale ? runner.floats(inputs.scale) : null;
  for (let c = 0; c < channels; c++) {
    const factor = (scale === null ? 1 : scale[c]!) / Math.sqrt(variance[c]! + epsilon);
    factors[c] = factor;
    factors[channels + c] = (offset === null ? 0 : offset[c]!) - mean[c]! * factor;
  }
}
