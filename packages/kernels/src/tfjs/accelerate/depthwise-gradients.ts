import {
  type ConvolutionDescription,
  DEPTHWISE_FILTER_GRADIENT_ARGUMENTS,
  type DepthwiseDescription,
  planConvolution,
  planDepthwise,
  STRIDED_COPY_ARGUMENTS,
} from '@qedge/codegen';
import { worthwhileThreads } from '../../engine/binding.ts';
import { divide } from '../../engine/split-work.ts';
import type { KernelMaker } from './accelerated-kernel.ts';
import { convolutionRequest, windowPacking } from './convolution.ts';
import type { KernelRunner } from './kernel-runner.ts';
import type { OperandField, ProgramPlan } from './program.ts';
import { ProgramBuilder } from './program-builder.ts';
import { offsetBy, operandAt } from './scratch-layout.ts';
import { addWindowKernel, imageElements, type WindowCall } from './window-call.ts';
import { addSums, makeWindowGradients, spreadPixels, turnWindow } from './window-gradients.ts';

/** The gradients of depthwise convolutions, which the stock backend lacks. */
export const makeDepthwiseGradients: KernelMaker = (runner, tf) =>
  makeWindowGradients(runner, tf, {
    operation: 'DepthwiseConv2dNative',
    isDepthwise: true,
    trials: [
      { x: [2, 7, 6, 5], filter: [3, 3, 5, 1], dy: [2, 7, 6, 5], strides: [1, 1], pad: 'same' },
      { x: [2, 8, 9, 18], filter: [3, 2, 18, 1], dy: [2, 3, 4, 18], strides: [2, 2], pad: 'valid' },
      { x: [1, 5, 6, 3], filter: [2, 2, 3, 2], dy: [1, 4, 5, 6], strides: [1, 1], pad: 'valid' },
    ],
    planInput: planInputGradient,
    planFilter: planFilterGradient,
  });

/** A depthwise convolution with the window turned by 180 degrees; with several outputs per channel, they are summed. */
function planInputGradient(runner: KernelRunner, call: WindowCall): ProgramPlan | null {
  const turned = turnWindow(call);
  if (turned === null) return null;
  const builder = new ProgramBuilder(runner);
  const { traits } = runner.host;
  const from = spreadPixels(builder, call, operandAt(0), operandAt(3));
  const { batch, input, window, output } = turned;
  const description: ConvolutionDescription | DepthwiseDescription =
    input.channels === output.channels
      ? planDepthwise(
          {
            batch,
            input,
            window,
            multiplier: 1,
            epilogue: { bias: false, activation: 'none', softmax: false },
            outputRows: { from: 0, count: output.height },
          },
          traits,
        )
      : planConvolution({ ...convolutionRequest(turned, 'none', false), groups: output.channels }, traits);
  addWindowKernel(builder, description, { input: from, weights: operandAt(1), output: operandAt(2) }, turned);
  const packing = windowPacking(description, traits.lanes);
  return builder.plan({
    ...packing,
    key: `turned ${packing.key}`,
    pack: (weights, _bias, target) => packing.pack(turnWeights(weights, call), null, target),
  });
}

/** `[height, width, channels, multiplier]` turned by 180 degrees, as `[height, width, multiplier, channels]`. */
function turnWeights(weights: Float32Array, { input, window, output }: WindowCall): Float32Array {
  const { channels } = input;
  const multiplier = output.channels / channels;
  const taps = window.height * window.width;
  const turned = new Float32Array(weights.length);
  for (let tap = 0; tap < taps; tap++) {
    const [from, to] = [tap * output.channels, (taps - 1 - tap) * output.channels];
    for (let c = 0; c < channels; c++) {
      for (let m = 0; m < multiplier; m++) {
        turned[to + m * channels + c] = weights[from + c * multiplier + m]!;
      }
    }
  }
  return turned;
}

/** Each thread adds up a gradient of whole images; these are added in the order of the threads. */
function planFilterGradient(runner: KernelRunner, call: WindowCall): ProgramPlan {
  const { batch, window, output } = call;
  const builder = new ProgramBuilder(runner);
  const taps = window.height * window.width;
  const length = taps * output.channels;
  const input = { ...call.input, channels: output.channels };
  const cells = repeatChannels(builder, call);
  const threads = worthwhileThreads(builder, 2 * batch * imageElements(output) * taps);
  const sections = divide(batch, threads);
  const sums = sections.map((_, i) => (i === 0 ? operandAt(2) : builder.scratch.take(length * 4)));
  builder.add(
    ...sections.map(({ from, count }, i) => ({
      description: { kind: 'depthwise-filter-gradient', batch: count, input, window } as const,
      fields: {
        [DEPTHWISE_FILTER_GRADIENT_ARGUMENTS.input]: offsetBy(cells, from * imageElements(input) * 4),
        [DEPTHWISE_FILTER_GRADIENT_ARGUMENTS.gradient]: operandAt(1, from * imageElements(output) * 4),
        [DEPTHWISE_FILTER_GRADIENT_ARGUMENTS.output]: sums[i]!,
      },
    })),
  );
  for (const sum of sums.slice(1)) addSums(builder, length, sum);
  return builder.plan();
}

/** With several outputs per channel, the input with each channel as often. */
function repeatChannels(builder: ProgramBuilder, { batch, input, output }: WindowCall): OperandField {
  const multiplier = output.channels / input.channels;
  if (multiplier === 1) return operandAt(0);
  const pixels = batch * input.height * input.width;
  const repeated = builder.scratch.take(pixels * output.channels * 4);
  const axes = [
    { size: pixels, inputStride: input.channels, outputStride: output.channels },
    { size: input.channels, inputStride: 1, outputStride: multiplier },
    { size: multiplier, inputStride: 0, outputStride: 1 },
  ].filter(({ size }) => size > 1);
  builder.kernel(
    { kind: 'strided-copy', elementBytes: 4, axes },
    { [STRIDED_COPY_ARGUMENTS.input]: operandAt(0), [STRIDED_COPY_ARGUMENTS.output]: repeated },
  );
  return repeated;
}
