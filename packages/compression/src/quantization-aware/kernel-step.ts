import type { QuantizationParameters } from '@qedge/core';
import { codeRange, roundHalfEven } from '../quantization/code-range.ts';
import { computeQuantizationParameters } from '../quantization/quantization-parameters.ts';
import { valuesPerScale } from '../quantization/scale-extremes.ts';
import { forEachScaleRun, type ScaleLayout, scaleLayout } from '../quantization/scale-layout.ts';
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

/**
 * Turns the gradient with respect to `codes * scale` into those of the kernel and of its learned step.
 *
 * With `u = weight / scale` and the largest code `Q`: a weight passes its gradient on, but where it is clipped (`|u| >= Q + 1/2`) only one that
 * moves it back. The scale gets the sum over `gradient * (code - u)`, and `gradient * code` where weights are clipped or have no finer
 * code (1 bit; ternary survivors): Esser et al. 2020, eq. 3. For `learned` it is multiplied by `1 / sqrt(weights * Q)` (section 2.2 there), for
 * `learned-logarithm` by the scale, which makes it the gradient of the logarithm.
 *
 * @param gradient becomes the gradient of the kernel: where it would move clipped weights farther out, it is set to 0.
 * @returns the gradient of the step, one number per scale.
 */
export function splitStepGradient(
  values: Float32Array,
  outputs: number,
  quantization: QuantizationParameters,
  gradient: Float32Array,
  kernel: KernelQuantization,
): Float32Array {
  const { scales, bits } = quantization;
  const layout = scaleLayout(values.length, matrixShape(values.length, outputs), quantization);
  const { high } = codeRange(bits, true);
  const sums = new Float64Array(scales.length);
  if (bits === 1) sumSigned(values, layout, gradient, sums);
  else sumCoded(values, layout, scales, gradient, sums, { high, keepSurvivors: kernel.keepSurvivors });
  return Float32Array.from(sums, (sum, index) => {
    if (kernel.step === 'learned-logarithm') return sum * scales[index]!;
    return sum / Math.sqrt(Math.max(1, weightsPerScale(layout, index)) * high);
  });
}

/** 1 bit: no weight is clipped. */
function sumSigned(values: Float32Array, layout: ScaleLayout, gradient: Float32Array, sums: Float64Array) {
  forEachScaleRun(layout, (index, from, to) => {
    let sum = 0;
    for (let i = from; i < to; i++) sum += values[i]! < 0 ? -gradient[i]! : gradient[i]!;
    sums[index]! += sum;
  });
}

/** 2 bits or more. */
function sumCoded(
  values: Float32Array,
  { outer, channels, stride, groupSize }: ScaleLayout,
  scales: Float32Array,
  gradient: Float32Array,
  sums: Float64Array,
  { high, keepSurvivors }: { readonly high: number; readonly keepSurvivors: boolean },
): void {
  const limit = high + 0.5;
  const onlySigns = keepSurvivors && high === 1;
  for (let row = 0, i = 0; row < outer; row++) {
    const first = Math.floor(row / groupSize) * channels;
    for (let index = first; index < first + channels; index++) {
      const scale = scales[index]!;
      let sum = 0;
      for (const end = i + stride; i < end; i++) {
        // Removed weights have code 0, exactly.
        if (values[i] === 0) continue;
        const quotient = Math.fround(values[i]! / scale);
        const slope = gradient[i]!;
        if (quotient >= limit || quotient <= -limit) {
          sum += quotient < 0 ? -slope * high : slope * high;
          // A step against the gradient would take the weight farther out.
          if (slope * quotient < 0) gradient[i] = 0;
        } else if (onlySigns) sum += quotient < 0 ? -slope : quotient > 0 ? slope : 0;
        else {
          const code = roundHalfEven(quotient);
          sum += slope * ((keepSurvivors && code === 0 ? Math.sign(quotient) : code) - quotient);
        }
      }
      sums[index]! += sum;
    }
  }
}

function weightsPerScale({ outer, channels, stride, groupSize }: ScaleLayout, index: number): number {
  const group = Math.floor(index / Math.max(1, channels));
  return stride * Math.min(groupSize, outer - group * groupSize);
}
