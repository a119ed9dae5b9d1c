import type { OperatorOf } from '@qedge/core';

type Resize = OperatorOf<'resize'>;

const { fround } = Math;

/**
 * Where along an axis of the source a cell of the output lies: ONNX's `coordinate_transformation_mode`. Calculated in float32, operation by
 * operation as ONNX Runtime does, because a rounding decides which cell is nearest.
 *
 * @param length cells of the source.
 * @param resized cells of the output.
 * @param scale output cells per source cell.
 */
export function sourceCoordinate(
  coordinates: Resize['coordinates'],
  index: number,
  length: number,
  resized: number,
  scale: number,
): number {
  const factor = fround(scale);
  const centre = () => fround(fround(fround(index + 0.5) / factor) - 0.5);
  switch (coordinates) {
    case 'half-pixel':
      return centre();
    case 'pytorch-half-pixel':
      return resized > 1 ? centre() : 0;
    case 'asymmetric':
      return fround(index / factor);
    case 'align-corners':
      return resized === 1 ? 0 : fround(fround(index * fround(length - 1)) / fround(resized - 1));
    case 'half-pixel-symmetric': {
      const adjustment = fround(resized / fround(factor * length));
      const offset = fround(fround(length / 2) * fround(1 - adjustment));
      return fround(fround(offset + fround(fround(index + 0.5) / factor)) - 0.5);
    }
  }
}

/** The cell that is nearest to a coordinate, inside the source. */
export function nearestCell(nearest: Resize['nearest'], coordinate: number, length: number): number {
  const floor = Math.floor(coordinate);
  const half = coordinate - floor === 0.5;
  const round = half ? floor + (nearest === 'round-prefer-ceil' ? 1 : 0) : Math.round(coordinate);
  const cell = nearest === 'floor' ? floor : nearest === 'ceil' ? Math.ceil(coordinate) : round;
  return Math.min(Math.max(cell, 0), length - 1);
}

/** Cells of the source along one axis, and how much each of them counts, for every cell of the output. */
export interface ResizeTable {
  /** Cells per output cell: 1 (nearest), 2 (linear) or 4 (cubic). */
  readonly taps: number;
  /** `[resized, taps]` */
  readonly cells: Int32Array;
  /** `[resized, taps]` */
  readonly weights: Float64Array;
}

/** The table of one axis: 0 for the height, 1 for the width. Cells beyond the edge are the edge's. */
export function resizeTable(operator: Resize, length: number, axis: 0 | 1): ResizeTable {
  const { mode, size, scales, coordinates, nearest, cubicCoefficient } = operator;
  const resized = size[axis];
  const taps = mode === 'nearest' ? 1 : mode === 'linear' ? 2 : 4;
  const cells = new Int32Array(resized * taps);
  const weights = new Float64Array(resized * taps).fill(1);
  for (let i = 0; i < resized; i++) {
    const at = sourceCoordinate(coordinates, i, length, resized, scales[axis]);
    if (mode === 'nearest') {
      cells[i] = nearestCell(nearest, at, length);
      continue;
    }
    const first = Math.floor(at) - (mode === 'linear' ? 0 : 1);
    const fraction = at - Math.floor(at);
    const shares = mode === 'linear' ? [1 - fraction, fraction] : cubicWeights(fraction, cubicCoefficient);
    for (let tap = 0; tap < taps; tap++) {
      cells[i * taps + tap] = Math.min(Math.max(first + tap, 0), length - 1);
      weights[i * taps + tap] = shares[tap]!;
    }
  }
  return { taps, cells, weights };
}

/** Keys, "Cubic convolution interpolation for digital image processing" (1981), with coefficient `a`. */
function cubicWeights(fraction: number, a: number): number[] {
  const far = (x: number) => ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  const near = (x: number) => ((a + 2) * x - (a + 3)) * x * x + 1;
  return [far(1 + fraction), near(fraction), near(1 - fraction), far(2 - fraction)];
}
