import type { Random } from '@qedge/core';

/**
 * How many of `shots` give 1 where each does with probability `p`. One uniform number a shot: exact, and equal on every platform, which
 * logarithms would not be.
 */
export function drawOnes(shots: number, p: number, random: Random): number {
  let ones = 0;
  for (let shot = 0; shot < shots; shot++) if (random.uniform() < p) ones++;
  return ones;
}
