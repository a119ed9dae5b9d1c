import { IMAGE_TO_COLUMNS_ARGUMENTS, type ImageToColumnsDescription } from '../../description/convolution.ts';
import { requireInteger } from '../../description/require-integer.ts';
import { requireWindow, windowKey, windowOutput } from '../../description/window.ts';
import { referenceWindowValue } from '../../reference/convolution.ts';
import { fillUniform } from '../elements/fill-operands.ts';
import type { KernelFamily, KernelTrial } from '../kernel-family.ts';
import { imageTrial } from '../window/image-trial.ts';
import { emitImageToColumns } from './emit-image-to-columns.ts';

function matrixWidth({ window, input }: ImageToColumnsDescription): number {
  return window.height * window.width * input.channels;
}

function imageToColumnsTrial(
  description: ImageToColumnsDescription,
  effort: 'all' | 'sample',
  seed: number,
): KernelTrial {
  const { batch, input, window } = description;
  const output = windowOutput(input, window);
  const width = matrixWidth(description);
  return imageTrial({
    inputShape: [batch, input.height, input.width, input.channels],
    outputShape: [batch, output.height, output.width, width],
    computed: { rows: { from: 0, count: output.height }, channels: { from: 0, count: width } },
    outside: Number.NaN,
    drawInput: fillUniform,
    arguments: IMAGE_TO_COLUMNS_ARGUMENTS,
    effort,
    seed,
    weightBytes: 0,
    writeWeights: () => {},
    expect: (x, place) => {
      const tap = Math.floor(place.channel / input.channels);
      const [row, column] = [Math.floor(tap / window.width), tap % window.width];
      const channel = place.channel % input.channels;
      return {
        value: referenceWindowValue(input, window, x, { ...place, channel }, row, column),
        tolerance: 0,
      };
    },
  });
}

/** {@link ImageToColumnsDescription}. */
export const IMAGE_TO_COLUMNS: KernelFamily<ImageToColumnsDescription> = {
  kind: 'image-to-columns',
  validate(description) {
    const { batch, input, window } = description;
    requireInteger('batch of images', batch, 1);
    requireWindow(input, window, matrixWidth(description));
  },
  key: ({ batch, input, window }) => `image-to-columns-${batch}x${windowKey(input, window)}`,
  emit: emitImageToColumns,
  trial: (description, _traits, effort, seed) => imageToColumnsTrial(description, effort, seed),
};
