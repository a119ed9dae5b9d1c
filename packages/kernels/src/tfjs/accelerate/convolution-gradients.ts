import {
  convolutionWeightBytes,
  IMAGE_TO_COLUMNS_ARGUMENTS,
  packConvolutionWeights,
  planConvolution,
} from '@qedge/codegen';
import { worthwhileThreads } from '../../engine/binding.ts';
import { divide } from '../../engine/split-work.ts';
import type { KernelMaker } from './accelerated-kernel.ts';
import { convolutionRequest } from './convolution.ts';
import type { KernelRunner } from './kernel-runner.ts';
import type { OperandField, ProgramPart, ProgramPlan } from './program.ts';
import { ProgramBuilder, placeMatrix } from './program-builder.ts';
import { operandAt } from './scratch-layout.ts';
import { addWindowKernel, imageElements, isPointwiseWindow, type WindowCall } from './window-call.ts';
import { addSums, makeWindowGradients, spreadPixels, turnWindow } from './window-gradients.ts';

/** `Conv2DBackpropInput` and `Conv2DBackpropFilter`, which the stock backend lacks. */
export const makeConvolutionGradients: KernelMaker = (runner, tf) =>
  makeWindowGradients(runner, tf, {
    operation: 'Conv2D',
    isDepthwise: false,
    trials: [
      { x: [2, 7, 6, 3], filter: [3, 3, 3, 17], dy: [2, 7, 6, 17], strides: [1, 1], pad: 'same' },
      { x: [3, 8, 9, 4], filter: [3, 2, 4, 5], dy: [3, 3, 4, 5], strides: [2, 2], pad: 'valid' },
      { x: [2, 5, 4, 6], filter: [1, 1, 6, 9], dy: [2, 5, 4, 9], strides: [1, 1], pad: 'valid' },
    ],
    planInput: planInputGradient,
    planFilter: planFilterGradient,
  });

/**
 * The gradient with respect to the input is a convolution of the output's gradient, its pixels as far apart as the window's steps and
 * zeros between them, with the window turned by 180 degrees and input and output channels exchanged.
 */
function planInputGradient(runner: KernelRunner, call: WindowCall): ProgramPlan | null {
  const { batch, input, window, output } = call;
  const builder = new ProgramBuilder(runner);
  if (isPointwiseWindow(window)) {
    const [m, n, k] = [batch * input.height * input.width, input.channels, output.channels];
    const [a, b, c] = [
      placeMatrix(operandAt(0), m, k),
      placeMatrix(operandAt(1), k, n, true),
      placeMatrix(operandAt(2), m, n),
    ];
    return builder.product({ batch: 1, m, n, k, a, b, c }).plan();
  }
  const turned = turnWindow(call);
  if (turned === null) return null;
  const from = spreadPixels(builder, call, operandAt(0), operandAt(3));
  const { traits } = runner.host;
  const description = planConvolution(convolutionRequest(turned, 'none', false), traits);
  const operands = { input: from, weights: operandAt(1), output: operandAt(2) };
  addWindowKernel(builder, description, operands, turned);
  return builder.plan({
    key: `turned convolution ${window.height} ${window.width} ${description.blocking.tileVectors}`,
    byteLength: convolutionWeightBytes(description, traits.lanes),
    pack: (weights, _bias, target) =>
      packConvolutionWeights(description, traits.lanes, turnWeights(weights, call), null, target),
  });
}

/** `[height, width, input, output]` turned by 180 degrees, as `[height, width, output, input]`. */
function turnWeights(weights: Float32Array, { input, window, output }: WindowCall): Float32Array {
  const [inputs, outputs, taps] = [input.channels, output.channels, window.height * window.width];
  const turned = new Float32Array(weights.length);
  for (let tap = 0; tap < taps; tap++) {
    const [from, to] = [tap * inputs * outputs, (taps - 1 - tap) * inputs * outputs];
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < outputs; o++) turned[to + o * inputs + i] = weights[from + i * outputs + o]!;
    }
  }
  return turned;
}

/** A copied part of the windows stays in the second-level cache until it has been multiplied. */
const COLUMNS_BYTES = 384 * 1024;

/**
 * The gradient with respect to the weights is the product of the transposed windows of the input with the output's gradient. Each
 * thread takes whole images and adds up a gradient of its own; these are added in the order of the threads.
 */
function planFilterGradient(runner: KernelRunner, call: WindowCall): ProgramPlan {
  const { batch, input, window, output } = call;
  const builder = new ProgramBuilder(runner);
  const pixels = output.height * output.width;
  const [m, n] = [window.height * window.width * input.channels, output.channels];
  if (isPointwiseWindow(window)) {
    const k = batch * pixels;
    const [a, b, c] = [
      placeMatrix(operandAt(0), m, k, true),
      placeMatrix(operandAt(1), k, n),
      placeMatrix(operandAt(2), m, n),
    ];
    return builder.product({ batch: 1, m, n, k, a, b, c }).plan();
  }
  const threads = worthwhileThreads(builder, 2 * batch * pixels * m * n);
  const chunkImages = Math.max(1, Math.floor(COLUMNS_BYTES / (pixels * m * 4)));
  const workers = divide(batch, threads).map(({ from, count }, thread) => ({
    thread,
    from,
    count,
    columns: builder.scratch.take(Math.min(chunkImages, count) * pixels * m * 4),
    sum: thread === 0 ? operandAt(2) : builder.scratch.take(m * n * 4),
  }));
  const most = Math.max(...workers.map(({ count }) => count));
  for (let done = 0; done < most; done += chunkImages) {
    const active = workers.filter(({ count }) => count > done);
    const chunks = active.map((worker) => ({
      ...worker,
      from: worker.from + done,
      count: Math.min(chunkImages, worker.count - done),
      isFirst: done === 0,
    }));
    builder.add(...chunks.map((chunk) => copyColumns(call, chunk)));
    builder.add(...chunks.flatMap((chunk) => multiplyColumns(builder, call, chunk)));
  }
  for (const { sum } of workers.slice(1)) addSums(builder, m * n, sum);
  return builder.plan();
}

interface GradientChunk {
  readonly thread: number;
  readonly from: number;
  readonly count: number;
  readonly columns: OperandField;
  readonly sum: OperandField;
  readonly isFirst: boolean;
}

function copyColumns({ input, window }: WindowCall, { from, count, columns }: GradientChunk): ProgramPart {
  return {
    description: { kind: 'image-to-columns', batch: count, input, window },
    fields: {
      [IMAGE_TO_COLUMNS_ARGUMENTS.input]: operandAt(0, from * imageElements(input) * 4),
      [IMAGE_TO_COLUMNS_ARGUMENTS.output]: columns,
    },
  };
}

function multiplyColumns(
  builder: ProgramBuilder,
  { input, window, output }: WindowCall,
  { thread, from, count, columns, sum, isFirst }: GradientChunk,
): ProgramPart[] {
  const [m, n] = [window.height * window.width * input.channels, output.channels];
  const k = count * output.height * output.width;
  const product = {
    batch: 1,
    m,
    n,
    k,
    a: placeMatrix(columns, m, k, true),
    b: placeMatrix(operandAt(1, from * imageElements(output) * 4), k, n),
    c: placeMatrix(sum, m, n),
    beta: isFirst ? 'zero' : 'one',
  } as const;
  return builder.productParts(product, 1, thread);
}
