import { type Operator, UnsupportedError } from '@qedge/core';
import type { KernelSteps } from '../../engine/binding.ts';
import { lowerAttention } from './attention.ts';
import { lowerCast, lowerDequantize, lowerQuantize } from './conversions.ts';
import { lowerConvolution, lowerPooling } from './convolution.ts';
import {
  lowerConcatenate,
  lowerExpand,
  lowerPad,
  lowerReshape,
  lowerSlice,
  lowerTranspose,
} from './copies.ts';
import { lowerGather } from './gather.ts';
import { lowerGroupedMatmul } from './grouped-matmul.ts';
import type { Lowerer, Lowering } from './lowering.ts';
import { lowerMatmul } from './matmul.ts';
import { lowerPointwise } from './pointwise.ts';
import { lowerRecurrent } from './recurrent.ts';
import { lowerArgExtremum, lowerReduction } from './reduction.ts';
import { lowerResize } from './resize.ts';
import { lowerChannelScale, lowerLayerNormalization } from './rows.ts';
import { lowerSoftmax } from './softmax.ts';
import { lowerTransposedConvolution } from './transposed-convolution.ts';

/** How the nodes of each kind become kernels. Custom nodes are called between them. */
export const LOWERERS: {
  readonly [Kind in Exclude<Operator['kind'], 'custom'>]: Lowerer<Kind>;
} = {
  matmul: lowerMatmul,
  convolution: lowerConvolution,
  pooling: lowerPooling,
  'channel-scale': lowerChannelScale,
  'layer-normalization': lowerLayerNormalization,
  softmax: lowerSoftmax,
  pointwise: lowerPointwise,
  reshape: lowerReshape,
  transpose: lowerTranspose,
  expand: lowerExpand,
  concatenate: lowerConcatenate,
  slice: lowerSlice,
  pad: lowerPad,
  'transposed-convolution': lowerTransposedConvolution,
  gather: lowerGather,
  attention: lowerAttention,
  'grouped-matmul': lowerGroupedMatmul,
  recurrent: lowerRecurrent,
  reduction: lowerReduction,
  'arg-extremum': lowerArgExtremum,
  resize: lowerResize,
  quantize: lowerQuantize,
  dequantize: lowerDequantize,
  cast: lowerCast,
};

/** Plans the kernels of a node. @throws UnsupportedError for a kind that has none. */
export function lowerNode(node: Lowering): KernelSteps {
  const { kind } = node.operator;
  const lower = kind === 'custom' ? undefined : (LOWERERS[kind] as Lowerer<Operator['kind']> | undefined);
  if (lower !== undefined) return lower(node);
  throw new UnsupportedError(`There is no kernel for nodes of kind "${kind}"`, {
    expected: Object.keys(LOWERERS).join(', '),
    actual: kind,
  });
}
