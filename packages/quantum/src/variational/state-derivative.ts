import { clearUncontrolled } from '../simulation/apply-matrix.ts';
import type { PlannedGate } from '../simulation/circuit-plan.ts';
import { applyPlannedGate } from '../simulation/state-vector-simulator.ts';

/** The conjugate transpose of a complex square matrix, row-major and interleaved. */
export function adjointMatrix(matrix: Float64Array): Float64Array {
  const size = Math.sqrt(matrix.length / 2);
  const adjoint = new Float64Array(matrix.length);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      adjoint[2 * (column * size + row)] = matrix[2 * (row * size + column)]!;
      adjoint[2 * (column * size + row) + 1] = -matrix[2 * (row * size + column) + 1]!;
    }
  }
  return adjoint;
}

/**
 * `out = dU |state>`, where `dU` is the derivative of a planned gate: that of its matrix where all controls are set, 0 elsewhere.
 */
export function derivativeState(
  step: PlannedGate,
  derivative: Float64Array,
  re: Float64Array,
  im: Float64Array,
  outRe: Float64Array,
  outIm: Float64Array,
): void {
  outRe.set(re);
  outIm.set(im);
  clearUncontrolled(outRe, outIm, step.controlMask);
  applyPlannedGate(step, derivative, outRe, outIm);
}
