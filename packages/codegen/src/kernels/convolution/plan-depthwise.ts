import type { ConvolutionDescription, DepthwiseDescription } from '../../description/convolution.ts';
import type { Epilogue } from '../../description/epilogue.ts';
import type { ImageShape, IndexRange, SlidingWindow } from '../../description/window.ts';
import type { TargetTraits } from '../../target/target.ts';
import { sweepTileColumns } from '../window/plan-sweep.ts';
import { windowGeometry } from '../window/window-geometry.ts';
import { planConvolution } from './plan-convolution.ts';

/** A convolution of each channel with `multiplier` windows of its own, output channel `channel * multiplier + i`. */
export interface DepthwiseRequest {
  readonly batch: number;
  readonly input: ImageShape;
  readonly window: SlidingWindow;
  /** Outputs per channel. */
  readonly multiplier: number;
  readonly epilogue: Epilogue;
  readonly outputRows: IndexRange;
}

/** Tile widths of a depthwise convolution with multiplier 1: the candidates of a search by measurement. Never empty. */
export function depthwiseTileColumns(
  { batch, input, window, outputRows }: Omit<DepthwiseRequest, 'multiplier'>,
  traits: TargetTraits,
): number[] {
  return sweepTileColumns(windowGeometry(batch, input, window, input.channels, outputRows), true, traits);
}

/**
 * The kernel of a depthwise convolution. With a multiplier above 1 it is a convolution with as many groups as channels; its weights
 * `[height, width, channels, multiplier]` have the bytes of `[height, width, 1, channels * multiplier]`, as that expects them.
 */
export function planDepthwise(
  request: DepthwiseRequest,
  traits: TargetTraits,
): DepthwiseDescription | ConvolutionDescription {
  const { batch, input, window, multiplier, epilogue, outputRows } = request;
  const shared = { batch, input, window, epilogue, outputRows };
  if (multiplier === 1) {
    return { kind: 'depthwise', ...shared, tileColumns: depthwiseTileColumns(shared, traits)[0]! };
  }
  const outputChannels = input.channels * multiplier;
  const channelRange: IndexRange = { from: 0, count: outputChannels };
  const wanted = { outputChannels, groups: input.channels, weights: 'float32', channelRange } as const;
  return planConvolution({ kind: 'convolution', ...shared, ...wanted }, traits);
}
