import { elementCount, type PointwiseExpression, type Shape } from '@qedge/core';
import type { KernelSteps } from '../../engine/binding.ts';
import { copySteps, fillSteps, rowMajorStrides } from '../../engine/copy.ts';
import { gemmSteps } from '../../engine/gemm.ts';
import { inputOf, type Lowering } from './lowering.ts';
import { pointwiseSteps } from './pointwise.ts';

/**
 * A convolution whose weights are computed, too, as a product: the cells under every window become a row of a temporary matrix
 * `[pixels, groups, taps, channels / groups]`. Without bias, residual and activation.
 */
export function computedWeightsSteps(node: Lowering<'convolution'>): KernelSteps {
  const { context, operator, outputs } = node;
  const [weights, output] = [inputOf(node, 1), outputs[0]!];
  const { groups } = operator;
  const [kernelHeight, kernelWidth, channels, outputChannels] = weights.shape as FourSizes;
  const [k, n] = [kernelHeight * kernelWidth * channels, outputChannels / groups];
  const m = output.length / outputChannels;
  const columns = context.arena.temporaryArray(Float32Array, m * groups * k, 'cells under windows');
  return [
    ...gatherSteps(node, columns),
    ...gemmSteps(context, {
      ...{ m, n, k, batch: groups },
      a: { data: columns, rowStride: groups * k, batchStride: k },
      b: { data: weights.floats, rowStride: outputChannels, batchStride: n },
      c: { data: output.floats, rowStride: outputChannels, batchStride: n },
    }),
  ];
}

type FourSizes = readonly [number, number, number, number];

/** Copies the cells of the image that each tap of the window meets; those of the padding are 0. */
function gatherSteps(node: Lowering<'convolution'>, columns: Float32Array): KernelSteps {
  const { context, operator, outputs } = node;
  const { window, groups } = operator;
  const [images, [kernelHeight, kernelWidth, channels]] = [
    inputOf(node, 0),
    inputOf(node, 1).shape as FourSizes,
  ];
  const [batch, height, width] = images.shape as FourSizes;
  const [, rows, cols] = outputs[0]!.shape as FourSizes;
  const taps = kernelHeight * kernelWidth;
  const from = rowMajorStrides([batch, height, width, groups, channels]);
  const to = rowMajorStrides([batch, rows, cols, groups, taps, channels]);
  const copies: KernelSteps[] = [];
  for (let tap = 0; tap < taps; tap++) {
    const [y, x] = [Math.floor(tap / kernelWidth), tap % kernelWidth];
    const down = meeting(window.strides[0], y * window.dilations[0] - window.padding[0], height, rows);
    const across = meeting(window.strides[1], x * window.dilations[1] - window.padding[1], width, cols);
    if (down.count === 0 || across.count === 0) continue;
    const input = {
      data: images.floats,
      offset: down.cell * from[1]! + across.cell * from[2]!,
      strides: [from[0]!, window.strides[0] * from[1]!, window.strides[1] * from[2]!, from[3]!, 1],
    };
    const output = {
      data: columns,
      offset: down.first * to[1]! + across.first * to[2]! + tap * to[4]!,
      strides: [to[0]!, to[1]!, to[2]!, to[3]!, 1],
    };
    copies.push(
      copySteps(context, { sizes: [batch, down.count, across.count, groups, channels], input, output }),
    );
  }
  const isPadded = window.padding.some((cells) => cells > 0);
  const zeros = { sizes: [columns.length], output: { data: columns }, value: 0 };
  return [...(isPadded ? fillSteps(context, zeros) : []), ...copies.flat()];
}

/** The outputs along an axis whose tap lies inside of the image: the first, how many, and the cell of the first. */
function meeting(stride: number, offset: number, length: number, outputs: number) {
  const first = Math.max(0, Math.ceil(-offset / stride));
  const last = Math.min(outputs - 1, Math.floor((length - 1 - offset) / stride));
  return { first, count: Math.max(0, last - first + 1), cell: first * stride + offset };
}

/** Adds bias and residual in place, and applies the activation. */
export function finishingSteps(node: Lowering<'convolution'>): KernelSteps {
  const { context, operator, inputs, outputs } = node;
  const output = outputs[0]!;
  const place = { shape: output.shape, data: output.floats };
  const added = [inputs[2], inputs[3]].flatMap((value) => {
    return value
      ? [{ shape: value.shape, data: value.floats } satisfies { shape: Shape; data: Float32Array }]
      : [];
  });
  const sum = added.reduce<PointwiseExpression>(
    (a, _, index) => ({ operation: 'add', a, b: { input: index + 1 } }),
    { input: 0 },
  );
  const expression = operator.activation === null ? sum : { apply: operator.activation, to: sum };
  if ('input' in expression || elementCount(output.shape) === 0) return [];
  return pointwiseSteps(context, expression, [place, ...added], place);
}
