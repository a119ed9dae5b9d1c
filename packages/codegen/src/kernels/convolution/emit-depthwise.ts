import { CONVOLUTION_ARGUMENTS, type DepthwiseDescription } from '../../description/convolution.ts';
import type { Target } from '../../target/target.ts';
import { activationScratch, emitActivation } from '../activation/emit-activation.ts';
import { emitClamp, isClamp } from '../window/emit-finish.ts';
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
      scratch: Math.max(1, activationScratch(activation, target.traits)),
      begin: (sum) => target.zero(sum),
      accumulate: (sum, cell, weight) => target.fma(sum, cell, weight!),
      finish: (sums, _cells, bias, scratch) => {
        if (bias) {
          target.load(scratch[0]!, { base: bias.pointer, offset: 0 });
          for (const sum of sums) target.float('add', sum, sum, scratch[0]!);
        }
        if (isClamp(activation)) emitClamp(target, activation, sums, scratch[0]!);
        else emitActivation(target, activation, sums, scratch);
      },
    },
  });
}
