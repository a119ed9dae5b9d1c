import { gateDefinition } from '../../circuit/gate-definition.ts';
import type { UnitaryKind } from '../../circuit/instruction.ts';
import type { ParameterValue } from '../../circuit/parameter.ts';
import type { PauliSum } from '../../operator/pauli-sum.ts';
import type { StoredState } from '../amplitudes/stored-state.ts';
import { pauliExpectation } from '../observables/pauli-expectation.ts';
import { expandFully } from '../program/expand-fully.ts';
import type { ValueAndGradient } from '../simulator.ts';
import { type AngleDerivative, differentiateAngle } from './angle-derivative.ts';
import type { GateSequence } from './gate-sequence.ts';
import { type ShiftTerm, shiftRule } from './shift-rule.ts';

/** An angle that is shifted on its own. */
interface ShiftedAngle {
  /** Its place among all angles of the gates. */
  readonly index: number;
  readonly rule: readonly ShiftTerm[];
  readonly derivatives: readonly AngleDerivative[];
}

/**
 * The gradient by parameter shifts, angle by angle: a rule of two terms for rotations and phases, of four for controlled rotations and
 * excitations; parameters and expressions that several gates share by the chain rule. Exact up to rounding.
 */
export function parameterShiftGradient(
  sequence: GateSequence,
  observable: PauliSum,
  values: Float64Array,
): ValueAndGradient {
  const gates = sequence.gates.flatMap((gate) => (gate.kind === 'gate' ? [gate] : expandFully(gate)));
  const runner = sequence.runnerOf(gates);
  const angles = runner.evaluateAngles(values).slice();
  const gradient = new Float64Array(values.length);
  const [state] = sequence.allocate(1) as [StoredState];
  let evaluations = 0;
  const valueAt = (shifted: Float64Array): number => {
    const frame = sequence.runFrom(runner, shifted, state);
    evaluations++;
    return pauliExpectation(observable, state, sequence.circuitFrame(frame), () => sequence.tryAllocate());
  };
  try {
    const value = valueAt(angles);
    for (const { index, rule, derivatives } of shiftedAngles(gates, sequence.parameterNames)) {
      let slope = 0;
      for (const { shift, coefficient } of rule) {
        const shifted = angles.slice();
        shifted[index] = shifted[index]! + shift;
        slope += coefficient * valueAt(shifted);
      }
      for (const { parameter, evaluate } of derivatives) {
        gradient[parameter] = gradient[parameter]! + slope * evaluate(values);
      }
    }
    return { value, gradient, evaluations };
  } finally {
    state.dispose();
  }
}

/** The angles that depend on parameters. Those of a global phase change no expectation value. */
function shiftedAngles(gates: readonly UnitaryKind[], parameterNames: readonly string[]): ShiftedAngle[] {
  const shifted: ShiftedAngle[] = [];
  let index = 0;
  for (const gate of gates) {
    if (gate.kind !== 'gate') continue;
    const { frequencies } = gateDefinition(gate.name);
    gate.parameters.forEach((angle: ParameterValue, position) => {
      if (typeof angle !== 'number' && gate.name !== 'global_phase') {
        const derivatives = differentiateAngle(angle, parameterNames);
        shifted.push({ index, rule: shiftRule(frequencies[position]!), derivatives });
      }
      index++;
    });
  }
  return shifted;
}
