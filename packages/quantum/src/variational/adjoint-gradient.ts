import { InvalidArgumentError } from '@qedge/core';
import type { PauliSum } from '../operator/pauli-sum.ts';
import {
  type CircuitPlan,
  type PlannedGate,
  plannedAngles,
  plannedMatrix,
  resolveAngles,
} from '../simulation/circuit-plan.ts';
import { applyPlannedGate } from '../simulation/state-vector-simulator.ts';
import { adjointMatrix, derivativeState } from './state-derivative.ts';

/** An energy with its gradient, worked out together. */
export interface ValueAndGradient {
  readonly value: number;
  /** `[parameters]`, in the order of `plan.parameterNames`. */
  readonly gradient: Float64Array;
}

/**
 * The expectation value and its gradient by adjoint differentiation (Jones and Gacon, arXiv 2009.02823): forward once, then both
 * the state and `observable |state>` backwards gate by gate, reading `2 Re <lambda| dU |psi>` on the way. About three circuit
 * runs whatever the number of parameters; simulators only.
 *
 * @throws InvalidArgumentError when the parameters or the observable do not fit, or the circuit measures or resets.
 */
export function adjointGradient(
  plan: CircuitPlan,
  observable: PauliSum,
  parameters: ArrayLike<number>,
): ValueAndGradient {
  const angles = resolveAngles(plan, parameters);
  const size = 2 ** plan.qubitCount;
  const [re, im] = [new Float64Array(size), new Float64Array(size)];
  re[0] = 1;
  const gates = gatesOf(plan);
  for (const step of gates) applyPlannedGate(step, plannedMatrix(step, angles), re, im);
  const [lambdaRe, lambdaIm] = [new Float64Array(size), new Float64Array(size)];
  observable.apply(re, im, lambdaRe, lambdaIm);
  let value = 0;
  for (let i = 0; i < size; i++) value += re[i]! * lambdaRe[i]! + im[i]! * lambdaIm[i]!;
  const gradient = new Float64Array(parameters.length);
  const [scratchRe, scratchIm] = [new Float64Array(size), new Float64Array(size)];
  for (const step of gates.toReversed()) {
    const undo = adjointMatrix(plannedMatrix(step, angles));
    applyPlannedGate(step, undo, re, im);
    if (step.constantMatrix === null) {
      for (let index = 0; index < step.gate.parameterCount; index++) {
        const { partials } = plan.angles[step.firstAngle + index]!;
        if (partials.length === 0) continue;
        const derivative = step.gate.derivative(plannedAngles(step, angles), index);
        derivativeState(step, derivative, re, im, scratchRe, scratchIm);
        let overlap = 0;
        for (let i = 0; i < size; i++) overlap += lambdaRe[i]! * scratchRe[i]! + lambdaIm[i]! * scratchIm[i]!;
        for (const { parameter, derivative: slope } of partials) {
          gradient[parameter] = gradient[parameter]! + 2 * slope(parameters) * overlap;
        }
      }
    }
    applyPlannedGate(step, undo, lambdaRe, lambdaIm);
  }
  return { value, gradient };
}

/** The steps of a plan that has gates only. @throws InvalidArgumentError when it measures or resets. */
export function gatesOf(plan: CircuitPlan): PlannedGate[] {
  return plan.steps.map((step) => {
    if (step.kind === 'gate') return step;
    throw new InvalidArgumentError('Differentiation needs a circuit of gates only', { actual: step.kind });
  });
}
