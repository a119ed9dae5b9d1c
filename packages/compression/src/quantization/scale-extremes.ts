import { findExtremes } from './finite-values.ts';
import type { ValueRange } from './range-coding.ts';
import { forEachScaleRun, type ScaleLayout } from './scale-layout.ts';

/** The smallest and the largest value per scale, 0 included. @throws NonFiniteValueError for NaN or infinity, naming the place. */
export function extremesPerScale(values: Float32Array, layout: ScaleLayout): ValueRange[] {
  const minima = new Float32Array(layout.scaleCount);
  const maxima = new Float32Array(layout.scaleCount);
  const finite = layout.stride === 1 ? scanRows(values, layout, minima, maxima) : false;
  if (!finite) scanRuns(values, layout, minima, maxima);
  return Array.from(minima, (min, scale) => ({ min, max: maxima[scale]! }));
}

/** The common case, row by row; false where a value is not finite. */
function scanRows(
  values: Float32Array,
  { outer, channels, groupSize }: ScaleLayout,
  minima: Float32Array,
  maxima: Float32Array,
): boolean {
  for (let row = 0, i = 0; row < outer; row++) {
    const first = Math.floor(row / groupSize) * channels;
    for (let scale = first; scale < first + channels; scale++, i++) {
      const value = values[i]!;
      if (value < minima[scale]!) minima[scale] = value;
      else if (value > maxima[scale]!) maxima[scale] = value;
      else if (Number.isNaN(value)) return false;
    }
  }
  return minima.every(Number.isFinite) && maxima.every(Number.isFinite);
}

function scanRuns(
  values: Float32Array,
  layout: ScaleLayout,
  minima: Float32Array,
  maxima: Float32Array,
): void {
  forEachScaleRun(layout, (scale, from, to) => {
    const { min, max } = findExtremes(values, from, to);
    minima[scale] = Math.min(minima[scale]!, min);
    maxima[scale] = Math.max(maxima[scale]!, max);
  });
}

/** The range `[-m, m]` of the mean magnitude `m` of each scale's values, which are finite. */
export function meanMagnitudesPerScale(values: Float32Array, layout: ScaleLayout): ValueRange[] {
  const { outer, channels, stride, groupSize, scaleCount } = layout;
  const sums = new Float64Array(scaleCount);
  const counts = new Float64Array(scaleCount);
  for (let o = 0, i = 0; o < outer; o++) {
    const first = Math.floor(o / groupSize) * channels;
    for (let scale = first; scale < first + channels; scale++) {
      for (const end = i + stride; i < end; i++) sums[scale]! += Math.abs(values[i]!);
      counts[scale]! += stride;
    }
  }
  return Array.from(sums, (sum, scale) => {
    const mean = sum / Math.max(1, counts[scale]!);
    return { min: -mean, max: mean };
  });
}

/** The values of each scale, copied, in their order. */
export function valuesPerScale(values: Float32Array, layout: ScaleLayout): Float32Array[] {
  const { outer, channels, stride, groupSize, scaleCount } = layout;
  const members = Array.from({ length: scaleCount }, (_, scale) => {
    const before = Math.floor(scale / Math.max(1, channels)) * groupSize;
    return new Float32Array(stride * Math.max(0, Math.min(groupSize, outer - before)));
  });
  const filled = new Uint32Array(scaleCount);
  for (let o = 0, i = 0; o < outer; o++) {
    const first = Math.floor(o / groupSize) * channels;
    for (let scale = first; scale < first + channels; scale++) {
      const own = members[scale]!;
      for (const end = i + stride; i < end; i++) own[filled[scale]!++] = values[i]!;
    }
  }
  return members;
}
