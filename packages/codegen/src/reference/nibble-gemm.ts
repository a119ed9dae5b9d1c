/**
 * Plain-loop meaning of products with nibble weights. Shares no code with `kernels/` and knows nothing of panels or tiles.
 */

/** Depth that shares one scale. */
const GROUP_DEPTH = 32;

/** What one element of a product is made of: a row of A and a column of B. */
export interface NibbleElement {
  /** int8 codes of the row, one for each depth. */
  readonly codes: ArrayLike<number>;
  /** float32 scales of the row, one for each group of 32. */
  readonly rowScales: ArrayLike<number>;
  /** Weights 0..15 of the column, one for each depth. */
  readonly nibbles: ArrayLike<number>;
  /** float32 scales of the column, one for each group. */
  readonly columnScales: ArrayLike<number>;
  /** Zero points 0..15 of the column, one for each group. */
  readonly zeroPoints: ArrayLike<number>;
}

/**
 * The sum over the groups, each step rounded to float32, the groups ascending: the bits that strict kernels give. `magnitude` is the sum
 * of the magnitudes of the groups' terms, which rounding errors are relative to.
 */
export function referenceNibbleSum({ codes, rowScales, nibbles, columnScales, zeroPoints }: NibbleElement): {
  readonly value: number;
  readonly magnitude: number;
} {
  let [value, magnitude] = [0, 0];
  for (let group = 0; group * GROUP_DEPTH < codes.length; group++) {
    let integers = 0;
    const end = Math.min(codes.length, (group + 1) * GROUP_DEPTH);
    for (let k = group * GROUP_DEPTH; k < end; k++)
      integers += codes[k]! * (nibbles[k]! - zeroPoints[group]!);
    const scale = Math.fround(rowScales[group]! * columnScales[group]!);
    value = Math.fround(value + Math.fround(integers * scale));
    magnitude += Math.abs(integers * scale);
  }
  return { value, magnitude };
}
