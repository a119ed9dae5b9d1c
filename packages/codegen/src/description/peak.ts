/**
 * Nothing but multiply-adds on registers: the most that a core can do, which the share of other kernels is stated against.
 *
 * Every accumulator starts at 0 and gets `turns` times the product of two vectors; their sum is stored.
 */
export interface PeakDescription {
  readonly kind: 'peak';
  /** `fma` on float32, `dot` on integers (four int8 products per lane where the target has them, else two int16 products). */
  readonly operation: 'fma' | 'dot';
  /** How often every accumulator is added to, 1 or more. */
  readonly turns: number;
}

/** Fields of the argument block of a peak kernel: two vectors of operands, and where the sums of all accumulators go (one vector). */
export const PEAK_ARGUMENTS = { a: 0, b: 1, result: 2 } as const;
