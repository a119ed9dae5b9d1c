import { InvalidArgumentError } from '@qedge/core';
import type { PauliSum } from '../../operator/pauli-sum.ts';
import type { StoredState } from '../amplitudes/stored-state.ts';
import { pauliExpectation } from '../observables/pauli-expectation.ts';
import { orderParameterValues } from '../program/parameter-values.ts';
import type { GradientOptions, ValueAndGradient } from '../simulator.ts';
import { adjointGradient } from './adjoint-gradient.ts';
import { finiteDifferenceGradient } from './finite-difference.ts';
import type { GateSequence } from './gate-sequence.ts';
import { parameterShiftGradient } from './parameter-shift.ts';

/** Steps at which truncation and rounding are about equal. */
const DEFAULT_STEP = { f32: 1e-2, f64: 1e-5 } as const;

/** The value and gradient of a circuit by the method that was asked for. */
export function circuitGradient(
  sequence: GateSequence,
  observable: PauliSum,
  { method = 'adjoint', parameters, step = DEFAULT_STEP[sequence.precision] }: GradientOptions,
): ValueAndGradient {
  const values = orderParameterValues(sequence.parameterNames, parameters);
  switch (method) {
    case 'adjoint':
      return adjointGradient(sequence, observable, values);
    case 'parameter-shift':
      return parameterShiftGradient(sequence, observable, values);
    case 'finite-difference':
      return differenceGradient(sequence, observable, values, step);
    default:
      throw new InvalidArgumentError('Unknown method for gradients', {
        expected: 'adjoint, parameter-shift or finite-difference',
        actual: method,
      });
  }
}

function differenceGradient(
  sequence: GateSequence,
  observable: PauliSum,
  values: Float64Array,
  step: number,
): ValueAndGradient {
  if (!(step > 0 && Number.isFinite(step))) {
    throw new InvalidArgumentError('A step of differences is unusable', {
      expected: 'a finite number > 0',
      actual: step,
    });
  }
  const [state] = sequence.allocate(1) as [StoredState];
  let evaluations = 0;
  const evaluate = (parameters: Float64Array): number => {
    evaluations++;
    const frame = sequence.runForward(parameters, state);
    return pauliExpectation(observable, state, sequence.circuitFrame(frame), () => sequence.tryAllocate());
  };
  try {
    const value = evaluate(values);
    const gradient = finiteDifferenceGradient(evaluate, values, step);
    return { value, gradient, evaluations };
  } finally {
    state.dispose();
  }
}
