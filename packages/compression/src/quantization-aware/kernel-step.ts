import type { QuantizationParameters } from '@qedge/core';
import { codeRange, roundHalfEven } from '../quantization/code-range.ts';
import { computeQuantizationParameters } from '../quantization/quantization-parameters.ts';
import { valuesPerScale } from '../quantization/scale-extremes.ts';
import { type ScaleLayout, scaleLayout } from '../quantization/scale-layout.ts';
import { kernelCodes, kernelGranularity, kernelParameters, matrixShape } from './kernel-codes.ts';
import type { KernelQuantization } from './layer-quantization.ts';

/**
 * What a layer's weight for the step starts from: the scales with the least squared error. Where surviving weights keep a code other than 0, the
 * search counts only them, with that rule.
 */
export function initialStep(values: Float32Array, outputs: number, kernel: KernelQuantization): Float32Array {
  const scales = kernel.keepSurvivors
    ? survivorScales(values, outputs, kernel)
    : computeQuantizationParameters(values, [values.length / outputs, outputs], {
        bits: kernel.bits,
        symmetric: true,
        ...kernelGranularity(kernel),
        method: 'mse',
      }).scales;
  return kernel.step === 'learned-logarithm' ? scales.map(Math.log) : scales;
}

const CANDIDATES = 60;

function survivorScales(values: Float32Array, outputs: number, kernel: KernelQuantization): Float32Array {
  const layout = scaleLayout(values.length, [values.length / outputs, outputs], kernelGranularity(kernel));
  const single: KernelQuantization = { ...kernel, granularity: 'tensor', step: 'learned' };
  return Float32Array.from(valuesPerScale(values, layout), (members) => {
    const survivors = members.filter((value) => value !== 0);
    if (survivors.length === 0) return 1;
    const largest = survivors.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    const error = (scale: number) => {
      const parameters = kernelParameters(survivors, 1, single, Float32Array.of(scale));
      const codes = kernelCodes(survivors, 1, parameters, true);
      return codes.reduce((sum, code, i) => sum + (code * scale - survivors[i]!) ** 2, 0);
    };
    let best = largest / codeRange(kernel.bits, true).high;
    let least = error(best);
    for (let i = 0; i < CANDIDATES; i++) {
      const fraction = 0.15 + (1.05 * i) / (CANDIDATES - 1);
      const scale = (fraction * largest) / codeRange(kernel.bits, true).high;
      const found = error(scale);
      if (found >= least) continue;
      least = found;
      best = scale;
    }
    return best;
  });
}

/** What reaches the weights behind the codes. */
export interface KernelGradients {
  readonly kernel: Float32Array;
  /** One number per scale. */
  readonly step: Float32Array;
}

/**
 * Gradients of a kernel and of its learned step from the gradient with respect to `codes * scale`.
 *
 * With `u = weight / scale` and the largest code `Q`: a weight passes its gradient on, but where it is clipped (`|u| >= Q + 1/2`) only one that
 * moves it back. The scale gets the sum over `gradient * (code - u)`, and `gradient * code` where weights are clipped or have no finer
 * code (1 bit; ternary survivors): Esser et al. 2020, eq. 3. For `learned` it is multiplied by `1 / sqrt(weights * Q)` (section 2.2 there), for
 * `learned-logarithm` by the scale, which makes it the gradient of the logarithm.
 */
export function stepGradients(
  values: Float32Array,
  outputs: number,
  quantization: QuantizationParameters,
  gradient: Float32Array,
  kernel: KernelQuantization,
): KernelGradients {
  const { scales, bits } = quantization;
  const layout = scaleLayout(values.length, matrixShape(values.length, outputs), quantization);
  const high = codeRange(bits, true).high;
  const onlySigns = bits === 1 || (kernel.keepSurvivors && high === 1);
  const limit = bits === 1 ? Number.POSITIVE_INFINITY : high + 0.5;
  const kernelGradient = gradient.slice();
  const sums = new Float64Array(scales.length);
  const { outer, channels, stride, groupSize } = layout;
  for (let row = 0, i = 0; row < outer; row++) {
    const first = Math.floor(row / groupSize) * channels;
    for (let index = first; index < first + channels; index++) {
      const scale = scales[index]!;
      let sum = 0;
      for (const end = i + stride; i < end; i++) {
        const quotient = Math.fround(values[i]! / scale);
        const sign = Math.sign(quotient);
        const isClipped = Math.abs(quotient) >= limit;
        if (onlySigns) sum += gradient[i]! * (bits === 1 && sign === 0 ? 1 : sign);
        else if (isClipped) sum += gradient[i]! * sign * high;
        else {
          const code = roundHalfEven(quotient);
          sum += gradient[i]! * ((code === 0 && kernel.keepSurvivors ? sign : code) - quotient);
        }
        // A step against the gradient would take the weight farther out.
        if (isClipped && gradient[i]! * quotient < 0) kernelGradient[i] = 0;
      }
      sums[index]! += sum;
    }
  }
  const step = Float32Array.from(sums, (sum, index) => {
    if (kernel.step === 'learned-logarithm') return sum * scales[index]!;
    return sum / Math.sqrt(Math.max(1, weightsPerScale(layout, index)) * high);
  });
  return { kernel: kernelGradient, step };
}

function weightsPerScale({ outer, channels, stride, groupSize }: ScaleLayout, index: number): number {
  const group = Math.floor(index / Math.max(1, channels));
  return stride * Math.min(groupSize, outer - group * groupSize);
}
