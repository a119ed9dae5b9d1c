/**
 * Plain-loop meaning of products on integers. Shares no code with `kernels/` and knows nothing of panels, tiles or padding.
 */

/** `sum of (a[k] - zeroPoint) * b[k]` over all k of `b`, exactly. Codes of A are uint8, codes of B int8; the sum must fit int32. */
export function referenceIntegerSum(a: ArrayLike<number>, zeroPoint: number, b: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < b.length; k++) sum += (a[k]! - zeroPoint) * b[k]!;
  return sum;
}

/** `f(f(sum) * scale)` with `scale = columnScale`, or `f(rowScale * columnScale)` unless the row has no scale; then `f(... + bias)`. */
export function referenceScaledSum(
  sum: number,
  rowScale: number | null,
  columnScale: number,
  bias: number | null,
): number {
  const scale = rowScale === null ? columnScale : Math.fround(rowScale * columnScale);
  const scaled = Math.fround(Math.fround(sum) * scale);
  return bias === null ? scaled : Math.fround(scaled + bias);
}

/** Sizes of a product: `A[rows, depth] * B[depth, columns]`, row-major. */
export interface IntegerProductSizes {
  readonly rows: number;
  readonly depth: number;
  readonly columns: number;
}

/** `C[rows, columns]` of int32 sums of uint8 codes A with one zero point per row, and int8 codes B. */
export function referenceIntegerGemm(
  { rows, depth, columns }: IntegerProductSizes,
  a: Uint8Array,
  zeroPoints: ArrayLike<number>,
  b: Int8Array,
): Int32Array {
  const c = new Int32Array(rows * columns);
  const column = new Int8Array(depth);
  for (let n = 0; n < columns; n++) {
    for (let k = 0; k < depth; k++) column[k] = b[k * columns + n]!;
    for (let m = 0; m < rows; m++) {
      c[m * columns + n] = referenceIntegerSum(
        a.subarray(m * depth, (m + 1) * depth),
        zeroPoints[m]!,
        column,
      );
    }
  }
  return c;
}
