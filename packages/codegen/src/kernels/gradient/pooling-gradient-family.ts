import { Random } from '@qedge/core';
import {
  POOLING_GRADIENT_ARGUMENT_COUNT,
  POOLING_GRADIENT_ARGUMENTS,
  type PoolingGradientDescription,
} from '../../description/gradient.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { requireKnown } from '../../description/require-known.ts';
import { requireWindow, windowKey, windowOutput } from '../../description/window.ts';
import { referencePoolingGradient } from '../../reference/gradient.ts';
import { arrayTrial, drawFloats, readFloat32 } from '../elements/array-trial.ts';
import { WORD_BYTES } from '../elements/element-loop.ts';
import type { KernelFamily, KernelTrial } from '../kernel-family.ts';
import { emitPoolingGradient } from './emit-pooling-gradient.ts';

function poolingGradientTrial(
  description: PoolingGradientDescription,
  effort: 'all' | 'sample',
  seed: number,
): KernelTrial {
  const { batch, input, window } = description;
  const { height, width, channels } = input;
  const output = windowOutput(input, window);
  const random = new Random(seed);
  const x = drawFloats(random, batch * height * width * channels, false);
  const gradient = drawFloats(random, batch * output.height * output.width * channels, false);
  // Some windows hold equal numbers.
  for (let i = 0; i < x.length; i += 3) x[i] = Math.round(x[i]!);
  const result = {
    argument: POOLING_GRADIENT_ARGUMENTS.output,
    rows: batch * height * width,
    width: channels,
    stride: channels,
    elementBytes: WORD_BYTES,
    read: readFloat32,
    expectRow: (pixel: number) => {
      const image = Math.floor(pixel / (height * width));
      const [row, column] = [Math.floor(pixel / width) % height, pixel % width];
      return (channel: number) => {
        const place = { image, row, column, channel };
        return { value: referencePoolingGradient(description, x, gradient, place), tolerance: 0 };
      };
    },
  };
  const operands = [
    { argument: POOLING_GRADIENT_ARGUMENTS.input, content: x },
    { argument: POOLING_GRADIENT_ARGUMENTS.gradient, content: gradient },
  ];
  return arrayTrial(
    { argumentCount: POOLING_GRADIENT_ARGUMENT_COUNT, operands, scalars: [], result },
    effort,
    seed,
  );
}

/** {@link PoolingGradientDescription}. */
export const POOLING_GRADIENT: KernelFamily<PoolingGradientDescription> = {
  kind: 'pooling-gradient',
  validate({ operation, batch, input, window }) {
    requireKnown('pooling gradient', operation, ['max', 'average']);
    requireInteger('batch of images', batch, 1);
    requireWindow(input, window, input.channels);
  },
  key: ({ operation, batch, input, window }) =>
    `pooling-gradient-${operation}-${batch}x${windowKey(input, window)}`,
  emit: emitPoolingGradient,
  trial: (description, _traits, effort, seed) => poolingGradientTrial(description, effort, seed),
};
