import { InvalidArgumentError } from '@qedge/core';
import type { ConvolutionDescription, ImageToColumnsDescription } from '../../description/convolution.ts';
import { windowOutput } from '../../description/window.ts';
import type { TargetTraits } from '../../target/target.ts';
import { type GemmProduct, gemmPanelColumns } from '../gemm/blocking.ts';
import { isPointwise } from '../window/window-geometry.ts';
import type { ConvolutionRequest } from './plan-convolution.ts';

/** A convolution as a copy of its windows into a matrix, and the product of that matrix with the weights. */
export interface ColumnsAndGemm {
  readonly columns: ImageToColumnsDescription;
  /** Bytes of the matrix between the two. */
  readonly columnsBytes: number;
  readonly product: GemmProduct;
}

/** True where {@link pointwiseAsGemm} applies. */
export function isPointwiseGemm({
  window,
  groups,
  outputRows,
  channelRange,
  input,
  outputChannels,
}: ConvolutionRequest): boolean {
  const whole = outputRows.count === input.height && channelRange.count === outputChannels;
  return isPointwise(window) && groups === 1 && whole;
}

function product(
  {
    outputChannels,
    weights,
    epilogue,
  }: Pick<ConvolutionDescription, 'outputChannels' | 'weights' | 'epilogue'>,
  rows: number,
  depth: number,
  traits: TargetTraits,
): GemmProduct {
  return {
    kind: 'gemm',
    batch: 1,
    rows,
    columns: outputChannels,
    depth,
    a: { rowStride: depth, columnStride: 1, batchStride: 0 },
    b: { packed: true, panelColumns: gemmPanelColumns(traits), format: weights, batchBytes: 0 },
    c: { rowStride: outputChannels, columnStride: 1, batchStride: 0 },
    alpha: 'one',
    beta: 'zero',
    epilogue,
  };
}

/**
 * A convolution with a window of one pixel, step 1, no padding and one group is the product of `[pixels, inputChannels]` with its
 * weights as `[inputChannels, outputChannels]`, which the product expects in panels of its own.
 *
 * @throws InvalidArgumentError for any other convolution, and for a part of one.
 */
export function pointwiseAsGemm(request: ConvolutionRequest, traits: TargetTraits): GemmProduct {
  const { batch, input, window, groups } = request;
  if (isPointwiseGemm(request))
    return product(request, batch * input.height * input.width, input.channels, traits);
  throw new InvalidArgumentError('Only a whole pointwise convolution is one product', {
    expected: 'a window of 1 x 1, stride 1, no padding, one group, all output rows and channels',
    actual: `${window.height} x ${window.width}, stride ${window.strideHeight} x ${window.strideWidth}, ${groups} groups`,
  });
}

/**
 * Any convolution with one group as `image-to-columns` and a product with its weights as `[height * width * inputChannels,
 * outputChannels]`. The same sums in the same order, but the zeros of the padding are multiplied: non-finite weights give NaN there.
 *
 * @throws InvalidArgumentError for several groups, and for a part of a convolution.
 */
export function convolutionAsGemm(request: ConvolutionRequest, traits: TargetTraits): ColumnsAndGemm {
  const { batch, input, window, groups, outputRows, channelRange, outputChannels } = request;
  const output = windowOutput(input, window);
  if (groups > 1 || outputRows.count < output.height || channelRange.count < outputChannels) {
    throw new InvalidArgumentError('Only a whole convolution with one group is one product', {
      expected: `1 group, ${output.height} rows, ${outputChannels} channels`,
      actual: `${groups} groups, ${outputRows.count} rows, ${channelRange.count} channels`,
    });
  }
  const rows = batch * output.height * output.width;
  const depth = window.height * window.width * input.channels;
  return {
    columns: { kind: 'image-to-columns', batch, input, window },
    columnsBytes: rows * depth * 4,
    product: product(request, rows, depth, traits),
  };
}
