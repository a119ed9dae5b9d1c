import { InvalidArgumentError } from '@qedge/core';
import type { ValueRange } from './range-coding.ts';
import { RecordingObserver } from './recording-observer.ts';
import { ValueHistogram } from './value-histogram.ts';

/**
 * Leaves out the share of values that lies farthest out, as `PercentileCalibrater` of ONNX Runtime: `(100 - percentile) / 2` percent on
 * either side, or for symmetric codes `100 - percentile` percent of the magnitudes. Never wider than what was seen. The ends are
 * edges of histogram bins, which lie within 1/2048 of the largest magnitude of the true quantiles.
 */
export class PercentileObserver extends RecordingObserver<ValueHistogram> {
  readonly percentile: number;
  readonly #symmetric: boolean;

  /** @param percentile above 0, up to 100. @throws InvalidArgumentError for another. */
  constructor(percentile: number, symmetric: boolean) {
    super(new ValueHistogram());
    if (!(percentile > 0 && percentile <= 100)) {
      throw new InvalidArgumentError('A percentile is out of range', {
        expected: '0 < percentile <= 100',
        actual: percentile,
      });
    }
    this.percentile = percentile;
    this.#symmetric = symmetric;
  }

  protected override chooseRange(histogram: ValueHistogram): ValueRange {
    return this.#symmetric ? this.#magnitudeRange(histogram) : this.#tailRange(histogram);
  }

  /** The smallest edge that at least `percentile` percent of the magnitudes do not exceed. */
  #magnitudeRange(histogram: ValueHistogram): ValueRange {
    const { counts, halfBins, width, zeros, extremes } = histogram;
    const wanted = (this.percentile / 100) * totalCount(histogram);
    let covered = zeros;
    let bins = 0;
    while (covered < wanted && bins < halfBins) {
      covered += counts[halfBins + bins]! + counts[halfBins - 1 - bins]!;
      bins += 1;
    }
    const end = bins === 0 ? 0 : bins * width;
    return { min: Math.max(extremes.min, -end), max: Math.min(extremes.max, end) };
  }

  /** The innermost edges with at most half of the excess share beyond each. */
  #tailRange(histogram: ValueHistogram): ValueRange {
    const { counts, halfBins, width, extremes } = histogram;
    const allowed = ((100 - this.percentile) / 200) * totalCount(histogram);
    let below = 0;
    let first = 0;
    while (first < halfBins && below + counts[first]! <= allowed) below += counts[first++]!;
    let above = 0;
    let last = counts.length;
    while (last > halfBins && above + counts[last - 1]! <= allowed) above += counts[--last]!;
    const min = first === halfBins ? 0 : (first - halfBins) * width;
    const max = last === halfBins ? 0 : (last - halfBins) * width;
    return { min: Math.max(extremes.min, min), max: Math.min(extremes.max, max) };
  }
}

function totalCount({ counts, zeros }: ValueHistogram): number {
  return counts.reduce((sum, count) => sum + count, zeros);
}
