/**
 * What dense layers compute, in plain loops that know nothing of kernels. float32 sums are rounded after every product and every
 * addition, depth ascending: the bits that strict kernels give.
 */

/** Sizes of a product: `A[rows, depth] * B[depth, columns]`, row-major. */
export interface ProductShape {
  readonly rows: number;
  readonly depth: number;
  readonly columns: number;
}

/** `C[rows, columns] = A * B` in float32. `c` is overwritten. */
export function multiplyFloat32(
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
export function multiplyCodes(
  { rows, depth, columns }: ProductShape,
  a: Int16Array,
  b: Int8Array,
  c: Int32Array,
): void {
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      for (let k = 0; k < depth; k++) sum = (sum + a[row * depth + k]! * b[k * columns + column]!) | 0;
      c[row * columns + column] = sum;
    }
  }
}

/** `y = fround(fround(sum) * scale[column])`, row by row, into `y`. */
export function scaleSums(sums: Int32Array, scales: Float32Array, y: Float32Array): void {
  for (let i = 0; i < sums.length; i++) y[i] = Math.fround(sums[i]!) * scales[i % scales.length]!;
}

/** Adds `bias[column]` (unless null), then clamps at 0 for `relu`; in place, row by row. */
export function finishRows(y: Float32Array, bias: Float32Array | null, relu: boolean): void {
  for (let i = 0; i < y.length; i++) {
    if (bias !== null) y[i] = y[i]! + bias[i % bias.length]!;
    if (relu && y[i]! < 0) y[i] = 0;
  }
}

/**
 * Centred codes of float32 values: `clamp(nearestEven(fround(x / fround(scale))), -zeroPoint, 255 - zeroPoint)`, that is the
 * uint8 code minus the zero point. NaN becomes 0.
 */
export function quantizeValues(x: Float32Array, scale: number, zeroPoint: number, codes: Int16Array): void {
  const divisor = Math.fround(scale);
  for (let i = 0; i < x.length; i++) {
    const code = nearestEven(Math.fround(x[i]! / divisor));
    codes[i] = Number.isNaN(code) ? 0 : Math.max(-zeroPoint, Math.min(255 - zeroPoint, code));
  }
}

/** The nearest integer; a tie goes to the even one. */
function nearestEven(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}
