/** Orders of axes as `transpose` has them: axis `i` of the result is axis `permutation[i]` of what is transposed. */
export type Permutation = readonly number[];

export function isIdentityPermutation(permutation: Permutation): boolean {
  return permutation.every((from, to) => from === to);
}

/** The one transpose that does what `first` and then `second` do. */
export function composePermutations(first: Permutation, second: Permutation): number[] {
  return second.map((axis) => first[axis]!);
}

/** The transpose that undoes `permutation`. */
export function invertPermutation(permutation: Permutation): number[] {
  const inverse = new Array<number>(permutation.length);
  for (const [to, from] of permutation.entries()) inverse[from] = to;
  return inverse;
}

/** What a transpose makes of one entry per axis, such as a shape. */
export function permute<Entry>(entries: readonly Entry[], permutation: Permutation): Entry[] {
  return permutation.map((axis) => entries[axis]!);
}
