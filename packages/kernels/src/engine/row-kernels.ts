import {
  ACTIVATION_ARGUMENT_COUNT,
  ACTIVATION_ARGUMENTS,
  type Activation,
  CHANNEL_SCALE_ARGUMENT_COUNT,
  CHANNEL_SCALE_ARGUMENTS,
  ROW_NORMALIZATION_ARGUMENT_COUNT,
  ROW_NORMALIZATION_ARGUMENTS,
  type RowNormalizationDescription,
  SOFTMAX_ARGUMENT_COUNT,
  SOFTMAX_ARGUMENTS,
} from '@qedge/codegen';
import { InvalidArgumentError } from '@qedge/core';
import {
  type BindingContext,
  type BlockFields,
  blockFields,
  type KernelPart,
  type KernelSteps,
  worthwhileThreads,
} from './binding.ts';
import { bytesOf, requireDisjoint, requireSize, requireVector } from './operands.ts';
import { divide, type Section } from './split-work.ts';

/** Operations per element of what evaluates an exponential or a square root; a rough figure. */
const OPERATIONS_PER_ELEMENT = 30;

/** Elements of a vector of the widest target: parts of an array start at one. */
const VECTOR_ELEMENTS = 16;

/** A float32 matrix `[rows, width]`, row-major, and where its results go. */
export interface RowOptions {
  readonly rows: number;
  readonly width: number;
  readonly input: Float32Array;
  /** Default: the input itself. */
  readonly output?: Float32Array;
}

/** `output[i] = activation(input[i])`. */
export interface ActivationOptions {
  readonly activation: Activation;
  readonly input: Float32Array;
  /** As long as the input; default: the input itself. */
  readonly output?: Float32Array;
}

/** Each row gets mean 0 and deviation 1: `activation((x - mean) / deviation [* gamma + beta])`. */
export interface NormalizeOptions extends RowOptions {
  /** `sqrt(variance + epsilon)` (layer normalisation, default) or `sqrt(variance) + epsilon` (standardisation of samples). */
  readonly deviation?: RowNormalizationDescription['deviation'];
  /** Default 1e-5. */
  readonly epsilon?: number;
  /** `[width]`; needs beta. */
  readonly gamma?: Float32Array;
  /** `[width]`; needs gamma. */
  readonly beta?: Float32Array;
  /** Default `none`. */
  readonly activation?: Activation;
}

/** `activation(x[row, c] * scale[c] + shift[c])`, which every batch normalisation can be written as. */
export interface ScaleChannelsOptions extends RowOptions {
  /** `[width]`. */
  readonly scale: Float32Array;
  /** `[width]`. */
  readonly shift: Float32Array;
  /** Default `none`. */
  readonly activation?: Activation;
}

/** Checks an activation and plans its kernels. @throws as `KernelWorkspace.activation`. */
export function activationSteps(
  context: BindingContext,
  { activation, input, output = input }: ActivationOptions,
): KernelSteps {
  const { arena } = context;
  const from = requireVector(arena, 'input', 'Float32Array', input, input.length);
  const to = requireVector(arena, 'output', 'Float32Array', output, input.length);
  requireSameOrDisjoint(input, output);
  if (input.length === 0) return [];
  const threads = worthwhileThreads(context, input.length * OPERATIONS_PER_ELEMENT);
  const parts = divide(input.length, threads, VECTOR_ELEMENTS).map(
    ({ from: first, count: length }): KernelPart => ({
      description: { kind: 'activation', activation, length },
      fields: blockFields(ACTIVATION_ARGUMENT_COUNT, {
        [ACTIVATION_ARGUMENTS.input]: from + first * 4,
        [ACTIVATION_ARGUMENTS.output]: to + first * 4,
      }),
    }),
  );
  return [parts];
}

/** Checks a softmax and plans its kernels. @throws as `KernelWorkspace.softmax`. */
export function softmaxSteps(context: BindingContext, options: RowOptions): KernelSteps {
  return rowSteps(context, options, (layout, addresses) => ({
    description: { kind: 'softmax', ...layout },
    fields: blockFields(SOFTMAX_ARGUMENT_COUNT, {
      [SOFTMAX_ARGUMENTS.input]: addresses.input,
      [SOFTMAX_ARGUMENTS.output]: addresses.output,
    }),
  }));
}

/** Checks a normalisation of rows and plans its kernels. @throws as `KernelWorkspace.normalize`. */
export function normalizeSteps(context: BindingContext, options: NormalizeOptions): KernelSteps {
  const { deviation = 'root', epsilon = 1e-5, gamma, beta, activation = 'none' } = options;
  if ((gamma === undefined) !== (beta === undefined)) {
    throw new InvalidArgumentError('gamma and beta belong together', {
      expected: 'both or none',
      actual: gamma === undefined ? 'beta alone' : 'gamma alone',
    });
  }
  const parameters = channelAddresses(context, options, { gamma, beta });
  const affine = gamma !== undefined;
  return rowSteps(context, options, (layout, addresses) => ({
    description: { kind: 'row-normalization', ...layout, deviation, epsilon, affine, activation },
    fields: blockFields(ROW_NORMALIZATION_ARGUMENT_COUNT, {
      [ROW_NORMALIZATION_ARGUMENTS.input]: addresses.input,
      [ROW_NORMALIZATION_ARGUMENTS.output]: addresses.output,
      [ROW_NORMALIZATION_ARGUMENTS.gamma]: parameters.gamma,
      [ROW_NORMALIZATION_ARGUMENTS.beta]: parameters.beta,
    }),
  }));
}

/** Checks a scaling of channels and plans its kernels. @throws as `KernelWorkspace.scaleChannels`. */
export function scaleChannelsSteps(context: BindingContext, options: ScaleChannelsOptions): KernelSteps {
  const { scale, shift, activation = 'none' } = options;
  const parameters = channelAddresses(context, options, { scale, shift });
  return rowSteps(context, options, (layout, addresses) => ({
    description: { kind: 'channel-scale', ...layout, activation },
    fields: blockFields(CHANNEL_SCALE_ARGUMENT_COUNT, {
      [CHANNEL_SCALE_ARGUMENTS.input]: addresses.input,
      [CHANNEL_SCALE_ARGUMENTS.output]: addresses.output,
      [CHANNEL_SCALE_ARGUMENTS.scale]: parameters.scale,
      [CHANNEL_SCALE_ARGUMENTS.shift]: parameters.shift,
    }),
  }));
}

interface PartLayout {
  readonly rows: number;
  readonly width: number;
  readonly inputStride: number;
  readonly outputStride: number;
}

/** One kernel for each section of the rows. */
function rowSteps(
  context: BindingContext,
  { rows, width, input, output = input }: RowOptions,
  part: (
    layout: PartLayout,
    addresses: { readonly input: number; readonly output: number },
  ) => { readonly description: KernelPart['description']; readonly fields: BlockFields },
): KernelSteps {
  requireSize('rows', rows);
  requireSize('width', width, 1);
  const from = requireVector(context.arena, 'input', 'Float32Array', input, rows * width);
  const to = requireVector(context.arena, 'output', 'Float32Array', output, rows * width);
  requireSameOrDisjoint(input, output);
  if (rows === 0) return [];
  const threads = worthwhileThreads(context, rows * width * OPERATIONS_PER_ELEMENT);
  const parts = divide(rows, threads).map(({ from: first, count }: Section) => {
    const layout = { rows: count, width, inputStride: width, outputStride: width };
    return part(layout, { input: from + first * width * 4, output: to + first * width * 4 });
  });
  return [parts];
}

/** Addresses of parameters `[width]`; 0 for those that are not given. */
function channelAddresses<Name extends string>(
  { arena }: BindingContext,
  { width, output, input }: RowOptions,
  parameters: Readonly<Record<Name, Float32Array | undefined>>,
): Readonly<Record<Name, number>> {
  const entries = (Object.entries(parameters) as [Name, Float32Array | undefined][]).map(([name, values]) => {
    if (values === undefined) return [name, 0] as const;
    requireDisjoint(bytesOf('output', output ?? input), [bytesOf(name, values)]);
    return [name, requireVector(arena, name, 'Float32Array', values, width)] as const;
  });
  return Object.fromEntries(entries) as Record<Name, number>;
}

/** In place is right, half over each other is not. */
function requireSameOrDisjoint(input: Float32Array, output: Float32Array): void {
  if (input.byteOffset === output.byteOffset) return;
  requireDisjoint(bytesOf('output', output), [bytesOf('input', input)]);
}
