import { type CircuitPlan, plannedAngles, plannedMatrix, resolveAngles } from '../simulation/circuit-plan.ts';
import { applyPlannedGate } from '../simulation/state-vector-simulator.ts';
import { gatesOf } from './adjoint-gradient.ts';
import { derivativeState } from './state-derivative.ts';

interface Tangent {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/**
 * The Fubini-Study metric of a circuit's states, `[parameters, parameters]` row-major, symmetric, positive semidefinite:
 * `g_ij = Re(<d_i psi|d_j psi> - <d_i psi|psi> <psi|d_j psi>)`. The quantum Fisher information matrix is `4 g`.
 *
 * Carries one tangent vector per parameter through the circuit: memory of `16 * parameters * 2^qubits` bytes.
 *
 * @throws InvalidArgumentError when the parameters do not fit or the circuit measures or resets.
 */
export function fubiniStudyMetric(plan: CircuitPlan, parameters: ArrayLike<number>): Float64Array {
  const angles = resolveAngles(plan, parameters);
  const size = 2 ** plan.qubitCount;
  const count = plan.parameterNames.length;
  const [re, im] = [new Float64Array(size), new Float64Array(size)];
  re[0] = 1;
  const tangents: (Tangent | undefined)[] = Array.from({ length: count });
  const [scratchRe, scratchIm] = [new Float64Array(size), new Float64Array(size)];
  for (const step of gatesOf(plan)) {
    const matrix = plannedMatrix(step, angles);
    for (const tangent of tangents) if (tangent) applyPlannedGate(step, matrix, tangent.re, tangent.im);
    for (let index = 0; index < step.gate.parameterCount; index++) {
      const { partials } = plan.angles[step.firstAngle + index]!;
      if (partials.length === 0) continue;
      const derivative = step.gate.derivative(plannedAngles(step, angles), index);
      derivativeState(step, derivative, re, im, scratchRe, scratchIm);
      for (const { parameter, derivative: slope } of partials) {
        tangents[parameter] ??= { re: new Float64Array(size), im: new Float64Array(size) };
        const tangent = tangents[parameter];
        const coefficient = slope(parameters);
        for (let i = 0; i < size; i++) {
          tangent.re[i] = tangent.re[i]! + coefficient * scratchRe[i]!;
          tangent.im[i] = tangent.im[i]! + coefficient * scratchIm[i]!;
        }
      }
    }
    applyPlannedGate(step, matrix, re, im);
  }
  return metricOf(tangents as Tangent[], { re, im });
}

function metricOf(tangents: readonly Tangent[], state: Tangent): Float64Array {
  const count = tangents.length;
  const metric = new Float64Array(count * count);
  const projections = tangents.map(
    (tangent) => [realInner(state, tangent), imaginaryInner(state, tangent)] as const,
  );
  for (let i = 0; i < count; i++) {
    for (let j = 0; j <= i; j++) {
      const [a, b] = [projections[i]!, projections[j]!];
      const value = realInner(tangents[i]!, tangents[j]!) - (a[0] * b[0] + a[1] * b[1]);
      metric[i * count + j] = value;
      metric[j * count + i] = value;
    }
  }
  return metric;
}

function realInner(a: Tangent, b: Tangent): number {
  let sum = 0;
  for (let i = 0; i < a.re.length; i++) sum += a.re[i]! * b.re[i]! + a.im[i]! * b.im[i]!;
  return sum;
}

function imaginaryInner(a: Tangent, b: Tangent): number {
  let sum = 0;
  for (let i = 0; i < a.re.length; i++) sum += a.re[i]! * b.im[i]! - a.im[i]! * b.re[i]!;
  return sum;
}
