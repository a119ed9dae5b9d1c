import { InvalidArgumentError } from '@qedge/core';
import type { ConvolutionDescription, DepthwiseDescription } from '../../description/convolution.ts';
import type { Epilogue } from '../../description/epilogue.ts';
import { requireInteger } from '../../description/require-integer.ts';
import {
  requireImage,
  requireRange,
  requireWindow,
  windowKey,
  windowOutput,
} from '../../description/window.ts';
import type { KernelFamily } from '../kernel-family.ts';
import { convolutionTrial, depthwiseTrial } from './convolution-trial.ts';
import { emitConvolution } from './emit-convolution.ts';
import { emitDepthwise } from './emit-depthwise.ts';

const ACTIVATIONS: readonly string[] = ['none', 'relu', 'relu6', 'sigmoid', 'tanh', 'gelu', 'silu'];

function requireName(name: string, value: string, allowed: readonly string[]): void {
  if (allowed.includes(value)) return;
  throw new InvalidArgumentError(`The ${name} of a convolution is not known`, {
    expected: allowed.join(', '),
    actual: String(value),
  });
}

function requireEpilogue({ activation, softmax }: Epilogue): void {
  requireName('activation', activation, ACTIVATIONS);
  if (!softmax) return;
  throw new InvalidArgumentError('A convolution cannot end in softmax', {
    expected: 'softmax: false',
    actual: true,
    remedy: 'Apply softmax to the result with a kernel of its own.',
  });
}

function validateShared({
  batch,
  input,
  window,
  epilogue,
  outputRows,
}: ConvolutionDescription | DepthwiseDescription): void {
  requireInteger('batch of a convolution', batch, 1);
  requireWindow(input, window);
  requireEpilogue(epilogue);
  requireRange('output rows', outputRows, windowOutput(input, window).height);
}

function validateConvolution(description: ConvolutionDescription): void {
  validateShared(description);
  const { input, window, outputChannels, groups, weights, channelRange, blocking } = description;
  requireInteger('number of output channels', outputChannels, 1);
  requireInteger('number of groups', groups, 1);
  if (input.channels % groups !== 0 || outputChannels % groups !== 0) {
    throw new InvalidArgumentError('The channels of a convolution cannot be divided into its groups', {
      expected: `multiples of ${groups}`,
      actual: `${input.channels} input and ${outputChannels} output channels`,
    });
  }
  requireImage('output', { ...windowOutput(input, window), channels: outputChannels });
  requireImage('weight', {
    height: window.height,
    width: window.width * (input.channels / groups),
    channels: outputChannels,
  });
  requireName('weight format', weights, ['float32', 'float16', 'bfloat16']);
  requireRange('output channels', channelRange, outputChannels);
  requireName('outer loop', blocking.outerLoop, ['channels', 'rows']);
  for (const name of ['tileRows', 'tileColumns', 'tileVectors'] as const) {
    requireInteger(`${name} of a convolution`, blocking[name], 1);
  }
}

function epilogueKey({ bias, activation }: Epilogue): string {
  return `${bias ? 'bias_' : ''}${activation}`;
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
    validateShared(description);
    requireInteger('tileColumns of a depthwise convolution', description.tileColumns, 1);
  },
  key({ batch, input, window, epilogue, outputRows, tileColumns }) {
    const rows = `r${outputRows.from}.${outputRows.count}`;
    return `depthwise-${batch}x${windowKey(input, window)}-${epilogueKey(epilogue)}-${rows}-${tileColumns}`;
  },
  emit: emitDepthwise,
  trial: depthwiseTrial,
};
