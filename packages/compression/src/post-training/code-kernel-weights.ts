import type { ProgressListener } from '@qedge/core';
import type { CodedWeight } from '../model/compressed-model.ts';
import type { KernelWeight } from '../model/kernel-weight.ts';
import { computeQuantizationParameters } from '../quantization/quantization-parameters.ts';
import { quantizeTensor } from '../quantization/quantize-tensor.ts';
import { kernelGranularity } from '../quantization-aware/kernel-codes.ts';
import type { Tensorflow } from '../tfjs/tensorflow.ts';
import type { InputMoments } from './input-moments.ts';
import type { KernelCoding } from './post-training-options.ts';
import { roundAdaptively } from './round-adaptively.ts';
import { codesOfSolution, stateRoundingProblem } from './rounding-problem.ts';

/** Of second moments, so that inputs that calibration hardly saw keep the nearest code. */
const DAMPING = 0.01;

/** What adaptive rounding runs with. */
export interface RoundingSettings {
  readonly iterations: number;
  readonly correctsBias: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ProgressListener | undefined;
}

/** Codes of a kernel, and by what adaptive rounding multiplied the squared error in the outputs (null where it was not asked for). */
export interface CodedKernel {
  readonly coded: CodedWeight;
  readonly roundingGain: number | null;
}

/**
 * Chooses the codes of a kernel.
 * @throws NonFiniteValueError for weights that are NaN or infinite, CancelledError.
 */
export async function codeKernelWeights(
  tf: Tensorflow,
  { weight, rows, outputs }: KernelWeight,
  coding: KernelCoding,
  moments: InputMoments | null,
  settings: RoundingSettings,
): Promise<CodedKernel> {
  const { bits, granularity, method, rounding } = coding;
  const shape = [rows, outputs];
  const quantization = computeQuantizationParameters(weight.data, shape, {
    bits,
    symmetric: true,
    method,
    ...kernelGranularity({ bits, granularity, step: 'range', keepSurvivors: false }),
  });
  if (rounding === 'nearest' || !moments) {
    const codes = quantizeTensor(weight.data, shape, quantization);
    return { coded: { codes, quantization }, roundingGain: null };
  }
  const error = moments.outputError({ isCentred: settings.correctsBias, damping: DAMPING });
  const problem = stateRoundingProblem(weight.data, quantization, error);
  const { iterations, signal, onProgress } = settings;
  const rounded = await roundAdaptively(tf, problem, {
    iterations,
    ...(signal ? { signal } : {}),
    ...(onProgress ? { onProgress } : {}),
  });
  return {
    coded: { codes: codesOfSolution(problem, rounded.codes), quantization },
    roundingGain: rounded.relativeError,
  };
}
