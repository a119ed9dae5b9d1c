import { type ActivationQuantization, NonFiniteValueError } from '@qedge/core';
import { codeRange, computeQuantizationParameters } from './quantization-parameters.ts';

/** The smallest and largest value that a layer was fed. */
export interface ActivationRange {
  readonly min: number;
  readonly max: number;
}

/**
 * The 8-bit unsigned coding of a range of activations: `code = clamp(roundHalfEven(x / scale) + zeroPoint, 0, 255)`.
 * The range is widened to hold 0, which is coded exactly.
 *
 * @throws NonFiniteValueError for NaN or infinity.
 */
export function activationQuantization({ min, max }: ActivationRange): ActivationQuantization {
  const options = { bits: 8, symmetric: false, axis: null, method: 'min-max' } as const;
  const { scales, zeroPoints } = computeQuantizationParameters(Float32Array.of(min, max), [2], options);
  // The shared rule codes into -128..127; activations use the same codes counted from 0.
  return { scale: scales[0], zeroPoint: zeroPoints[0] - codeRange(8, false).low };
}

/**
 * The range of a layer's input, followed through training by an exponential moving average, as in Jacob et al. 2018
 * (arXiv:1712.05877, section 3.1). The first observation is taken as it is.
 */
export class MovingActivationRange {
  readonly decay: number;
  #range: ActivationRange | null = null;

  /** @param decay weight of the past, 0 (only the last batch counts) up to, not including, 1. */
  constructor(decay: number) {
    this.decay = decay;
  }

  /** The average so far; `[0, 0]` before the first observation. */
  get range(): ActivationRange {
    return this.#range ?? { min: 0, max: 0 };
  }

  /** Takes the range of one more batch into the average. @throws NonFiniteValueError when training has diverged. */
  observe({ min, max }: ActivationRange): void {
    if (!Number.isFinite(min) || !Number.isFinite(max)) {
      throw new NonFiniteValueError('Activations are no longer finite', {
        expected: 'finite numbers',
        actual: [min, max],
        remedy: 'Lower the learning rate.',
      });
    }
    const past = this.#range;
    const mix = (before: number, now: number) => this.decay * before + (1 - this.decay) * now;
    this.#range = past ? { min: mix(past.min, min), max: mix(past.max, max) } : { min, max };
  }
}
