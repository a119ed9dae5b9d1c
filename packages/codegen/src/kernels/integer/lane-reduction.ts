import type { Target, Vector } from '../../target/target.ts';

/** Combines all lanes of `vector`, so that each holds the result. The operation must not depend on the order. Overwrites `other`. */
export function emitLaneReduction(
  target: Target<unknown>,
  combine: (other: Vector) => void,
  vector: Vector,
  other: Vector,
): void {
  for (let mask = 1; mask < target.traits.lanes; mask *= 2) {
    target.exchange(other, vector, mask);
    combine(other);
  }
}
