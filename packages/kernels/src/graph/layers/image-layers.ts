import type { WindowSpec } from '@qedge/core';
import { activationFunction, finishActivation } from './layer-activations.ts';
import {
  addNode,
  type LayerContext,
  type LayerImporter,
  refuseSetting,
  settingsOf,
  type TensorflowLayer,
  weightConstant,
  weightOf,
} from './layer-context.ts';

type Pair = readonly [number, number];

/** One number stands for both axes. */
function pair(value: unknown): Pair {
  const list = [value].flat().map(Number);
  return list.length === 1 ? [list[0]!, list[0]!] : [list[0]!, list[1]!];
}

/** @throws UnsupportedError for images with another order of axes. */
function checkChannelsLast(layer: TensorflowLayer): void {
  const { dataFormat } = settingsOf(layer);
  if (dataFormat === undefined || dataFormat === null || dataFormat === 'channelsLast') return;
  refuseSetting(layer, 'dataFormat', 'channelsLast', dataFormat);
}

/** Cells before and after an axis, as TensorFlow pads: the larger half after. */
function paddingOf(
  layer: TensorflowLayer,
  length: number,
  taps: number,
  stride: number,
  dilation: number,
): Pair {
  const { padding } = settingsOf(layer);
  const extent = (taps - 1) * dilation + 1;
  if (padding === 'valid') return [0, 0];
  if (padding !== 'same') refuseSetting(layer, 'padding', 'valid or same', padding);
  const total = Math.max(0, (Math.ceil(length / stride) - 1) * stride + extent - length);
  return [Math.floor(total / 2), Math.ceil(total / 2)];
}

/** The window of a layer over images of this height and width. */
function windowOf(
  layer: TensorflowLayer,
  [height, width]: Pair,
  size: Pair,
  strides: Pair,
  dilations: Pair,
): WindowSpec {
  const [top, bottom] = paddingOf(layer, height, size[0], strides[0], dilations[0]);
  const [left, right] = paddingOf(layer, width, size[1], strides[1], dilations[1]);
  return { size, strides, dilations, padding: [top, left, bottom, right] };
}

/** Height and width of a value. */
function imageSize(context: LayerContext, x: string): Pair {
  const [, height, width] = context.builder.spec(x).shape as [number, number, number, number];
  return [height, width];
}

function convolutionWindow(layer: TensorflowLayer, context: LayerContext, x: string): WindowSpec {
  const { kernelSize, strides, dilationRate } = settingsOf(layer);
  return windowOf(
    layer,
    imageSize(context, x),
    pair(kernelSize),
    pair(strides ?? 1),
    pair(dilationRate ?? 1),
  );
}

const convolution2d: LayerImporter = (layer, [x], context) => {
  checkChannelsLast(layer);
  const { activation, useBias } = settingsOf(layer);
  const window = convolutionWindow(layer, context, x);
  const operator = {
    kind: 'convolution',
    window,
    groups: 1,
    activation: activationFunction(activation),
  } as const;
  const bias = useBias ? weightConstant(context, layer, 1) : null;
  const y = addNode(context, layer, operator, [x, weightConstant(context, layer, 0), bias]);
  return finishActivation(context, y, activation, layer.name);
};

/** Weights `[height, width, channels, multiplier]` of a depthwise convolution in the order of a grouped one. */
function depthwiseWeights(context: LayerContext, layer: TensorflowLayer): string {
  return context.constant(layer, 'depthwise weights', () => {
    const { shape, data } = weightOf(layer, 0);
    const [height, width, channels, multiplier] = shape as [number, number, number, number];
    return { dtype: 'float32', shape: [height, width, 1, channels * multiplier], data };
  });
}

const depthwiseConvolution2d: LayerImporter = (layer, [x], context) => {
  checkChannelsLast(layer);
  const { activation, useBias } = settingsOf(layer);
  const window = convolutionWindow(layer, context, x);
  const groups = context.builder.spec(x).shape[3]!;
  const operator = {
    kind: 'convolution',
    window,
    groups,
    activation: activationFunction(activation),
  } as const;
  const bias = useBias ? weightConstant(context, layer, 1) : null;
  const y = addNode(context, layer, operator, [x, depthwiseWeights(context, layer), bias]);
  return finishActivation(context, y, activation, layer.name);
};

const separableConvolution2d: LayerImporter = (layer, [x], context) => {
  checkChannelsLast(layer);
  const { activation, useBias } = settingsOf(layer);
  const window = convolutionWindow(layer, context, x);
  const groups = context.builder.spec(x).shape[3]!;
  const [middle] = context.builder.add(
    { kind: 'convolution', window, groups, activation: null },
    [x, depthwiseWeights(context, layer)],
    { name: `${layer.name}/depthwise` },
  );
  const one = { size: [1, 1], strides: [1, 1], dilations: [1, 1], padding: [0, 0, 0, 0] } as const;
  const apply = activationFunction(activation);
  const operator = { kind: 'convolution', window: one, groups: 1, activation: apply } as const;
  const bias = useBias ? weightConstant(context, layer, 2) : null;
  const y = addNode(context, layer, operator, [middle, weightConstant(context, layer, 1), bias]);
  return finishActivation(context, y, activation, layer.name);
};

const transposedConvolution2d: LayerImporter = (layer, [x], context) => {
  checkChannelsLast(layer);
  const { activation, useBias, padding, kernelSize, strides, dilationRate } = settingsOf(layer);
  const [size, steps] = [pair(kernelSize), pair(strides)];
  const dilations = pair(dilationRate ?? 1);
  if (Math.max(...dilations) > 1) refuseSetting(layer, 'dilationRate', 1, dilationRate);
  if (padding !== 'same' && padding !== 'valid') refuseSetting(layer, 'padding', 'valid or same', padding);
  // Positive: taps beyond the next step, which "same" cuts off. Negative: cells that no tap reaches.
  const beyond = [size[0] - steps[0], size[1] - steps[1]] as const;
  const cut = beyond.map((cells) => (padding === 'same' ? Math.max(cells, 0) : 0)) as [number, number];
  const [top, left] = [Math.floor(cut[0] / 2), Math.floor(cut[1] / 2)];
  const operator = {
    kind: 'transposed-convolution',
    window: { size, strides: steps, dilations, padding: [top, left, cut[0] - top, cut[1] - left] },
    groups: 1,
    outputPadding: [Math.max(-beyond[0], 0), Math.max(-beyond[1], 0)],
    activation: activationFunction(activation),
  } as const;
  const bias = useBias ? weightConstant(context, layer, 1) : null;
  const y = addNode(context, layer, operator, [x, weightConstant(context, layer, 0), bias]);
  return finishActivation(context, y, activation, layer.name);
};

/** `[batch, length, channels]` as images of height 1. */
function asImages({ builder }: LayerContext, layer: TensorflowLayer, x: string): string {
  const [batch, length, channels] = builder.spec(x).shape as [number, number, number];
  return builder.add({ kind: 'reshape', shape: [batch, 1, length, channels] }, [x], {
    name: `${layer.name}/images`,
  })[0];
}

function fromImages({ builder }: LayerContext, layer: TensorflowLayer, x: string): string {
  const [batch, , length, channels] = builder.spec(x).shape as [number, number, number, number];
  return builder.add({ kind: 'reshape', shape: [batch, length, channels] }, [x], {
    name: `${layer.name}/sequence`,
  })[0];
}

const convolution1d: LayerImporter = (layer, [x], context) => {
  checkChannelsLast(layer);
  const { activation, useBias, kernelSize, strides, dilationRate } = settingsOf(layer);
  const images = asImages(context, layer, x);
  const along = (value: unknown): Pair => [1, Number([value].flat()[0] ?? 1)];
  const size = imageSize(context, images);
  const window = windowOf(layer, size, along(kernelSize), along(strides), along(dilationRate));
  // Height 1 is not padded, whatever the rule.
  const padding = [0, window.padding[1], 0, window.padding[3]] as const;
  const apply = activationFunction(activation);
  const operator = {
    kind: 'convolution',
    window: { ...window, padding },
    groups: 1,
    activation: apply,
  } as const;
  const weights = context.constant(layer, 'weights', () => {
    const { shape, data } = weightOf(layer, 0);
    return { dtype: 'float32', shape: [1, ...shape], data };
  });
  const bias = useBias ? weightConstant(context, layer, 1) : null;
  const y = fromImages(context, layer, addNode(context, layer, operator, [images, weights, bias]));
  return finishActivation(context, y, activation, layer.name);
};

function pooling2d(operation: 'max' | 'average'): LayerImporter {
  return (layer, [x], context) => {
    checkChannelsLast(layer);
    const { poolSize, strides } = settingsOf(layer);
    const size = imageSize(context, x);
    const window = windowOf(layer, size, pair(poolSize), pair(strides ?? poolSize), [1, 1]);
    return [addNode(context, layer, { kind: 'pooling', operation, window }, [x])];
  };
}

function pooling1d(operation: 'max' | 'average'): LayerImporter {
  return (layer, [x], context) => {
    const { poolSize, strides } = settingsOf(layer);
    const images = asImages(context, layer, x);
    const along = (value: unknown): Pair => [1, Number([value].flat()[0])];
    const size = imageSize(context, images);
    const window = windowOf(layer, size, along(poolSize), along(strides ?? poolSize), [1, 1]);
    return [
      fromImages(context, layer, addNode(context, layer, { kind: 'pooling', operation, window }, [images])),
    ];
  };
}

function globalPooling(operation: 'mean' | 'maximum', axes: readonly number[]): LayerImporter {
  return (layer, [x], context) => {
    checkChannelsLast(layer);
    return [addNode(context, layer, { kind: 'reduction', operation, axes, keepAxes: false }, [x])];
  };
}

const upSampling2d: LayerImporter = (layer, [x], context) => {
  checkChannelsLast(layer);
  const { size, interpolation } = settingsOf(layer);
  const scales = pair(size);
  const [height, width] = imageSize(context, x);
  const operator = {
    kind: 'resize',
    size: [height * scales[0], width * scales[1]],
    scales,
    mode: interpolation === 'bilinear' ? 'linear' : 'nearest',
    coordinates: 'asymmetric',
    nearest: 'floor',
    cubicCoefficient: -0.75,
  } as const;
  return [addNode(context, layer, operator, [x])];
};

/** Layers over images and sequences. */
export const IMAGE_LAYERS: Readonly<Record<string, LayerImporter>> = {
  Conv1D: convolution1d,
  Conv2D: convolution2d,
  Conv2DTranspose: transposedConvolution2d,
  DepthwiseConv2D: depthwiseConvolution2d,
  SeparableConv2D: separableConvolution2d,
  MaxPooling1D: pooling1d('max'),
  MaxPooling2D: pooling2d('max'),
  AveragePooling1D: pooling1d('average'),
  AveragePooling2D: pooling2d('average'),
  GlobalAveragePooling1D: globalPooling('mean', [1]),
  GlobalAveragePooling2D: globalPooling('mean', [1, 2]),
  GlobalMaxPooling1D: globalPooling('maximum', [1]),
  GlobalMaxPooling2D: globalPooling('maximum', [1, 2]),
  UpSampling2D: upSampling2d,
};
