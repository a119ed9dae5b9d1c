import { InvalidArgumentError, type WindowSpec } from '@qedge/core';
import { MAX_FOLDED_ELEMENTS } from './constant.ts';
import { type ImportedValue, knownValue } from './imported-value.ts';
import type { ImportOperator, NodeContext } from './node-context.ts';
import { asFloat, at, combine, pointwise } from './pointwise.ts';
import {
  imagesBack,
  imagesOf,
  type Pair,
  spatialPair,
  type WindowSteps,
  windowExtent,
  windowPadding,
  windowSteps,
} from './window.ts';

/** A window with the padding that the file declares and, below and right, what rounding up adds to it. */
interface PoolingWindow {
  readonly window: WindowSpec;
  readonly declared: WindowSpec['padding'];
  readonly output: Pair;
}

function poolingWindow(context: NodeContext, input: Pair, rank: number): PoolingWindow {
  if ((context.integers('kernel_shape') ?? []).length === 0)
    throw new InvalidArgumentError('A pooling lacks kernel_shape', {});
  const steps = windowSteps(context, spatialPair(context, 'kernel_shape', rank, 1), rank);
  const declared = windowPadding(context, input, steps, rank);
  const output = ([0, 1] as const).map((axis) => outputSize(context, axis, input, steps, declared)) as [
    number,
    number,
  ];
  const padding = [...declared] as [number, number, number, number];
  for (const axis of [0, 1] as const) {
    const needed = (output[axis] - 1) * steps.strides[axis] + windowExtent(steps, axis);
    padding[2 + axis] = Math.max(declared[2 + axis]!, needed - input[axis] - declared[axis]!);
  }
  return { window: { ...steps, padding }, declared, output };
}

/** Windows along an axis; when rounded up, the last one must begin inside the image or the padding before it. */
function outputSize(
  context: NodeContext,
  axis: 0 | 1,
  input: Pair,
  steps: WindowSteps,
  padding: WindowSpec['padding'],
): number {
  const room = input[axis] + padding[axis]! + padding[2 + axis]! - windowExtent(steps, axis);
  const stride = steps.strides[axis];
  if (context.integer('ceil_mode', 0) === 0) return Math.floor(room / stride) + 1;
  const count = Math.ceil(room / stride) + 1;
  return (count - 1) * stride >= input[axis] + padding[axis]! ? count - 1 : count;
}

const maximumPooling: ImportOperator = (context) => {
  context.refuse(context.wants(1), 'the output Indices');
  const x = context.input(0);
  // Codes of 8 bits keep their order as floats.
  const images = imagesOf(context, asFloat(context, x));
  const { window } = poolingWindow(context, images.shape.slice(1, 3) as [number, number], x.shape.length);
  return imagesBack(
    context,
    context.emit({ kind: 'pooling', operation: 'max', window }, [images], x.type),
    x.shape.length,
  );
};

const averagePooling: ImportOperator = (context) => {
  const x = context.input(0);
  const images = imagesOf(context, x);
  const input = images.shape.slice(1, 3) as [number, number];
  const pooling = poolingWindow(context, input, x.shape.length);
  const { window } = pooling;
  const padded = context.integer('count_include_pad', 0) !== 0;
  const operation = padded ? 'average-with-padding' : 'average';
  const y = context.emit({ kind: 'pooling', operation, window }, [images]);
  const counted = padded ? scaleToDeclared(context, y, input, pooling) : y;
  return imagesBack(context, counted, x.shape.length);
};

/** Windows that rounding up made reach beyond the declared padding divide by the cells inside of it. */
function scaleToDeclared(
  context: NodeContext,
  y: ImportedValue,
  input: Pair,
  { window, declared, output }: PoolingWindow,
): ImportedValue {
  if (window.padding.every((cells, side) => cells === declared[side])) return y;
  context.refuse(Math.max(...output) > MAX_FOLDED_ELEMENTS, 'so many windows that are rounded up');
  const factors = ([0, 1] as const).map((axis) => {
    const end = input[axis] + declared[axis]! + declared[2 + axis]!;
    const [taps, stride, dilation] = [window.size[axis], window.strides[axis], window.dilations[axis]];
    return Array.from({ length: output[axis] }, (_, index) => {
      return taps / Math.max(1, Math.min(taps, Math.ceil((end - index * stride) / dilation)));
    });
  }) as [number[], number[]];
  if (factors.every((axis) => axis.every((factor) => factor === 1))) return y;
  const numbers = factors[0].flatMap((row) => factors[1].map((column) => row * column));
  const scale = knownValue('float32', [1, output[0], output[1], 1], numbers);
  return pointwise(context, combine(at(0), 'multiply', at(1)), [y, scale], y.type);
}

function globalPooling(operation: 'mean' | 'maximum'): ImportOperator {
  return (context) => {
    const x = context.input(0);
    context.refuse(x.shape.length < 3, 'no spatial axis');
    const axes = x.shape.map((_, axis) => axis).slice(2);
    return context.emit({ kind: 'reduction', operation, axes, keepAxes: true }, [x]);
  };
}

/** Poolings. */
export const POOLING_OPERATORS: Readonly<Record<string, ImportOperator>> = {
  MaxPool: maximumPooling,
  AveragePool: averagePooling,
  GlobalAveragePool: globalPooling('mean'),
  GlobalMaxPool: globalPooling('maximum'),
};
