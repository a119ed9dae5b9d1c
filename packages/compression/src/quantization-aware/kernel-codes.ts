import type { QuantizationParameters } from '@qedge/core';
import { computeQuantizationParameters } from '../quantization/quantization-parameters.ts';
import { quantizeTensor } from '../quantization/quantize-tensor.ts';
import { type QuantizationGranularity, scaleLayout } from '../quantization/scale-layout.ts';
import type { KernelQuantization } from './layer-quantization.ts';

const SMALLEST_NORMAL_FLOAT32 = 2 ** -126;

/**
 * The scales of a kernel `[rows, outputs]` of a layer in training.
 *
 * @param step what the layer's weight for the step holds, one number per scale; null for `range`.
 * @throws NonFiniteValueError for NaN or infinity.
 */
export function kernelParameters(
  values: Float32Array,
  outputs: number,
  kernel: KernelQuantization,
  step: Float32Array | null,
): QuantizationParameters {
  const granularity = kernelGranularity(kernel);
  const format = { bits: kernel.bits, symmetric: true, ...granularity };
  if (!step) {
    const method = kernel.bits === 1 ? 'mse' : 'min-max';
    return computeQuantizationParameters(values, matrixShape(values.length, outputs), { ...format, method });
  }
  const scales = stepScales(step, kernel);
  return { ...format, scales, zeroPoints: new Int32Array(scales.length) };
}

/** The codes of a kernel `[rows, outputs]`, as {@link writeKernelCodes} of tensors gives them. @throws NonFiniteValueError for NaN. */
export function kernelCodes(
  values: Float32Array,
  outputs: number,
  quantization: QuantizationParameters,
  keepSurvivors: boolean,
): Int8Array {
  const codes = quantizeTensor(values, matrixShape(values.length, outputs), quantization);
  if (!keepSurvivors) return codes;
  return codes.map((code, i) => (code === 0 ? Math.sign(values[i]!) : code));
}

/** A kernel as a matrix. */
export function matrixShape(length: number, outputs: number): [number, number] {
  return [outputs === 0 ? 0 : length / outputs, outputs];
}

/** The granularity of a kernel seen as a matrix `[rows, outputs]`. */
export function kernelGranularity({ granularity }: KernelQuantization): QuantizationGranularity {
  if (granularity === 'tensor') return { axis: null };
  return granularity === 'channel' ? { axis: 1 } : { axis: 1, groupSize: granularity.groupSize };
}

/** How many scales a kernel has. */
export function kernelScaleCount(rows: number, outputs: number, kernel: KernelQuantization): number {
  return scaleLayout(rows * outputs, [rows, outputs], kernelGranularity(kernel)).scaleCount;
}

/** The scales that a layer's weight for the step stands for. They are never 0 or negative. */
export function stepScales(
  step: Float32Array,
  { step: kind }: Pick<KernelQuantization, 'step'>,
): Float32Array {
  const scale = kind === 'learned-logarithm' ? Math.exp : (value: number) => value;
  return step.map((value) => Math.max(SMALLEST_NORMAL_FLOAT32, scale(value)));
}
