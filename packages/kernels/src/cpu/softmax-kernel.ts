import { SOFTMAX_ARGUMENT_COUNT, SOFTMAX_ARGUMENTS, type SoftmaxDescription } from '@qedge/codegen';
import { blockFields } from '../engine/binding.ts';
import type { Float32SoftmaxStep } from '../float32-model.ts';
import type { ModelKernel } from './model-kernel.ts';

/** Softmax of each row of an activation in place. @param address of the activation. */
export function softmaxKernel({ width, rowsPerSample }: Float32SoftmaxStep, address: number): ModelKernel {
  const fields = blockFields(SOFTMAX_ARGUMENT_COUNT, {
    [SOFTMAX_ARGUMENTS.input]: address,
    [SOFTMAX_ARGUMENTS.output]: address,
  });
  const describe = (batch: number): SoftmaxDescription => {
    return { kind: 'softmax', rows: batch * rowsPerSample, width, inputStride: width, outputStride: width };
  };
  return { describe, fields, rows: null };
}
