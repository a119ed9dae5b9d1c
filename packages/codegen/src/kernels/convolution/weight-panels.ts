import { InvalidArgumentError } from '@qedge/core';
import type { ConvolutionDescription, WeightFormat } from '../../description/convolution.ts';

/** Bytes of one stored weight. */
export const WEIGHT_BYTES: Readonly<Record<WeightFormat, number>> = { float32: 4, float16: 2, bfloat16: 2 };

/** Output channels that are computed side by side. */
export interface Panel {
  readonly vectors: number;
  /** Channels of the panel, at most `vectors * lanes`. */
  readonly channels: number;
  /** Bytes of its weights, padded to whole vectors. */
  readonly weightBytes: number;
  /** Bytes of weights and bias. */
  readonly byteLength: number;
}

/** How the weights of a convolution are packed. Each group has `fullPanels` of {@link full}, then {@link last} unless null. */
export interface WeightPanels {
  readonly lanes: number;
  /** Weights per output: window rows * window columns * input channels of a group. */
  readonly depth: number;
  readonly full: Panel;
  readonly fullPanels: number;
  readonly last: Panel | null;
  readonly groupBytes: number;
  readonly byteLength: number;
}

/** What the packing of weights depends on. */
export type PackedConvolution = Pick<
  ConvolutionDescription,
  'input' | 'window' | 'outputChannels' | 'groups' | 'weights' | 'epilogue' | 'blocking'
>;

/**
 * The panels of a convolution for vectors of `lanes` lanes. A panel holds, for each window row, window column and input channel
 * of the group, ascending, the weights of its output channels; then, where there is a bias, the float32 bias of these channels.
 */
export function weightPanels(description: PackedConvolution, lanes: number): WeightPanels {
  const { input, window, outputChannels, groups, weights, epilogue, blocking } = description;
  const depth = window.height * window.width * (input.channels / groups);
  const groupOutputs = outputChannels / groups;
  const panel = (channels: number): Panel => {
    const vectors = Math.ceil(channels / lanes);
    const weightBytes = depth * vectors * lanes * WEIGHT_BYTES[weights];
    return {
      vectors,
      channels,
      weightBytes,
      byteLength: weightBytes + (epilogue.bias ? vectors * lanes * 4 : 0),
    };
  };
  const full = panel(blocking.tileVectors * lanes);
  const fullPanels = Math.floor(groupOutputs / full.channels);
  const rest = groupOutputs % full.channels;
  const last = rest > 0 ? panel(rest) : null;
  const groupBytes = fullPanels * full.byteLength + (last?.byteLength ?? 0);
  return { lanes, depth, full, fullPanels, last, groupBytes, byteLength: groupBytes * groups };
}

/** The panels that a range of channels covers. @throws InvalidArgumentError when it cuts one. */
export function panelsOfRange(
  panels: WeightPanels,
  { channelRange, outputChannels, groups }: ConvolutionDescription,
): { readonly first: number; readonly full: number; readonly last: Panel | null } {
  const { from, count } = channelRange;
  if (count === outputChannels) return { first: 0, full: panels.fullPanels, last: panels.last };
  const { channels } = panels.full;
  const [end, toLast] = [from + count, from + count === outputChannels];
  if (groups > 1 || from % channels !== 0 || !(toLast || end % channels === 0)) {
    throw new InvalidArgumentError('A range of output channels cuts a panel or a group', {
      expected: `one group, and ends at multiples of ${channels} or at ${outputChannels}`,
      actual: `${groups} groups, channels ${from} to ${end}`,
    });
  }
  return { first: from / channels, full: Math.floor(count / channels), last: toLast ? panels.last : null };
}
