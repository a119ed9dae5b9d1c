import type { QuantizationParameters } from '@qedge/core';
import { codeRange } from '../quantization/code-range.ts';
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

/** Sums over the weights of each scale that make up the gradient of its step. */
export interface StepSums {
  /** Over `gradient * code`. */
  readonly codes: Float64Array;
  /** Over `gradient * weight` of the weights that are not clipped; null where weights have no finer code (1 bit; ternary survivors). */
  readonly weights: Float64Array | null;
}

/**
 * The gradient of a kernel's learned step, one number per scale: Esser et al. 2020, eq. 3. With `u = weight / scale`, the scale gets the sum over
 * `gradient * (code - u)`, and `gradient * code` where weights are clipped or have no finer code. For `learned` it is multiplied by
 * `1 / sqrt(weights * largest code)` (section 2.2 there), for `learned-logarithm` by the scale, which makes it the gradient of the logarithm.
 *
 * @param size weights of the kernel.
 */
export function stepGradient(
  { codes, weights }: StepSums,
  size: number,
  outputs: number,
  quantization: QuantizationParameters,
  { step }: Pick<KernelQuantization, 'step'>,
): Float32Array {
  const { scales, bits } = quantization;
  const layout = scaleLayout(size, matrixShape(size, outputs), quantization);
  const { high } = codeRange(bits, true);
  return Float32Array.from(codes, (codeSum, index) => {
    const sum = codeSum - (weights ? weights[index]! / scales[index]! : 0);
    if (step === 'learned-logarithm') return sum * scales[index]!;
    return sum / Math.sqrt(Math.max(1, weightsPerScale(layout, index)) * high);
  });
}

/**
 * The sums over `gradient * code` of a kernel, one per scale: that of a scale which all weights of an output channel share, or all weights, is
 * the sum over outputs times their gradients, divided by the scale.
 *
 * @param output what the product with `codes * scale` gave, `[..., outputs]`, and `outputGradient` with respect to it.
 * @param scales one per output channel, or a single one.
 */
export function sumCodesByOutput(
  output: Float32Array,
  outputGradient: Float32Array,
  outputs: number,
  scales: Float32Array,
): Float64Array {
  const sums = new Float64Array(outputs);
  for (let i = 0; i < output.length; ) {
    for (let channel = 0; channel < outputs; channel++, i++)
      sums[channel]! += output[i]! * outputGradient[i]!;
  }
  if (scales.length !== 1) return sums.map((sum, channel) => sum / scales[channel]!);
  return Float64Array.of(sums.reduce((all, sum) => all + sum, 0) / scales[0]!);
}

/** Sums of a kernel's numbers, one per scale. */
export function sumPerScale(
  values: Float32Array,
  outputs: number,
  quantization: QuantizationParameters,
): Float64Array {
  const sums = new Float64Array(quantization.scales.length);
  const layout = scaleLayout(values.length, matrixShape(values.length, outputs), quantization);
  forEachScaleRun(layout, (index, from, to) => {
    for (let i = from; i < to; i++) sums[index]! += values[i]!;
  });
  return sums;
}

function weightsPerScale({ outer, channels, stride, groupSize }: ScaleLayout, index: number): number {
  const group = Math.floor(index / Math.max(1, channels));
  return stride * Math.min(groupSize, outer - group * groupSize);
}
