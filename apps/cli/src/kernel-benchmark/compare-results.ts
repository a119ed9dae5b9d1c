/**
 * How two results differ, or null when they agree: within 2 % of the largest value at most and 0.2 % in the root mean square, which
 * lets different orders of summation and roundings of activations to int8 pass, and no mistake. Integers pass only when equal.
 */
export function describeDifference(expected: ArrayLike<number>, actual: ArrayLike<number>): string | null {
  if (expected.length !== actual.length) {
    return `${actual.length} values instead of ${expected.length}`;
  }
  const exact = actual instanceof Int32Array;
  let [largest, squares, differences, worst, place] = [0, 0, 0, 0, 0];
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(expected[i]! - actual[i]!);
    largest = Math.max(largest, Math.abs(expected[i]!));
    squares += expected[i]! ** 2;
    differences += difference ** 2;
    if (difference > worst || Number.isNaN(difference)) [worst, place] = [difference, i];
    if (Number.isNaN(difference)) break;
  }
  const agree = exact
    ? worst === 0
    : worst <= 0.02 * largest && differences <= 0.002 * 0.002 * squares + 1e-30;
  return agree ? null : `value ${place} is ${actual[place]}, not ${expected[place]}`;
}
