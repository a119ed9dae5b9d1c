import { type KernelDescription, validateKernelDescription } from '../description/kernel-description.ts';
import type { Target } from '../target/target.ts';
import { emitGemmTile, GEMM_PARAMETER_COUNT } from './gemm-tile.ts';
import { emitQuantizeRows, QUANTIZE_PARAMETER_COUNT } from './quantize-rows.ts';

/** How many arguments (addresses and counts) the kernel takes. */
export function kernelParameterCount(description: KernelDescription): number {
  return description.kind === 'gemm' ? GEMM_PARAMETER_COUNT : QUANTIZE_PARAMETER_COUNT;
}

/**
 * Emits a described kernel on any target.
 *
 * @throws InvalidArgumentError for impossible sizes, RegisterBudgetError when the target has too few registers.
 */
export function emitKernel<Code>(target: Target<Code>, description: KernelDescription): Code {
  validateKernelDescription(description);
  return description.kind === 'gemm'
    ? emitGemmTile(target, description)
    : emitQuantizeRows(target, description);
}
