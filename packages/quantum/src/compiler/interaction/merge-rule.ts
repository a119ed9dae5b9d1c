/** Which merges a pass makes. */
export const MergeRule = {
  /** Cores with equal axes, whose angles add. */
  equalAxes: 0,
  /** Those, and whatever needs fewer gates together than alone. */
  gains: 1,
  /** Those, and everything that stands side by side on a pair. */
  neighbours: 2,
  /** Only what stands side by side, nothing is moved. */
  adjacentOnly: 3,
} as const;
export type MergeRule = (typeof MergeRule)[keyof typeof MergeRule];
