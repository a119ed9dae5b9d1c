import {
  POOLING_ARGUMENT_COUNT,
  POOLING_ARGUMENTS,
  type PoolingOperation,
  planPooling,
  windowOutput,
} from '@qedge/codegen';
import { type BindingContext, blockFields, type KernelSteps, worthwhileThreads } from './binding.ts';
import { checkImages, type ImageOptions, type WindowOptions } from './image.ts';
import { bytesOf, requireDisjoint, requireVector } from './operands.ts';
import { divide } from './split-work.ts';

/** Pooling of images `[batch, height, width, channels]`, each channel on its own. */
export interface PoolingOptions extends ImageOptions, WindowOptions {
  readonly operation: PoolingOperation;
  /** `[batch, outputHeight, outputWidth, channels]`. */
  readonly output: Float32Array;
}

/** Checks a pooling and plans its kernels. @throws as `KernelWorkspace.pooling`. */
export function poolingSteps(context: BindingContext, options: PoolingOptions): KernelSteps {
  const { arena, host } = context;
  const { operation, output } = options;
  const { batch, input, window } = checkImages(options);
  const size = windowOutput(input, window);
  const inputElements = input.height * input.width * input.channels;
  const outputElements = size.height * size.width * input.channels;
  const from = requireVector(arena, 'input', 'Float32Array', options.input, batch * inputElements);
  const to = requireVector(arena, 'output', 'Float32Array', output, batch * outputElements);
  requireDisjoint(bytesOf('output', output), [bytesOf('input', options.input)]);
  const threads = worthwhileThreads(context, batch * outputElements * window.height * window.width);
  const describe = (images: number, outputRows: { readonly from: number; readonly count: number }) => {
    return planPooling({ kind: 'pooling', operation, batch: images, input, window, outputRows }, host.traits);
  };
  const fields = (image: number) => {
    return blockFields(POOLING_ARGUMENT_COUNT, {
      [POOLING_ARGUMENTS.input]: from + image * inputElements * 4,
      [POOLING_ARGUMENTS.output]: to + image * outputElements * 4,
    });
  };
  const all = { from: 0, count: size.height };
  const parts =
    batch >= threads
      ? divide(batch, threads).map((images) => {
          return { description: describe(images.count, all), fields: fields(images.from) };
        })
      : divide(size.height, threads).map((rows) => ({
          description: describe(batch, rows),
          fields: fields(0),
        }));
  return [parts];
}
