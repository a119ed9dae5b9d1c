import { NonFiniteValueError } from '@qedge/core';
import type { KernelWeight } from '../model/kernel-weight.ts';
import type { OutputError } from '../post-training/rounding-problem.ts';
import type { WorkTurns } from '../post-training/work-turns.ts';
import { solvePositiveDefinite } from './solve-positive-definite.ts';

/** Added to the mean square of each input, relative to the mean of all: inputs that hardly vary keep their weights. */
const DAMPING = 1e-2;

/**
 * The kernel, of those that are 0 in the removed rows, that changes the outputs of its layer least over the measured inputs (He, Zhang and Sun 2017,
 * arXiv:1707.06168, section 3.1): with `d = new - old`, `d_removed = -old_removed`, least `d' second d + 2 d' drift`, so that
 * `second_kept,kept d_kept = second_kept,removed old_removed - drift_kept`. Damped towards the old weights.
 *
 * @param kernel dense or a convolution, as `[rows, outputs]`.
 * @param isKept by row, 0 for rows that have to become 0.
 * @param error not damped, of the inputs that the layer now gets.
 * @param turns while it is solved.
 * @returns `[rows, outputs]`.
 * @throws NonFiniteValueError for moments that are not finite; CancelledError.
 */
export async function reconstructKernel(
  { weight, rows, outputs }: KernelWeight,
  isKept: Uint8Array,
  error: OutputError,
  turns: WorkTurns,
): Promise<Float32Array> {
  const { second, drift } = error;
  requireFinite(weight.name, second);
  requireFinite(weight.name, drift);
  const keptRows = [...isKept.keys()].filter((row) => isKept[row] !== 0);
  const removedRows = [...isKept.keys()].filter((row) => isKept[row] === 0);
  const matrix = Float64Array.from({ length: keptRows.length ** 2 }, (_, at) => {
    const [row, column] = [Math.floor(at / keptRows.length), at % keptRows.length];
    return second[keptRows[row]! * rows + keptRows[column]!]!;
  });
  const right = new Float64Array(keptRows.length * outputs);
  keptRows.forEach((row, position) => {
    const first = position * outputs;
    for (let output = 0; output < outputs; output++) right[first + output] = -drift[row * outputs + output]!;
    for (const removed of removedRows) {
      const moment = second[row * rows + removed]!;
      for (let output = 0; output < outputs; output++) {
        right[first + output]! += moment * weight.data[removed * outputs + output]!;
      }
    }
  });
  const change = await solveDamped(matrix, right, outputs, turns);
  const kernel = new Float32Array(weight.data.length);
  keptRows.forEach((row, position) => {
    for (let output = 0; output < outputs; output++) {
      const at = row * outputs + output;
      kernel[at] = weight.data[at]! + change[position * outputs + output]!;
    }
  });
  return kernel;
}

/** Damps more where rounding in the moments has left the matrix indefinite; inputs that are all 0 change nothing. */
async function solveDamped(
  matrix: Float64Array,
  right: Float64Array,
  columns: number,
  turns: WorkTurns,
): Promise<Float64Array> {
  const n = Math.sqrt(matrix.length);
  const diagonal = Array.from({ length: n }, (_, at) => at * (n + 1));
  const mean = diagonal.reduce((sum, at) => sum + matrix[at]!, 0) / n;
  if (!(mean > 0)) return new Float64Array(right.length);
  for (let damping = DAMPING; ; damping *= 10) {
    const damped = matrix.slice();
    for (const at of diagonal) damped[at]! += damping * mean;
    const solution = await solvePositiveDefinite(damped, right, columns, turns);
    if (solution) return solution;
  }
}

function requireFinite(weight: string, moments: Float32Array): void {
  if (moments.every(Number.isFinite)) return;
  throw new NonFiniteValueError(`The inputs of "${weight}" cannot be used`, {
    expected: 'finite numbers',
    actual: 'NaN, infinity, or numbers whose squares overflow',
  });
}
