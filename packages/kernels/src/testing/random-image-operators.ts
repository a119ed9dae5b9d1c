import type { Shape, WindowSpec } from '@qedge/core';
import { activation, binary, type Draw, type GraphDraft, x } from './graph-draft.ts';

function windowFor(draft: GraphDraft, [, height, width]: Shape, strides = true): WindowSpec {
  const size = [draft.between(1, Math.min(3, height!)), draft.between(1, Math.min(3, width!))] as const;
  const pad = draft.chance(0.5) ? size.map((taps) => Math.floor(taps / 2)) : [0, 0];
  const stride = () => (strides ? draft.between(1, 2) : 1);
  return {
    size,
    strides: [stride(), stride()],
    dilations: [1, 1],
    padding: [pad[0]!, pad[1]!, pad[0]!, pad[1]!],
  };
}

/** In the channels-first order of many sources half of the time: with transposes around it. */
function onImages(draft: GraphDraft, build: (images: string, shape: Shape) => string | null): boolean {
  const value = draft.value((shape) => shape.length === 4 && !shape.includes(0));
  if (value === null) return false;
  if (draft.chance(0.5)) return build(value, draft.shape(value)) !== null;
  const images = draft.step({ kind: 'transpose', permutation: [0, 2, 3, 1] }, [value]);
  const result = build(images, draft.shape(images));
  if (result !== null) draft.step({ kind: 'transpose', permutation: [0, 3, 1, 2] }, [result]);
  return true;
}

export const convolution: Draw = (draft) =>
  onImages(draft, (images, shape) => {
    const channels = shape[3]!;
    const groups = draft.chance(0.3) ? channels : 1;
    const outputs = groups === 1 ? draft.between(1, 8) : channels;
    const window = windowFor(draft, shape);
    const terms = window.size[0] * window.size[1] * (channels / groups);
    const weights = draft.weights([...window.size, channels / groups, outputs], 1 / Math.sqrt(terms));
    const bias = draft.chance(0.5) ? [draft.weights([outputs])] : [];
    const operator = { kind: 'convolution', window, groups, activation: activation(draft) } as const;
    return draft.step(operator, [images, weights, ...bias]);
  });

export const transposedConvolution: Draw = (draft) =>
  onImages(draft, (images, shape) => {
    if (!draft.isSmall([...shape, 8])) return null;
    const [channels, outputs] = [shape[3]!, draft.between(1, 4)];
    const weights = draft.weights([2, 2, outputs, channels], 1 / Math.sqrt(channels * 4));
    const window = { size: [2, 2], strides: [2, 2], dilations: [1, 1], padding: [0, 0, 0, 0] } as const;
    const operator = {
      kind: 'transposed-convolution',
      window,
      groups: 1,
      outputPadding: [0, 0],
      activation: activation(draft),
    } as const;
    return draft.step(operator, [images, weights, ...(draft.chance(0.5) ? [draft.weights([outputs])] : [])]);
  });

export const pooling: Draw = (draft) =>
  onImages(draft, (images, shape) => {
    const operation = draft.choose(['max', 'average', 'average-with-padding'] as const);
    return draft.step({ kind: 'pooling', operation, window: windowFor(draft, shape) }, [images]);
  });

export const resize: Draw = (draft) =>
  onImages(draft, (images, shape) => {
    if (!draft.isSmall([...shape, 4])) return null;
    const operator = {
      kind: 'resize',
      size: [shape[1]! * 2, shape[2]! * 2],
      scales: [2, 2],
      mode: draft.choose(['nearest', 'linear'] as const),
      coordinates: draft.choose(['half-pixel', 'asymmetric'] as const),
      nearest: 'floor',
      cubicCoefficient: -0.75,
    } as const;
    return draft.step(operator, [images]);
  });

export const channelScale: Draw = (draft) =>
  onImages(draft, (images, shape) => {
    const vectors = [draft.weights([shape[3]!]), draft.weights([shape[3]!])];
    return draft.step({ kind: 'channel-scale', activation: activation(draft) }, [images, ...vectors]);
  });

/** A gate per channel, from their means. */
export const channelAttention: Draw = (draft) =>
  onImages(draft, (images, shape) => {
    const reduce = { kind: 'reduction', operation: 'mean', axes: [1, 2], keepAxes: true } as const;
    const mean = draft.step(reduce, [images]);
    const window = { size: [1, 1], strides: [1, 1], dilations: [1, 1], padding: [0, 0, 0, 0] } as const;
    const weights = draft.weights([1, 1, shape[3]!, shape[3]!], 0.5);
    const gate = draft.step({ kind: 'convolution', window, groups: 1, activation: { kind: 'sigmoid' } }, [
      mean,
      weights,
    ]);
    return draft.step({ kind: 'pointwise', expression: binary('multiply', x, { input: 1 }) }, [images, gate]);
  });
