import { type Interval, quantileOfSorted, Random } from '@qedge/core';

/**
 * How many times as long as ours another subject takes, best round against best round: noise only ever adds time. The interval
 * holds 95 % of what the same figure becomes when rounds are drawn with replacement, both subjects together.
 *
 * @param ours times of each round, positive; `theirs` as many, taken in the same rounds.
 */
export function bestRatio(ours: readonly number[], theirs: readonly number[], seed: number): Interval {
  const random = new Random(seed);
  const resampled = Array.from({ length: 1000 }, () => {
    let [own, other] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (let i = 0; i < ours.length; i++) {
      const round = random.uint32() % ours.length;
      own = Math.min(own, ours[round]!);
      other = Math.min(other, theirs[round]!);
    }
    return other / own;
  }).sort((a, b) => a - b);
  return {
    estimate: Math.min(...theirs) / Math.min(...ours),
    low: quantileOfSorted(resampled, 0.025),
    high: quantileOfSorted(resampled, 0.975),
  };
}
