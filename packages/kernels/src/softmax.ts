/**
 * Softmax of each of `rows` rows of `width` values in place: `exp(x - max) / sum`, so that nothing overflows; sums in
 * float64. A row with NaN becomes NaN.
 */
export function softmaxRows(values: Float32Array, rows: number, width: number): void {
  for (let row = 0; row < rows; row++) {
    const start = row * width;
    const end = start + width;
    let largest = Number.NEGATIVE_INFINITY;
    for (let i = start; i < end; i++) largest = Math.max(largest, values[i]!);
    let sum = 0;
    for (let i = start; i < end; i++) {
      const exponential = Math.exp(values[i]! - largest);
      values[i] = exponential;
      sum += exponential;
    }
    for (let i = start; i < end; i++) values[i] = values[i]! / sum;
  }
}
