import { CONVOLUTION_ARGUMENTS, type DepthwiseDescription } from '../../description/convolution.ts';
import type { Target } from '../../target/target.ts';
import { emitActivation, usefulActivationScratch } from '../activation/emit-activation.ts';
import { emitWindowSweep } from '../window/emit-window-sweep.ts';
import { windowGeometry } from '../window/window-geometry.ts';

/** Emits the depthwise convolution that `description` states. Arguments: {@link CONVOLUTION_ARGUMENTS}. */
export function emitDepthwise(target: Target<unknown>, description: DepthwiseDescription): void {
  const { batch, input, window, epilogue, outputRows, tileColumns } = description;
  const { activation } = epilogue;
  emitWindowSweep(target, {
    geometry: windowGeometry(batch, input, window, input.channels, outputRows),
    channels: input.channels,
    tileColumns,
    arguments: CONVOLUTION_ARGUMENTS,
    operation: {
      weights: { bias: epilogue.bias },
      scratch: (available) => Math.max(1, usefulActivationScratch(activation, tileColumns, available)),
      begin: (sum) => target.zero(sum),
      accumulate: (sum, cell, weight) => target.fma(sum, cell, weight!),
      finish: (sums, _cells, bias, scratch) => {
        if (bias) {
          target.load(scratch[0]!, { base: bias.pointer, offset: 0 });
          for (const sum of sums) target.float('add', sum, sum, scratch[0]!);
        }
        emitActivation(target, activation, sums, scratch);
      },
    },
  });
}
