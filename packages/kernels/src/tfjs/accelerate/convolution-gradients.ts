import {
  convolutionWeightBytes,
  ELEMENTWISE_ARGUMENTS,
  IMAGE_TO_COLUMNS_ARGUMENTS,
  packConvolutionWeights,
  planConvolution,
  STRIDED_COPY_ARGUMENTS,
} from '@qedge/codegen';
import type { TensorInfo } from '@tensorflow/tfjs';
import { worthwhileThreads } from '../../engine/binding.ts';
import { divide } from '../../engine/split-work.ts';
import type { Tensorflow } from '../tfjs-device.ts';
import { areFloats, type KernelInputs, type KernelMaker } from './accelerated-kernel.ts';
import { convolutionInfo, convolutionRequest } from './convolution.ts';
import type { KernelRunner } from './kernel-runner.ts';
import type { OperandField, ProgramPart, ProgramPlan } from './program.ts';
import { ProgramBuilder, placeMatrix } from './program-builder.ts';
import { offsetBy, operandAt } from './scratch-layout.ts';
import { WeightCache } from './weight-cache.ts';
import {
  addWindowKernel,
  imageElements,
  isPointwiseWindow,
  type WindowCall,
  windowCall,
  windowKey,
} from './window-call.ts';

/** `Conv2DBackpropInput` and `Conv2DBackpropFilter`, which the stock backend lacks. */
export const makeConvolutionGradients: KernelMaker = (runner, tf) => {
  const cache = new WeightCache(runner);
  return [
    {
      name: 'Conv2DBackpropInput',
      serve: (call) => inputGradient(runner, cache, tf, call),
      trials: GRADIENT_WINDOWS.map(({ x, filter, dy, strides, pad }) => ({
        inputs: { dy, filter },
        attrs: { strides, pad, dataFormat: 'NHWC', inputShape: x },
      })),
    },
    {
      name: 'Conv2DBackpropFilter',
      serve: (call) => filterGradient(runner, tf, call),
      trials: GRADIENT_WINDOWS.map(({ x, filter, dy, strides, pad }) => ({
        inputs: { x, dy },
        attrs: { strides, pad, dataFormat: 'NHWC', filterShape: filter },
      })),
    },
  ];
};

const GRADIENT_WINDOWS = [
  { x: [2, 7, 6, 3], filter: [3, 3, 3, 17], dy: [2, 7, 6, 17], strides: [1, 1], pad: 'same' },
  { x: [3, 8, 9, 4], filter: [3, 2, 4, 5], dy: [3, 3, 4, 5], strides: [2, 2], pad: 'valid' },
  { x: [2, 5, 4, 6], filter: [1, 1, 6, 9], dy: [2, 5, 4, 9], strides: [1, 1], pad: 'valid' },
];

function inputGradient(
  runner: KernelRunner,
  cache: WeightCache,
  tf: Tensorflow,
  { inputs, attrs }: KernelInputs,
): TensorInfo | null {
  const [dy, filter] = [inputs.dy!, inputs.filter!];
  const shape = attrs.inputShape as readonly number[];
  if (!areFloats(dy, filter) || shape.length !== 4 || shape.includes(0)) return null;
  const key = `convolution-input-gradient ${shape.join()} ${filter.shape.join()} ${windowKey(attrs)}`;
  const program = runner.program(key, () => {
    const call = windowCall(convolutionInfo(tf, shape, filter.shape, attrs, false));
    return call === null ? null : planInputGradient(runner, call);
  });
  if (program === null) return null;
  const weights = program.packing === null ? filter : cache.find(program.packing, filter, undefined);
  const zero = runner.zero;
  const output = runner.output(shape);
  runner.run(program, [dy, weights, output, zero]);
  return output;
}

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

function filterGradient(
  runner: KernelRunner,
  tf: Tensorflow,
  { inputs, attrs }: KernelInputs,
): TensorInfo | null {
  const [x, dy] = [inputs.x!, inputs.dy!];
  const shape = attrs.filterShape as readonly number[];
  if (!areFloats(x, dy) || x.shape.length !== 4 || shape.includes(0)) return null;
  const key = `convolution-filter-gradient ${x.shape.join()} ${shape.join()} ${windowKey(attrs)}`;
  const program = runner.program(key, () => {
    const call = windowCall(convolutionInfo(tf, x.shape, shape, attrs, false));
    return call === null ? null : planFilterGradient(runner, call);
  });
  if (program === null) return null;
  const output = runner.output(shape);
  runner.run(program, [x, dy, output]);
  return output;
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
