import { InvalidArgumentError } from '@qedge/core';
import type { ConvolutionDescription, DepthwiseDescription } from '../../description/convolution.ts';
import { epilogueKey, requireEpilogueWithoutSoftmax } from '../../description/epilogue.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { requireKnown } from '../../description/require-known.ts';
import {
  requireImage,
  requireRange,
  requireWindow,
  type SlidingWindow,
  windowKey,
  windowOutput,
} from '../../description/window.ts';
import type { KernelFamily } from '../kernel-family.ts';
import { convolutionTrial, depthwiseTrial } from './convolution-trial.ts';
import { emitConvolution } from './emit-convolution.ts';
import { emitDepthwise } from './emit-depthwise.ts';

/** Lanes of the widest vectors: packed weights are padded to whole vectors. */
const MOST_LANES = 16;

function validateShared(
  { batch, input, window, epilogue, outputRows }: ConvolutionDescription | DepthwiseDescription,
  outputChannels: number,
): void {
  requireInteger('batch of a convolution', batch, 1);
  requireWindow(input, window, outputChannels);
  requireEpilogueWithoutSoftmax('a convolution', epilogue);
  requireRange('output rows', outputRows, windowOutput(input, window).height);
}

/** Refuses packed weights that offsets in code cannot address; a group of channels fills whole vectors. */
function requireWeights({ height, width }: SlidingWindow, depth: number, groups: number, channels: number) {
  const padded = groups * Math.ceil(channels / MOST_LANES) * MOST_LANES;
  requireImage('packed weight', { height, width: width * depth, channels: padded });
}

function validateConvolution(description: ConvolutionDescription): void {
  const { input, window, outputChannels, groups, weights, channelRange, blocking } = description;
  requireInteger('number of output channels', outputChannels, 1);
  validateShared(description, outputChannels);
  requireInteger('number of groups', groups, 1);
  if (input.channels % groups !== 0 || outputChannels % groups !== 0) {
    throw new InvalidArgumentError('The channels of a convolution cannot be divided into its groups', {
      expected: `multiples of ${groups}`,
      actual: `${input.channels} input and ${outputChannels} output channels`,
    });
  }
  requireWeights(window, input.channels / groups, groups, outputChannels / groups);
  requireKnown('weight format', weights, ['float32', 'float16', 'bfloat16']);
  requireRange('output channels', channelRange, outputChannels);
  requireKnown('outer loop', blocking.outerLoop, ['channels', 'rows']);
  for (const name of ['tileRows', 'tileColumns', 'tileVectors'] as const) {
    requireInteger(`${name} of a convolution`, blocking[name], 1);
  }
}

function convolutionKey(description: ConvolutionDescription): string {
  const { batch, input, window, outputChannels, groups, weights, epilogue, outputRows, channelRange } =
    description;
  const { tileRows, tileColumns, tileVectors, outerLoop } = description.blocking;
  return [
    `convolution-${batch}x${windowKey(input, window)}`,
    `${outputChannels}g${groups}_${weights}`,
    epilogueKey(epilogue),
    `r${outputRows.from}.${outputRows.count}_c${channelRange.from}.${channelRange.count}`,
    `${tileRows}x${tileColumns}x${tileVectors}_${outerLoop}`,
  ].join('-');
}

/** {@link ConvolutionDescription}. */
export const CONVOLUTION: KernelFamily<ConvolutionDescription> = {
  kind: 'convolution',
  validate: validateConvolution,
  key: convolutionKey,
  emit: emitConvolution,
  trial: convolutionTrial,
};

/** {@link DepthwiseDescription}. */
export const DEPTHWISE: KernelFamily<DepthwiseDescription> = {
  kind: 'depthwise',
  validate(description) {
    const { input, window } = description;
    validateShared(description, input.channels);
    requireWeights(window, 1, 1, input.channels);
    requireInteger('tileColumns of a depthwise convolution', description.tileColumns, 1);
  },
  key({ batch, input, window, epilogue, outputRows, tileColumns }) {
    const rows = `r${outputRows.from}.${outputRows.count}`;
    return `depthwise-${batch}x${windowKey(input, window)}-${epilogueKey(epilogue)}-${rows}-${tileColumns}`;
  },
  emit: emitDepthwise,
  trial: depthwiseTrial,
};
