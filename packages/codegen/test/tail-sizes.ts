/** Every number from 1 to `count`. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i + 1);
}

/** Every remainder of every number of lanes, and what lies around 3, 4 and 5 of the widest vectors. */
export const TAIL_SIZES: readonly number[] = [...upTo(34), 47, 48, 49, 63, 64, 65, 79, 80];

/** Every remainder of the widest vectors once, and what lies around 2, 3 and 5 of them. */
export const FEW_TAIL_SIZES: readonly number[] = [...upTo(17), 31, 33, 48, 79];
