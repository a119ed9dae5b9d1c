import type { Shape } from '@qedge/core';
import { invertPermutation, type Permutation, permute } from './permutation.ts';
import type { SunkOperator } from './sink-through-operator.ts';

/** Axes of a reshape's input that together become axes of its output. */
export interface AxisGroup {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** The smallest groups of axes with equal numbers of elements, in order; null when a shape has no elements. */
export function groupAxes(from: Shape, to: Shape): AxisGroup[] | null {
  if (from.includes(0) || to.includes(0)) return null;
  const groups: AxisGroup[] = [];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    const [first, second] = [i, j];
    let left = i < from.length ? from[i++]! : 1;
    let right = j < to.length ? to[j++]! : 1;
    while (left !== right) {
      if (left < right) left *= from[i++]!;
      else right *= to[j++]!;
    }
    groups.push({ from: range(first, i), to: range(second, j) });
  }
  return groups;
}

const range = (start: number, end: number): number[] =>
  Array.from({ length: end - start }, (_, index) => start + index);

/**
 * `reshape(transpose(x))` as `transpose(reshape'(x))`: possible when the axes that are merged or split lie side by side in `x`, in the same
 * order. Axes of size 1 lie anywhere.
 *
 * @param transposed the shape of `transpose(x)`.
 */
export function sinkThroughReshape(
  transposed: Shape,
  output: Shape,
  permutation: Permutation,
): SunkOperator | null {
  const groups = groupAxes(transposed, output);
  if (!groups) return null;
  const source = permute(transposed, invertPermutation(permutation));
  const places = new Map(
    source.flatMap((size, axis) => (size === 1 ? [] : [axis])).map((axis, i) => [axis, i]),
  );
  let previous = -1;
  const placed: { readonly group: AxisGroup; readonly place: number }[] = [];
  for (const group of groups) {
    const own = group.from.flatMap((axis) => places.get(permutation[axis]!) ?? []);
    if (own.some((place, i) => i > 0 && place !== own[i - 1]! + 1)) return null;
    previous = own[0] ?? previous;
    placed.push({ group, place: previous });
  }
  // Sorting is stable: groups of axes of size 1 stay behind those that they followed.
  const sorted = [...placed].sort((a, b) => a.place - b.place).flatMap(({ group }) => group.to);
  return {
    operator: { kind: 'reshape', shape: sorted.map((axis) => output[axis]!) },
    permutation: invertPermutation(sorted),
  };
}
