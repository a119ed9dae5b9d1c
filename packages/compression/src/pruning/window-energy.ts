/** How a kernel moves over pictures `[height, width, channels]`. */
export interface WindowGeometry {
  /** Taps: height, width. */
  readonly size: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly padding: 'valid' | 'same';
}

/** Energies that the rows of a convolution's kernel meet. */
export interface WindowEnergy {
  /** `[kernel height, kernel width, channels]`: the sum over all places of the window. */
  readonly sums: Float64Array;
  /** How many places the window takes. */
  readonly places: number;
}

/**
 * Adds up what each tap of a window meets on its way over a picture: the columns of the unfolded picture (im2col), without unfolding it.
 * Taps in the padding meet 0.
 *
 * @param energy `[height, width, channels]`, row-major, as sums of squares over samples.
 */
export function sumWindowEnergy(
  energy: ArrayLike<number>,
  [height, width, channels]: readonly [number, number, number],
  geometry: WindowGeometry,
): WindowEnergy {
  const [rows, columns] = [axisTaps(height, geometry, 0), axisTaps(width, geometry, 1)];
  const sums = new Float64Array(rows.taps.length * columns.taps.length * channels);
  let at = 0;
  for (const visitedRows of rows.taps) {
    for (const visitedColumns of columns.taps) {
      for (const row of visitedRows) {
        for (const column of visitedColumns) {
          const first = (row * width + column) * channels;
          for (let channel = 0; channel < channels; channel++) sums[at + channel] += energy[first + channel]!;
        }
      }
      at += channels;
    }
  }
  return { sums, places: rows.places * columns.places };
}

/** For each tap along one axis, the cells that it visits; those in the padding are left out. */
function axisTaps(length: number, { size, strides, dilations, padding }: WindowGeometry, axis: 0 | 1) {
  const [taps, stride, dilation] = [size[axis], strides[axis], dilations[axis]];
  const reach = (taps - 1) * dilation + 1;
  const places = padding === 'same' ? Math.ceil(length / stride) : Math.floor((length - reach) / stride) + 1;
  const padded = padding === 'same' ? Math.max(0, (places - 1) * stride + reach - length) : 0;
  const before = Math.floor(padded / 2);
  const visited = Array.from({ length: taps }, (_, tap) =>
    Array.from({ length: places }, (_, place) => place * stride + tap * dilation - before).filter(
      (cell) => cell >= 0 && cell < length,
    ),
  );
  return { taps: visited, places };
}
