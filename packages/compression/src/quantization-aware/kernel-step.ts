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

/**
 * Turns the gradient with respect to `codes * scale` into those of the kernel and of its learned step: Esser et al. 2020, eq. 3 and 5.
 *
 * With `u = weight / scale` and the largest code `Q`, a weight with `|u| >= Q` is clipped, before it would be rounded. It gets no gradient, others get
 * all of it. The scale gets the sum over `gradient * (code - u)`, and `gradient * code` where weights are clipped or have no finer code (1 bit;
 * ternary survivors). For `learned` it is multiplied by `1 / sqrt(weights * Q)` (section 2.2 there), for `learned-logarithm` by the scale, which
 * makes it the gradient of the logarithm.
 *
 * @param gradient becomes the gradient of the kernel: that of clipped weights is set to 0.
 * @param codeSums the sums over `gradient * code`, one per scale; written to.
 * @returns the gradient of the step, one number per scale.
 */
export function splitStepGradient(
  values: Float32Array,
  outputs: number,
  quantization: QuantizationParameters,
  gradient: Float32Array,
  codeSums: Float64Array,
  kernel: KernelQuantization,
): Float32Array {
  const { scales, bits } = quantization;
  const layout = scaleLayout(values.length, matrixShape(values.length, outputs), quantization);
  const { high } = codeRange(bits, true);
  if (bits > 1) {
    const limits = scales.map((scale) => scale * high);
    const weightSums = clipGradient(values, layout, gradient, limits);
    const onlySigns = kernel.keepSurvivors && high === 1;
    if (!onlySigns) {
      for (let index = 0; index < codeSums.length; index++)
        codeSums[index]! -= weightSums[index]! / scales[index]!;
    }
  }
  return Float32Array.from(codeSums, (sum, index) => {
    if (kernel.step === 'learned-logarithm') return sum * scales[index]!;
    return sum / Math.sqrt(Math.max(1, weightsPerScale(layout, index)) * high);
  });
}

/** Sets the gradient of clipped weights to 0. @returns the sums over `gradient * weight` of the others, one per scale. */
function clipGradient(
  values: Float32Array,
  layout: ScaleLayout,
  gradient: Float32Array,
  limits: Float32Array,
): Float64Array {
  const { outer, channels, stride, groupSize } = layout;
  const sums = new Float64Array(layout.scaleCount);
  if (stride === 1) {
    for (let row = 0; row < outer; row += groupSize) {
      const first = (row / groupSize) * channels;
      const place = {
        from: row * channels,
        to: Math.min(outer, row + groupSize) * channels,
        channels,
        first,
      };
      clipColumns(values, gradient, limits, sums, place);
    }
    return sums;
  }
  forEachScaleRun(layout, (index, from, to) => {
    sums[index]! += clipColumn(values, gradient, limits[index]!, { from, to, channels: 1 });
  });
  return sums;
}

/** Elements `from, from + channels, ...` below `to`. */
interface Column {
  readonly from: number;
  readonly to: number;
  readonly channels: number;
}

const COLUMNS_AT_ONCE = 4;

/** {@link clipGradient} of rows whose columns have the scales from number `first` on. Four columns at a time, whose sums stay in registers. */
function clipColumns(
  values: Float32Array,
  gradient: Float32Array,
  limits: Float32Array,
  sums: Float64Array,
  { from, to, channels, first }: Column & { readonly first: number },
): void {
  let channel = 0;
  for (; channel + COLUMNS_AT_ONCE <= channels; channel += COLUMNS_AT_ONCE) {
    const at = first + channel;
    const [limit0, limit1, limit2, limit3] = [limits[at]!, limits[at + 1]!, limits[at + 2]!, limits[at + 3]!];
    let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0];
    for (let i = from + channel; i < to; i += channels) {
      if (Math.abs(values[i]!) < limit0) sum0 += gradient[i]! * values[i]!;
      else gradient[i] = 0;
      if (Math.abs(values[i + 1]!) < limit1) sum1 += gradient[i + 1]! * values[i + 1]!;
      else gradient[i + 1] = 0;
      if (Math.abs(values[i + 2]!) < limit2) sum2 += gradient[i + 2]! * values[i + 2]!;
      else gradient[i + 2] = 0;
      if (Math.abs(values[i + 3]!) < limit3) sum3 += gradient[i + 3]! * values[i + 3]!;
      else gradient[i + 3] = 0;
    }
    sums.set([sum0, sum1, sum2, sum3], at);
  }
  for (; channel < channels; channel++) {
    const at = first + channel;
    sums[at] = clipColumn(values, gradient, limits[at]!, { from: from + channel, to, channels });
  }
}

/** Sets the gradient of clipped weights of a column to 0. @returns the sum over `gradient * weight` of the others. */
function clipColumn(
  values: Float32Array,
  gradient: Float32Array,
  limit: number,
  { from, to, channels }: Column,
): number {
  let sum = 0;
  for (let i = from; i < to; i += channels) {
    if (Math.abs(values[i]!) < limit) sum += gradient[i]! * values[i]!;
    else gradient[i] = 0;
  }
  return sum;
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

/** As {@link sumCodesByOutput} for any scales, from the decoded kernel and the gradient with respect to it. */
export function sumCodesByWeight(
  decoded: Float32Array,
  gradient: Float32Array,
  outputs: number,
  quantization: QuantizationParameters,
): Float64Array {
  const { scales } = quantization;
  const sums = new Float64Array(scales.length);
  forEachScaleRun(
    scaleLayout(decoded.length, matrixShape(decoded.length, outputs), quantization),
    (index, from, to) => {
      for (let i = from; i < to; i++) sums[index]! += decoded[i]! * gradient[i]!;
    },
  );
  return sums.map((sum, index) => sum / scales[index]!);
}

function weightsPerScale({ outer, channels, stride, groupSize }: ScaleLayout, index: number): number {
  const group = Math.floor(index / Math.max(1, channels));
  return stride * Math.min(groupSize, outer - group * groupSize);
}
