/**
 * Plain-loop meaning of every kernel. Shares no code with `kernels/` and knows nothing of panels, tiles or padding.
 * float32 sums are rounded after every product and every addition, k ascending: the bits that strict kernels give.
 */

/** Sizes of a reference product: `A[rows, depth] * B[depth, columns]`, row-major. */
export interface ProductShape {
  readonly rows: number;
  readonly depth: number;
  readonly columns: number;
}

/** `C[rows, columns] = A * B` in float32. `c` is overwritten. */
export function referenceGemmFloat32(
  { rows, depth, columns }: ProductShape,
  a: Float32Array,
  b: Float32Array,
  c: Float32Array,
): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let k = 0; k < depth; k++) {
        sum = Math.fround(sum + Math.fround(a[row * depth + k]! * b[k * columns + column]!));
      }
      c[row * columns + column] = sum;
    }
  }
}

/** `C[rows, columns] = A * B` exactly, on centred int16 codes and int8 weight codes. `c` is overwritten. */
export function referenceGemmInteger(
  { rows, depth, columns }: ProductShape,
  a: Int16Array,
  b: Int8Array,
  c: Int32Array,
): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let k = 0; k < depth; k++) {
        sum = (sum + a[row * depth + k]! * b[k * columns + column]!) | 0;
      }
      c[row * columns + column] = sum;
    }
  }
}

/** `y = fround(fround(accumulator) * scale[column])`, row by row, into `y`. */
export function referenceScale(accumulators: Int32Array, scales: Float32Array, y: Float32Array): void {
  for (let i = 0; i < accumulators.length; i++) {
    y[i] = Math.fround(accumulators[i]!) * scales[i % scales.length]!;
  }
}

/** Adds `bias[column]` (unless null), then clamps at 0 for `relu`; in place, row by row. */
export function referenceEpilogue(y: Float32Array, bias: Float32Array | null, relu: boolean): void {
  for (let i = 0; i < y.length; i++) {
    if (bias !== null) y[i] = y[i]! + bias[i % bias.length]!;
    if (relu && y[i]! < 0) y[i] = 0;
  }
}
