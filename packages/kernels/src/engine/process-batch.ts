import type { BindingContext, KernelSteps } from './binding.ts';
import { type EpilogueOptions, gemmSteps } from './gemm.ts';
import type { MatrixOperand } from './matrix-view.ts';
import { bytesOf, requireDisjoint, requireSize } from './operands.ts';
import type { PackedMatrix } from './packed-matrix.ts';
import { normalizeSteps } from './row-kernels.ts';

/** Samples are standardised, multiplied with weights, and activated: one dense layer on raw data. */
export interface ProcessBatchOptions extends EpilogueOptions {
  readonly samples: number;
  readonly features: number;
  readonly outputs: number;
  /** `[samples, features]`; not changed. */
  readonly input: Float32Array;
  /** `[features, outputs]`. */
  readonly weights: MatrixOperand | PackedMatrix;
  /** `[samples, outputs]`. */
  readonly output: Float32Array;
  /** Added to the deviation of a sample, so that a constant one does not become infinite; default 1e-8. */
  readonly epsilon?: number;
}

/** Checks a batch and plans its kernels. @throws as `KernelWorkspace.processBatch`. */
export function processBatchSteps(context: BindingContext, options: ProcessBatchOptions): KernelSteps {
  const { samples, features, outputs, input, weights, output, epsilon = 1e-8, ...epilogue } = options;
  requireSize('samples', samples);
  requireSize('features', features, 1);
  const standardised = context.arena.array(Float32Array, samples * features, 'standardised samples');
  requireDisjoint(bytesOf('output', output), [bytesOf('input', input)]);
  const standardise = normalizeSteps(context, {
    rows: samples,
    width: features,
    input,
    output: standardised,
    deviation: 'sum',
    epsilon,
  });
  const product = { m: samples, n: outputs, k: features, a: standardised, b: weights, c: output };
  return [...standardise, ...gemmSteps(context, { ...product, ...epilogue })];
}
