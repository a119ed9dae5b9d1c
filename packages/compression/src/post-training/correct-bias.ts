import { assertShape } from '@qedge/core';
import type { KernelGroups } from './rounding-problem.ts';

/** The mean input of a layer, `[groups, rows]`: of the float32 model, and of the coded layer in the compressed one. */
export interface ExpectedInputs {
  readonly real: Float64Array;
  readonly coded: Float64Array;
}

/**
 * The bias with which the coded kernel gives the same mean outputs as the real one (bias correction: Nagel et al. 2019, arXiv:1906.04721, section
 * 4.2, with expected inputs measured rather than derived): `bias + kernel' E[x] - coded' E[x coded]`.
 *
 * @param bias per output, `[groups * outputs]`.
 * @param kernel row-major `[rows, groups * outputs]`, as `coded` is.
 * @throws ShapeMismatchError when the arrays do not fit.
 */
export function correctBias(
  bias: ArrayLike<number>,
  kernel: Float32Array,
  coded: Float32Array,
  expected: ExpectedInputs,
  { groups, rows, outputs }: KernelGroups,
): Float32Array {
  const columns = groups * outputs;
  assertShape([bias.length], [columns], 'The bias to correct');
  assertShape([kernel.length, coded.length], [rows * columns, rows * columns], 'The kernels');
  assertShape(
    [expected.real.length, expected.coded.length],
    [groups * rows, groups * rows],
    'The mean inputs',
  );
  const corrected = Float64Array.from(bias);
  for (let at = 0; at < kernel.length; at++) {
    const column = at % columns;
    const input = Math.floor(column / outputs) * rows + Math.floor(at / columns);
    corrected[column] += kernel[at] * expected.real[input] - coded[at] * expected.coded[input];
  }
  return Float32Array.from(corrected);
}
