import {
  CONVOLUTION_ARGUMENTS,
  type ConvolutionDescription,
  type DepthwiseDescription,
  divideConvolution,
  divideRange,
  type ImageShape,
  type SlidingWindow,
  windowOutput,
} from '@qedge/codegen';
import { worthwhileThreads } from '../../engine/binding.ts';
import { divide } from '../../engine/split-work.ts';
import type { OperandField } from './program.ts';
import type { ProgramBuilder } from './program-builder.ts';
import { offsetBy } from './scratch-layout.ts';

/** What `backend_util.computeConv2DInfo` and `computePool2DInfo` tell about a window. */
export interface WindowInfo {
  readonly batchSize: number;
  readonly inHeight: number;
  readonly inWidth: number;
  readonly inChannels: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly outChannels: number;
  readonly outShape: readonly number[];
  readonly dataFormat: string;
  readonly strideHeight: number;
  readonly strideWidth: number;
  readonly dilationHeight: number;
  readonly dilationWidth: number;
  readonly filterHeight: number;
  readonly filterWidth: number;
  readonly padInfo: {
    readonly top: number;
    readonly left: number;
    readonly bottom: number;
    readonly right: number;
  };
}

/** A window on a batch of images, as kernels describe it. */
export interface WindowCall {
  readonly batch: number;
  readonly input: ImageShape;
  readonly window: SlidingWindow;
  readonly output: ImageShape;
}

/** Null for windows that kernels do not serve: channels first, rounded otherwise than down. */
export function windowCall(info: WindowInfo): WindowCall | null {
  if (info.dataFormat !== 'channelsLast') return null;
  const input = { height: info.inHeight, width: info.inWidth, channels: info.inChannels };
  const { top, left, bottom, right } = info.padInfo;
  const window = {
    height: info.filterHeight,
    width: info.filterWidth,
    strideHeight: info.strideHeight,
    strideWidth: info.strideWidth,
    dilationHeight: info.dilationHeight,
    dilationWidth: info.dilationWidth,
    padding: { top, left, bottom, right },
  };
  const output = { height: info.outHeight, width: info.outWidth, channels: info.outChannels };
  const { height, width } = windowOutput(input, window);
  if (height !== output.height || width !== output.width || height < 1 || width < 1) return null;
  return { batch: info.batchSize, input, window, output };
}

/** Whether a tensor of that shape is what the window gives. */
export function hasOutputShape({ batch, output }: WindowCall, shape: readonly number[]): boolean {
  const { height, width, channels } = output;
  return (
    shape.length === 4 &&
    shape[0] === batch &&
    shape[1] === height &&
    shape[2] === width &&
    shape[3] === channels
  );
}

/** The window that a kernel of tfjs describes in its attributes, as text. */
export function windowKey(attrs: Readonly<Record<string, unknown>>): string {
  const { strides, pad, dilations, filterSize, dataFormat, dimRoundingMode } = attrs;
  return `${String(strides)} ${String(pad)} ${String(dilations)} ${String(filterSize)} ${String(dataFormat)} ${String(dimRoundingMode)}`;
}

export function imageElements({ height, width, channels }: ImageShape): number {
  return height * width * channels;
}

/** True where every output reads the input at its own place and no other. */
export function isPointwiseWindow({ height, width, strideHeight, strideWidth, padding }: SlidingWindow) {
  const { top, left, bottom, right } = padding;
  return Math.max(height, width, strideHeight, strideWidth) === 1 && top + left + bottom + right === 0;
}

/** Where a windowed kernel finds its operands. */
export interface WindowOperands {
  readonly input: OperandField;
  readonly weights: OperandField;
  readonly output: OperandField;
}

/** Adds a windowed kernel as a step: whole images per thread where there are enough of them. */
export function addWindowKernel(
  builder: ProgramBuilder,
  whole: ConvolutionDescription | DepthwiseDescription,
  operands: WindowOperands,
  call: Pick<WindowCall, 'input' | 'output'>,
): void {
  const { height, width } = windowOutput(whole.input, whole.window);
  const depth = whole.kind === 'convolution' ? whole.input.channels / whole.groups : 1;
  const taps = whole.window.height * whole.window.width;
  const operations = 2 * whole.batch * height * width * call.output.channels * taps * depth;
  const threads = worthwhileThreads(builder, operations);
  const part = (description: ConvolutionDescription | DepthwiseDescription, image: number) => ({
    description,
    fields: {
      [CONVOLUTION_ARGUMENTS.input]: offsetBy(operands.input, image * imageElements(call.input) * 4),
      [CONVOLUTION_ARGUMENTS.weights]: operands.weights,
      [CONVOLUTION_ARGUMENTS.output]: offsetBy(operands.output, image * imageElements(call.output) * 4),
    },
  });
  if (threads === 1) builder.add(part(whole, 0));
  else if (whole.batch >= threads) {
    const sections = divide(whole.batch, threads);
    builder.add(...sections.map(({ from, count }) => part({ ...whole, batch: count }, from)));
  } else if (whole.kind === 'convolution') {
    const parts = divideConvolution(whole, threads, builder.host.traits.lanes);
    builder.add(...parts.map((description) => part(description, 0)));
  } else {
    const rows = divideRange(whole.outputRows, threads);
    builder.add(...rows.map((outputRows) => part({ ...whole, outputRows }, 0)));
  }
}
