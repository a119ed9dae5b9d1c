import { InvalidArgumentError, type PointwiseFunction, type WindowSpec } from '@qedge/core';
import type { ImportedValue } from './imported-value.ts';
import type { ImportOperator, NodeContext } from './node-context.ts';
import { reshape, toChannelsLast, transpose } from './structure.ts';
import {
  explicitPadding,
  imagesBack,
  imagesOf,
  type Pair,
  spatialPair,
  splitPadding,
  type WindowSteps,
  windowExtent,
  windowPadding,
  windowSteps,
} from './window.ts';

/** Weights `[outputs, inputs, taps...]` as `[height, width, inputs, outputs]`. */
function channelsLastWeights(context: NodeContext, weights: ImportedValue): ImportedValue {
  const { shape } = weights;
  const images =
    shape.length === 4 ? weights : reshape(context, weights, [shape[0]!, shape[1]!, 1, shape[2]!]);
  return transpose(context, images, [2, 3, 1, 0]);
}

/** Groups of a convolution, checked against what they divide. */
function groupsOf(context: NodeContext, divided: readonly number[]): number {
  const groups = context.integer('group', 1);
  if (groups >= 1 && divided.every((each) => each % groups === 0)) return groups;
  throw new InvalidArgumentError('The groups do not divide the channels', {
    expected: `a divisor of ${divided.join(' and ')}`,
    actual: groups,
  });
}

/** A convolution of channels-last images with ONNX's weights, and its output channels-last. */
export function convolve(
  context: NodeContext,
  images: ImportedValue,
  weights: ImportedValue,
  bias: ImportedValue | null,
  activation: PointwiseFunction | null,
): ImportedValue {
  const rank = weights.shape.length;
  const size: Pair = rank === 3 ? [1, weights.shape[2]!] : [weights.shape[2]!, weights.shape[3]!];
  const steps = windowSteps(context, size, rank);
  const [height, width, channels] = images.shape.slice(1) as [number, number, number];
  const padding = windowPadding(context, [height, width], steps, rank);
  const groups = groupsOf(context, [channels, weights.shape[0]!]);
  const window: WindowSpec = { ...steps, padding };
  const inputs = [images, channelsLastWeights(context, weights)];
  return context.emit(
    { kind: 'convolution', window, groups, activation },
    bias === null ? inputs : [...inputs, bias],
  );
}

function checkRanks(context: NodeContext): void {
  const [x, weights] = [context.input(0), context.input(1)];
  context.refuse(
    weights.shape.length !== 3 && weights.shape.length !== 4,
    `${weights.shape.length - 2} spatial axes`,
  );
  if (x.shape.length === weights.shape.length) return;
  throw new InvalidArgumentError('Images and weights have different numbers of axes', {
    expected: weights.shape.length,
    actual: x.shape.length,
  });
}

const convolution: ImportOperator = (context) => {
  checkRanks(context);
  const [x, weights] = [context.input(0), context.input(1)];
  const y = convolve(context, imagesOf(context, x), weights, context.optional(2), null);
  return imagesBack(context, y, x.shape.length);
};

/** ONNX Runtime's convolution with an activation and a residual, `activation(conv(x) + z)`. */
const fusedConvolution: ImportOperator = (context) => {
  checkRanks(context);
  const [x, weights, bias, residual] = [
    context.input(0),
    context.input(1),
    context.optional(2),
    context.optional(3),
  ];
  const activation = fusedActivation(context);
  if (residual === null) {
    const y = convolve(context, imagesOf(context, x), weights, bias, activation);
    return imagesBack(context, y, x.shape.length);
  }
  const y = convolve(context, imagesOf(context, x), weights, bias, null);
  const z = x.shape.length === 4 ? toChannelsLast(context, residual) : imagesOf(context, residual);
  const sum = { operation: 'add', a: { input: 0 }, b: { input: 1 } } as const;
  const expression = activation === null ? sum : { apply: activation, to: sum };
  return imagesBack(context, context.emit({ kind: 'pointwise', expression }, [y, z]), x.shape.length);
};

/** The attribute `activation` with its numbers. */
function fusedActivation(context: NodeContext): PointwiseFunction | null {
  const name = context.text('activation', '');
  const [first = 0, second = 0] = context.floats('activation_params') ?? [];
  const known: Readonly<Record<string, PointwiseFunction>> = {
    Relu: { kind: 'relu' },
    Tanh: { kind: 'tanh' },
    Sigmoid: { kind: 'sigmoid' },
    HardSwish: { kind: 'hard-swish' },
    LeakyRelu: { kind: 'leaky-relu', alpha: first },
    Clip: { kind: 'clip', low: first, high: second },
    HardSigmoid: { kind: 'hard-sigmoid', alpha: first, beta: second },
  };
  const activation = Object.hasOwn(known, name) ? known[name]! : null;
  context.refuse(activation === null && name !== '', `the activation ${name}`);
  return activation;
}

const transposedConvolution: ImportOperator = (context) => {
  checkRanks(context);
  const [x, weights, bias] = [context.input(0), context.input(1), context.optional(2)];
  const rank = x.shape.length;
  const images = imagesOf(context, x);
  const size: Pair = rank === 3 ? [1, weights.shape[2]!] : [weights.shape[2]!, weights.shape[3]!];
  const steps = windowSteps(context, size, rank);
  const groups = groupsOf(context, [weights.shape[0]!]);
  const { padding, outputPadding } = transposedPadding(
    context,
    images.shape.slice(1, 3) as [number, number],
    steps,
    rank,
  );
  const inputs = [images, channelsLastWeights(context, weights)];
  const y = context.emit(
    {
      kind: 'transposed-convolution',
      window: { ...steps, padding },
      groups,
      outputPadding,
      activation: null,
    },
    bias === null ? inputs : [...inputs, bias],
  );
  return imagesBack(context, y, rank);
};

/** Padding of a transposed convolution: given, or what `output_shape` or `auto_pad` ask for. */
function transposedPadding(context: NodeContext, input: Pair, steps: WindowSteps, rank: number) {
  const auto = context.text('auto_pad', 'NOTSET');
  const extra = spatialPair(context, 'output_padding', rank, 0);
  const shape = context.integers('output_shape') ?? [];
  const wanted = shape.length === 0 ? null : rank === 3 ? [1, shape.at(-1)!] : shape.slice(-2);
  if (wanted === null && (auto === 'NOTSET' || auto === ''))
    return { padding: explicitPadding(context, rank), outputPadding: extra };
  if (wanted === null && auto === 'VALID') return { padding: [0, 0, 0, 0] as const, outputPadding: extra };
  const sides = ([0, 1] as const).map((axis) => {
    const full = (input[axis] - 1) * steps.strides[axis] + windowExtent(steps, axis) + extra[axis];
    const total = full - (wanted?.[axis] ?? input[axis] * steps.strides[axis]);
    const [before, after] = splitPadding(
      auto === 'SAME_UPPER' ? 'SAME_UPPER' : 'SAME_LOWER',
      Math.max(0, total),
    );
    // As in ONNX Runtime, only a given shape may be larger than what the windows reach.
    const beyond = wanted === null ? 0 : Math.max(0, -total);
    return { before, after, beyond: extra[axis] + beyond };
  });
  const [rows, columns] = [sides[0]!, sides[1]!];
  return {
    padding: [rows.before, columns.before, rows.after, columns.after] as const,
    outputPadding: [rows.beyond, columns.beyond] as const,
  };
}

/** Convolutions. */
export const CONVOLUTION_OPERATORS: Readonly<Record<string, ImportOperator>> = {
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  'com.microsoft.FusedConv': fusedConvolution,
};
