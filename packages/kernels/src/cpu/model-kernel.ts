import type { KernelDescription } from '@qedge/codegen';
import type { BlockFields } from '../engine/binding.ts';

/** One kernel of a model, on one thread: code for each batch size, and an argument block that serves all of them. */
export interface ModelKernel {
  describe(batch: number): KernelDescription;
  readonly fields: BlockFields;
  /** The field that holds the number of rows, and how many of them a sample has; null where the code itself knows. */
  readonly rows: { readonly field: number; readonly perSample: number } | null;
}

/** Kernels that run at the same time, one per thread. */
export type ModelStep = readonly ModelKernel[];
