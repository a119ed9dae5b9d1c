import type { RowNormalizationDescription } from '../description/normalization.ts';

/** Mean and deviation of a row in float64. */
export interface RowMoments {
  readonly mean: number;
  readonly variance: number;
  /** What the row is divided by. */
  readonly deviation: number;
}

/** Mean, variance and the deviation that a description asks for. */
export function referenceMoments(
  row: readonly number[],
  { deviation, epsilon }: Pick<RowNormalizationDescription, 'deviation' | 'epsilon'>,
): RowMoments {
  let mean = 0;
  for (const x of row) mean += x / row.length;
  let variance = 0;
  for (const x of row) variance += ((x - mean) * (x - mean)) / row.length;
  return {
    mean,
    variance,
    deviation: deviation === 'root' ? Math.sqrt(variance + epsilon) : Math.sqrt(variance) + epsilon,
  };
}
