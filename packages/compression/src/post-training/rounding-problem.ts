import { assertShape, InvalidArgumentError, type QuantizationParameters } from '@qedge/core';
import { codeRange } from '../quantization/code-range.ts';
import { quantizeTensor } from '../quantization/quantize-tensor.ts';
import { forEachScaleRun, scaleLayout } from '../quantization/scale-layout.ts';

/** A kernel in groups: dense layers and convolutions have one, depthwise convolutions one per channel. */
export interface KernelGroups {
  readonly groups: number;
  /** Weights per output. */
  readonly rows: number;
  /** Outputs per group. */
  readonly outputs: number;
}

/**
 * The mean squared error that coded weights make in the outputs of their layer, a quadratic function of `d = coded - real` for each output:
 * `d' second d + 2 d' drift + inherited`.
 */
export interface OutputError extends KernelGroups {
  /** `[groups, rows, rows]`: the mean of `x x'` over the inputs of the coded layer. */
  readonly second: Float32Array;
  /** `[groups, rows, outputs]`: the mean of `x e`, where `e` is by how much an output of the real weights already differs because of its inputs. */
  readonly drift: Float32Array;
  /** `[groups, outputs]`: the mean of `e^2`. */
  readonly inherited: Float32Array;
}

/** The output, of `[groups, outputs]`, that element `at` of `[groups, rows, outputs]` belongs to. */
export function outputOf({ rows, outputs }: KernelGroups, at: number): number {
  return Math.floor(at / (rows * outputs)) * outputs + (at % outputs);
}

/** Which codes to choose for a kernel; everything of shape `[groups, rows, outputs]`. */
export interface RoundingProblem {
  readonly error: OutputError;
  readonly values: Float32Array;
  readonly steps: Float32Array;
  /** Codes of the nearest numbers, less the zero point. */
  readonly nearest: Int16Array;
  /** The ends of the codes, less the zero point. */
  readonly lowest: Int16Array;
  readonly highest: Int16Array;
  readonly zeroPoints: Int16Array;
}

/**
 * @param kernel row-major `[rows, groups * outputs]`.
 * @throws InvalidArgumentError for 1 bit, whose codes are not neighbours, ShapeMismatchError when the kernel and the error do not fit, errors of
 *   `quantizeTensor`.
 */
export function stateRoundingProblem(
  kernel: Float32Array,
  quantization: QuantizationParameters,
  error: OutputError,
): RoundingProblem {
  const { groups, rows, outputs } = error;
  assertShape([kernel.length], [groups * rows * outputs], 'The kernel to round');
  if (quantization.bits < 2) {
    throw new InvalidArgumentError('Codes of 1 bit cannot be chosen by rounding up or down', {
      expected: '2 bits or more',
      actual: quantization.bits,
    });
  }
  const shape = [rows, groups * outputs];
  const codes = quantizeTensor(kernel, shape, quantization);
  const layout = scaleLayout(kernel.length, shape, quantization);
  const steps = new Float32Array(kernel.length);
  const zeroPoints = new Int16Array(kernel.length);
  forEachScaleRun(layout, (scale, from, to) => {
    steps.fill(quantization.scales[scale], from, to);
    zeroPoints.fill(quantization.zeroPoints[scale], from, to);
  });
  const { low, high } = codeRange(quantization.bits, quantization.symmetric);
  const grouped = toGroups(zeroPoints, error);
  return {
    error,
    values: toGroups(kernel, error),
    steps: toGroups(steps, error),
    nearest: toGroups(
      zeroPoints.map((zero, at) => codes[at] - zero),
      error,
    ),
    lowest: grouped.map((zero) => low - zero),
    highest: grouped.map((zero) => high - zero),
    zeroPoints: grouped,
  };
}

/** Codes of a solution, with the zero points, as the row-major `[rows, groups * outputs]` of the kernel. */
export function codesOfSolution({ error, zeroPoints }: RoundingProblem, solution: Int16Array): Int8Array {
  const { groups, rows, outputs } = error;
  const codes = new Int8Array(solution.length);
  let at = 0;
  for (let group = 0; group < groups; group++) {
    for (let row = 0; row < rows; row++) {
      for (let output = 0; output < outputs; output++, at++) {
        codes[(row * groups + group) * outputs + output] = solution[at] + zeroPoints[at];
      }
    }
  }
  return codes;
}

/** From row-major `[rows, groups * outputs]` to `[groups, rows, outputs]`. */
export function toGroups<T extends Float32Array | Int16Array>(
  matrix: T,
  { groups, rows, outputs }: KernelGroups,
): T {
  const grouped = matrix.slice() as T;
  if (groups === 1) return grouped;
  let at = 0;
  for (let group = 0; group < groups; group++) {
    for (let row = 0; row < rows; row++) {
      for (let output = 0; output < outputs; output++) {
        grouped[at++] = matrix[(row * groups + group) * outputs + output];
      }
    }
  }
  return grouped;
}
