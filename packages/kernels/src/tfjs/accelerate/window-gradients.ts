import { ELEMENTWISE_ARGUMENTS, STRIDED_COPY_ARGUMENTS } from '@qedge/codegen';
import type { TensorInfo } from '@tensorflow/tfjs';
import type { Tensorflow } from '../tfjs-device.ts';
import { type AcceleratedKernel, areFloats, type KernelInputs } from './accelerated-kernel.ts';
import { convolutionInfo } from './convolution.ts';
import type { KernelRunner } from './kernel-runner.ts';
import type { OperandField, ProgramPlan } from './program.ts';
import type { ProgramBuilder } from './program-builder.ts';
import { offsetBy, operandAt } from './scratch-layout.ts';
import { WeightCache } from './weight-cache.ts';
import { hasOutputShape, type WindowCall, windowCall, windowKey } from './window-call.ts';

/** How the gradients of a kind of convolution are computed. */
export interface WindowGradients {
  /** The name of its kernel; those of its gradients begin with it. */
  readonly operation: string;
  readonly isDepthwise: boolean;
  readonly trials: readonly GradientTrial[];
  /** Operands: the output's gradient, the filter (packed as the plan says), the result, a zero. Null where it is not served. */
  planInput(runner: KernelRunner, call: WindowCall): ProgramPlan | null;
  /** Operands: the input, the output's gradient, the result. */
  planFilter(runner: KernelRunner, call: WindowCall): ProgramPlan | null;
}

interface GradientTrial {
  readonly x: readonly number[];
  readonly filter: readonly number[];
  readonly dy: readonly number[];
  readonly strides: readonly number[];
  readonly pad: string;
}

/** The gradients with respect to input and filter, which tfjs has as kernels of their own. */
export function makeWindowGradients(
  runner: KernelRunner,
  tf: Tensorflow,
  gradients: WindowGradients,
): AcceleratedKernel[] {
  const { operation, trials } = gradients;
  const cache = new WeightCache(runner);
  const attributes = ({ strides, pad }: GradientTrial) => {
    return { strides, pad, dilations: [1, 1], dataFormat: 'NHWC' };
  };
  return [
    {
      name: `${operation}BackpropInput`,
      serve: (call) => inputGradient(runner, cache, tf, call, gradients),
      trials: trials.map((trial) => ({
        inputs: { dy: trial.dy, filter: trial.filter },
        attrs: { ...attributes(trial), inputShape: trial.x },
      })),
    },
    {
      name: `${operation}BackpropFilter`,
      serve: (call) => filterGradient(runner, tf, call, gradients),
      trials: trials.map((trial) => ({
        inputs: { x: trial.x, dy: trial.dy },
        attrs: { ...attributes(trial), filterShape: trial.filter },
      })),
    },
  ];
}

function inputGradient(
  runner: KernelRunner,
  cache: WeightCache,
  tf: Tensorflow,
  { inputs, attrs }: KernelInputs,
  { operation, isDepthwise, planInput }: WindowGradients,
): TensorInfo | null {
  const [dy, filter] = [inputs.dy!, inputs.filter!];
  const shape = attrs.inputShape as readonly number[];
  if (!areFloats(dy, filter) || shape.length !== 4 || shape.includes(0)) return null;
  const key = `${operation} input ${dy.shape} ${shape} ${filter.shape} ${windowKey(attrs)}`;
  const program = runner.program(key, () => {
    const call = windowCall(convolutionInfo(tf, shape, filter.shape, attrs, isDepthwise));
    return call === null || !hasOutputShape(call, dy.shape) ? null : planInput(runner, call);
  });
  if (program === null) return null;
  const weights = program.packing === null ? filter : cache.find(program.packing, filter, undefined);
  const { zero } = runner;
  const output = runner.output(shape);
  runner.run(program, [dy, weights, output, zero]);
  return output;
}

function filterGradient(
  runner: KernelRunner,
  tf: Tensorflow,
  { inputs, attrs }: KernelInputs,
  { operation, isDepthwise, planFilter }: WindowGradients,
): TensorInfo | null {
  const [x, dy] = [inputs.x!, inputs.dy!];
  const shape = attrs.filterShape as readonly number[];
  if (!areFloats(x, dy) || x.shape.length !== 4 || shape.includes(0)) return null;
  const key = `${operation} filter ${dy.shape} ${x.shape} ${shape} ${windowKey(attrs)}`;
  const program = runner.program(key, () => {
    const call = windowCall(convolutionInfo(tf, x.shape, shape, attrs, isDepthwise));
    return call === null || !hasOutputShape(call, dy.shape) ? null : planFilter(runner, call);
  });
  if (program === null) return null;
  const output = runner.output(shape);
  runner.run(program, [x, dy, output]);
  return output;
}

/** The convolution that computes the gradient of the input; null where the padding is larger than the window. */
export function turnWindow({ batch, input, window, output }: WindowCall): WindowCall | null {
  const { height, width, strideHeight, strideWidth, dilationHeight, dilationWidth, padding } = window;
  const spread = {
    height: (output.height - 1) * strideHeight + 1,
    width: (output.width - 1) * strideWidth + 1,
    channels: output.channels,
  };
  const [rows, columns] = [(height - 1) * dilationHeight, (width - 1) * dilationWidth];
  const top = rows - padding.top;
  const left = columns - padding.left;
  const bottom = input.height - spread.height - top + rows;
  const right = input.width - spread.width - left + columns;
  if (Math.min(top, left, bottom, right) < 0) return null;
  const turned = { ...window, strideHeight: 1, strideWidth: 1, padding: { top, left, bottom, right } };
  return { batch, input: spread, window: turned, output: input };
}

/** Copies the pixels of the output's gradient apart, with zeros between; nothing where the window moves by single pixels. */
export function spreadPixels(
  builder: ProgramBuilder,
  { batch, window, output }: WindowCall,
  gradient: OperandField,
  zero: OperandField,
): OperandField {
  const { strideHeight, strideWidth } = window;
  if (strideHeight === 1 && strideWidth === 1) return gradient;
  const { height, width, channels } = output;
  const rowWords = ((width - 1) * strideWidth + 1) * channels;
  const imageWords = ((height - 1) * strideHeight + 1) * rowWords;
  const spread = builder.scratch.take(batch * imageWords * 4);
  builder.kernel(
    {
      kind: 'strided-copy',
      elementBytes: 4,
      axes: [{ size: batch * imageWords, inputStride: 0, outputStride: 1 }],
    },
    { [STRIDED_COPY_ARGUMENTS.input]: zero, [STRIDED_COPY_ARGUMENTS.output]: spread },
  );
  const axes = [
    { size: batch, inputStride: height * width * channels, outputStride: imageWords },
    { size: height, inputStride: width * channels, outputStride: strideHeight * rowWords },
    { size: width, inputStride: channels, outputStride: strideWidth * channels },
    { size: channels, inputStride: 1, outputStride: 1 },
  ].filter(({ size }) => size > 1);
  builder.kernel(
    { kind: 'strided-copy', elementBytes: 4, axes },
    { [STRIDED_COPY_ARGUMENTS.input]: gradient, [STRIDED_COPY_ARGUMENTS.output]: spread },
  );
  return spread;
}

/** Adds another thread's sums to the result. */
export function addSums(builder: ProgramBuilder, length: number, sum: OperandField): void {
  builder.kernel(
    {
      kind: 'elementwise',
      operation: 'add',
      rows: 1,
      width: length,
      aStride: length,
      bStride: length,
      outputStride: length,
      activation: 'none',
    },
    {
      [ELEMENTWISE_ARGUMENTS.a]: operandAt(2),
      [ELEMENTWISE_ARGUMENTS.b]: offsetBy(sum, 0),
      [ELEMENTWISE_ARGUMENTS.output]: operandAt(2),
    },
  );
}
