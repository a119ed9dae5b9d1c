import { elementCount } from '@qedge/core';
import { addNode, type LayerImporter, refuseSetting, settingsOf } from './layer-context.ts';

const identity: LayerImporter = (_layer, inputs) => inputs;

const flatten: LayerImporter = (layer, [x], context) => {
  const { dataFormat } = settingsOf(layer);
  const [batch, ...sample] = context.builder.spec(x).shape as [number, ...number[]];
  if (dataFormat === 'channelsFirst' && sample.length > 1) {
    refuseSetting(layer, 'dataFormat', 'channelsLast', dataFormat);
  }
  return [addNode(context, layer, { kind: 'reshape', shape: [batch, elementCount(sample)] }, [x])];
};

const reshape: LayerImporter = (layer, [x], context) => {
  const target = settingsOf(layer).targetShape as readonly (number | null)[];
  const [batch, ...sample] = context.builder.spec(x).shape as [number, ...number[]];
  const isOpen = (size: number | null) => size === null || size < 0;
  const known = target.reduce<number>((product, size) => (isOpen(size) ? product : product * size!), 1);
  const shape = target.map((size) => (isOpen(size) ? elementCount(sample) / known : size!));
  return [addNode(context, layer, { kind: 'reshape', shape: [batch, ...shape] }, [x])];
};

const permute: LayerImporter = (layer, [x], context) => {
  const permutation = [0, ...(settingsOf(layer).dims as readonly number[])];
  return [addNode(context, layer, { kind: 'transpose', permutation }, [x])];
};

const repeatVector: LayerImporter = (layer, [x], context) => {
  const [batch, size] = context.builder.spec(x).shape as [number, number];
  const [row] = context.builder.add({ kind: 'reshape', shape: [batch, 1, size] }, [x], {
    name: `${layer.name}/row`,
  });
  return [
    addNode(context, layer, { kind: 'expand', shape: [batch, Number(settingsOf(layer).n), size] }, [row]),
  ];
};

type Borders = readonly [readonly [number, number], readonly [number, number]];

/** `2`, `[1, 2]` or `[[1, 2], [3, 4]]`: rows above and below, columns left and right. */
function borders(value: unknown): Borders {
  const [rows, columns] = (Array.isArray(value) ? value : [value, value]) as [unknown, unknown];
  const both = (each: unknown) => (Array.isArray(each) ? each : [each, each]).map(Number) as [number, number];
  return [both(rows), both(columns)];
}

const zeroPadding2d: LayerImporter = (layer, [x], context) => {
  const { padding, dataFormat } = settingsOf(layer);
  if (dataFormat === 'channelsFirst') refuseSetting(layer, 'dataFormat', 'channelsLast', dataFormat);
  const [rows, columns] = borders(padding);
  const [before, after] = [
    [0, rows[0], columns[0], 0],
    [0, rows[1], columns[1], 0],
  ];
  return [addNode(context, layer, { kind: 'pad', before, after, mode: 'constant', value: 0 }, [x])];
};

const cropping2d: LayerImporter = (layer, [x], context) => {
  const { cropping, dataFormat } = settingsOf(layer);
  if (dataFormat === 'channelsFirst') refuseSetting(layer, 'dataFormat', 'channelsLast', dataFormat);
  const [rows, columns] = borders(cropping);
  const [batch, height, width, channels] = context.builder.spec(x).shape as [number, number, number, number];
  const sizes = [batch, height - rows[0] - rows[1], width - columns[0] - columns[1], channels];
  const starts = [0, rows[0], columns[0], 0];
  return [addNode(context, layer, { kind: 'slice', starts, steps: [1, 1, 1, 1], sizes }, [x])];
};

/** Layers that move numbers or, outside of training, do nothing. */
export const SHAPE_LAYERS: Readonly<Record<string, LayerImporter>> = {
  Flatten: flatten,
  Reshape: reshape,
  Permute: permute,
  RepeatVector: repeatVector,
  ZeroPadding2D: zeroPadding2d,
  Cropping2D: cropping2d,
  Dropout: identity,
  SpatialDropout1D: identity,
  GaussianNoise: identity,
  GaussianDropout: identity,
  AlphaDropout: identity,
};
