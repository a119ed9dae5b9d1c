import type { OperatorOf } from '@qedge/core';
import { checkDtype, checkRank, checkShape, takeInputs } from './input-checks.ts';
import type { OperatorDefinition, ValueData } from './operator-definition.ts';
import { scalarFunction, storeActivated } from './pointwise-function.ts';
import { newFloats } from './value-data.ts';
import { checkGroups, checkWindow, windowOutput } from './window.ts';

/** Convolutions of images, grouped and depthwise ones included. */
export const convolution: OperatorDefinition<'convolution'> = {
  kind: 'convolution',

  infer({ window, groups, activation }, inputs) {
    const [images, weights, bias, residual] = takeInputs(inputs, ['images', 'weights'], ['bias', 'residual']);
    for (const each of [images!, weights!, bias!, residual!]) {
      checkDtype(each, 'operands of a convolution', 'float32');
    }
    checkRank(images!, 'images', 4);
    checkRank(weights!, 'weights of a convolution', 4);
    checkWindow(window);
    const [batch, height, width, channels] = images!.shape as [number, number, number, number];
    const outputs = weights!.shape[3]!;
    checkGroups(groups, channels, outputs);
    checkShape(weights!, 'weights of a convolution', [...window.size, channels / groups, outputs]);
    checkShape(bias!, 'numbers of the bias', [outputs]);
    const shape = [batch, ...windowOutput(height, width, window), outputs];
    checkShape(residual!, 'numbers of the residual', shape);
    if (activation !== null) scalarFunction(activation);
    return [{ dtype: 'float32', shape }];
  },

  evaluate(operator, inputs) {
    const [images, weights, bias, residual] = takeInputs(inputs, ['images', 'weights'], ['bias', 'residual']);
    const [batch, height, width] = images!.shape as [number, number, number, number];
    const outputs = weights!.shape[3]!;
    const [rows, columns] = windowOutput(height, width, operator.window);
    const { value, data: target } = newFloats([batch, rows, columns, outputs]);
    const sums = new Float64Array(outputs);
    let at = 0;
    for (let image = 0; image < batch; image++) {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < columns; column++, at += outputs) {
          sums.fill(0);
          if (bias) sums.set(bias.data);
          addWindow(operator, images!, weights!, [image, row, column], sums);
          if (residual) for (let i = 0; i < outputs; i++) sums[i]! += residual.data[at + i]!;
          storeActivated(sums, operator.activation, target, at);
        }
      }
    }
    return [value];
  },
};

/** Adds the products of one window to `sums`, one sum per output channel. */
function addWindow(
  { window, groups }: OperatorOf<'convolution'>,
  images: ValueData,
  weights: ValueData,
  [image, row, column]: readonly [number, number, number],
  sums: Float64Array,
): void {
  const [, height, width, channels] = images.shape as [number, number, number, number];
  const add = groups === channels && sums.length === channels ? addDepthwiseTap : addTap;
  for (let tapRow = 0; tapRow < window.size[0]; tapRow++) {
    const y = row * window.strides[0] + tapRow * window.dilations[0] - window.padding[0];
    if (y < 0 || y >= height) continue;
    for (let tapColumn = 0; tapColumn < window.size[1]; tapColumn++) {
      const x = column * window.strides[1] + tapColumn * window.dilations[1] - window.padding[1];
      if (x < 0 || x >= width) continue;
      const tap = (tapRow * window.size[1] + tapColumn) * (channels / groups) * sums.length;
      const pixel = ((image * height + y) * width + x) * channels;
      add(images.data, pixel, weights.data, tap, sums, channels, groups);
    }
  }
}

type Elements = ValueData['data'];

function addTap(
  pixels: Elements,
  pixel: number,
  weights: Elements,
  tap: number,
  sums: Float64Array,
  channels: number,
  groups: number,
): void {
  const outputs = sums.length;
  const [depth, width] = [channels / groups, outputs / groups];
  for (let group = 0; group < groups; group++) {
    const [first, end] = [group * width, (group + 1) * width];
    for (let channel = 0; channel < depth; channel++) {
      const factor = pixels[pixel + group * depth + channel]!;
      const at = tap + channel * outputs;
      for (let i = first; i < end; i++) sums[i]! += factor * weights[at + i]!;
    }
  }
}

function addDepthwiseTap(
  pixels: Elements,
  pixel: number,
  weights: Elements,
  tap: number,
  sums: Float64Array,
): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += pixels[pixel + i]! * weights[tap + i]!;
}
