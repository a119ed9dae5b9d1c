import type { QuantizationParameters, Shape } from '@qedge/core';
import { codeRange } from './code-range.ts';
import { createRangeObserver, type RangeMethod } from './create-range-observer.ts';
import { type CodeFormat, codeRanges } from './range-coding.ts';
import { extremesPerScale, meanMagnitudesPerScale, valuesPerScale } from './scale-extremes.ts';
import { type QuantizationGranularity, scaleLayout } from './scale-layout.ts';

/** What {@link computeQuantizationParameters} is to make. */
export interface QuantizationOptions extends CodeFormat, QuantizationGranularity {
  /** How the range that the codes cover is chosen from the values of each scale. */
  readonly method: RangeMethod;
}

/**
 * Computes how to code real numbers as integers: `code = clamp(roundHalfEven(fround(value / scale)) + zeroPoint)`, and with 1 bit
 * `code = value < 0 ? -1 : 1`.
 *
 * The one rule behind quantisation-aware training, post-training quantisation and export, so that what was trained is what is
 * stored. Scales are rounded to float32. A channel of zeros gets scale 1, never 0 (at 1 bit, where there is no code for 0, the smallest normal
 * number).
 *
 * @param values row-major, of shape `shape`; read only. O(n) for `min-max`; other methods search.
 * @throws InvalidArgumentError for an impossible width, axis, group or method, ShapeMismatchError when `values` does not fill `shape`,
 *   NonFiniteValueError for NaN or infinity.
 */
export function computeQuantizationParameters(
  values: Float32Array,
  shape: Shape,
  options: QuantizationOptions,
): QuantizationParameters {
  codeRange(options.bits, options.symmetric);
  createRangeObserver(options.method, options);
  const layout = scaleLayout(values.length, shape, options);
  // Names the place of a value that is not finite, which the copies below would lose.
  const extremes = extremesPerScale(values, layout);
  if (options.method === 'min-max') return codeRanges(extremes, options, options);
  if (options.method === 'mse' && options.bits === 1) {
    return codeRanges(meanMagnitudesPerScale(values, layout), options, options);
  }
  const ranges = valuesPerScale(values, layout).map((members) => {
    const observer = createRangeObserver(options.method, options);
    observer.observe(members);
    return observer.range();
  });
  return codeRanges(ranges, options, options);
}
