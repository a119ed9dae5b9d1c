import type { BindingContext, KernelSteps } from '../../engine/binding.ts';
import { planSparseProduct } from '../../engine/sparse-product.ts';
import type { WeightedProduct } from './weighted-product.ts';

/**
 * The largest share of weights that are not 0 for which a sparse product is faster than a dense one in float32. Measured on Zen 4 with one row and
 * 784-256-128-10, where the dense product has its best: there they are even at 0.126, on AVX-512 and AVX2 and nearly so on WebAssembly. With more
 * rows sparse products win earlier; but what is chosen must not depend on the rows, because results would.
 */
export const SPARSE_DENSITY = 0.12;

/** The same beside products on 8-bit codes, which read a quarter of the bytes, and on AVX-512 take half of the time that they take elsewhere. */
export function sparseIntegerDensity({ isa }: { readonly isa: string }): number {
  return isa === 'avx512' ? 0.02 : 0.05;
}

/** Fewer weights take next to no time either way. */
const FEWEST_SPARSE_WEIGHTS = 4096;

/** Whether so few of the weights are not 0 that a sparse product is faster; never with numbers that are not finite. */
export function isSparse(weights: ArrayLike<number>, density: number): boolean {
  if (weights.length < FEWEST_SPARSE_WEIGHTS) return false;
  const most = Math.floor(weights.length * density);
  let kept = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    if (++kept > most || !Number.isFinite(weights[i])) return false;
  }
  return true;
}

/**
 * A product with weights that are mostly zeros, or null where a dense one is better. Files that hold packed weights hold dense ones: there the weights
 * are not looked at.
 */
export function sparseProductSteps(
  context: BindingContext,
  { m, n, k, a, weights, transposed, alpha, bias, activation, c }: WeightedProduct,
  density: number,
): KernelSteps | null {
  const isPlain = alpha === 1 && (activation === 'none' || activation === 'relu');
  if (context.packedWeights !== undefined || !isPlain || !(bias?.isConstant ?? true)) return null;
  if (k * n < FEWEST_SPARSE_WEIGHTS) return null;
  const values = weights.load();
  const start = bias === null ? null : (bias.load() as Float32Array);
  if (!isSparse(values, density) || !(start?.every(Number.isFinite) ?? true)) return null;
  const strides = { depthStride: transposed ? 1 : n, columnStride: transposed ? k : 1 };
  const matrix = { values, depth: k, columns: n, ...strides, bias: start };
  return planSparseProduct(context, { m, n, k, a, matrix, activation, c });
}
