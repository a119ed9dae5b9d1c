import type { QuantizationParameters } from '@qedge/core';
import { computeQuantizationParameters } from '../quantization/quantization-parameters.ts';
import { writeCodes } from '../quantization/quantize-tensor.ts';
import { type QuantizationGranularity, type ScaleLayout, scaleLayout } from '../quantization/scale-layout.ts';
import type { KernelQuantization } from './layer-quantization.ts';

/** A kernel as it is multiplied. */
export interface KernelCodes {
  /** `[rows, outputs]`, whole numbers in float32. */
  readonly codes: Float32Array;
  readonly quantization: QuantizationParameters;
  readonly layout: ScaleLayout;
}

const SMALLEST_NORMAL_FLOAT32 = 2 ** -126;

/**
 * Codes a kernel `[rows, outputs]` as a layer in training does, and so as it is exported.
 *
 * @param step what the layer's weight for the step holds, one number per scale; null for `range`.
 * @throws NonFiniteValueError for NaN or infinity.
 */
export function codeKernel(
  values: Float32Array,
  outputs: number,
  kernel: KernelQuantization,
  step: Float32Array | null,
): KernelCodes {
  const shape = [outputs === 0 ? 0 : values.length / outputs, outputs];
  const granularity = kernelGranularity(kernel);
  const layout = scaleLayout(values.length, shape, granularity);
  const quantization = step
    ? steppedParameters(kernel, granularity, step)
    : computeQuantizationParameters(values, shape, {
        bits: kernel.bits,
        symmetric: true,
        ...granularity,
        method: kernel.bits === 1 ? 'mse' : 'min-max',
      });
  const codes = new Float32Array(values.length);
  writeCodes(values, layout, quantization, codes, step === null);
  if (kernel.keepSurvivors) keepSurvivors(values, codes);
  return { codes, quantization, layout };
}

/** `codes * scale` in float32. */
export function decodeKernel({ codes, quantization: { scales }, layout }: KernelCodes): Float32Array {
  const values = new Float32Array(codes.length);
  const { outer, channels, stride, groupSize } = layout;
  for (let row = 0, i = 0; row < outer; row++) {
    const first = Math.floor(row / groupSize) * channels;
    for (let index = first; index < first + channels; index++) {
      for (const end = i + stride; i < end; i++) values[i] = codes[i]! * scales[index]!;
    }
  }
  return values;
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

function steppedParameters(
  kernel: KernelQuantization,
  granularity: QuantizationGranularity,
  step: Float32Array,
): QuantizationParameters {
  const scales = stepScales(step, kernel);
  const zeroPoints = new Int32Array(scales.length);
  return { bits: kernel.bits, symmetric: true, scales, zeroPoints, ...granularity };
}

/** Codes of weights that are not 0 move away from 0. */
function keepSurvivors(values: Float32Array, codes: Float32Array): void {
  for (let i = 0; i < values.length; i++) {
    if (codes[i] === 0 && values[i] !== 0) codes[i] = values[i]! < 0 ? -1 : 1;
  }
}
