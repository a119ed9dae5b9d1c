import type { UnitaryKind } from '../../circuit/instruction.ts';
import { type ParameterValue, parameter } from '../../circuit/parameter.ts';

/**
 * Instructions whose angles are all parameters `a0, a1, ...`, so that circuits that differ in angles share a program, and every
 * angle of a gate can be shifted on its own.
 */
export interface LiftedInstructions {
  readonly instructions: readonly UnitaryKind[];
  /** What each angle was. */
  readonly angles: readonly ParameterValue[];
}

/** Replaces every angle by a parameter, and qubit `q` by `places[q]`. */
export function liftAngles(
  instructions: readonly UnitaryKind[],
  places: readonly number[],
): LiftedInstructions {
  const angles: ParameterValue[] = [];
  const lifted = instructions.map((instruction) => liftInstruction(instruction, places, angles));
  return { instructions: lifted, angles };
}

function liftInstruction(
  instruction: UnitaryKind,
  places: readonly number[],
  angles: ParameterValue[],
): UnitaryKind {
  const place = (qubit: number) => places[qubit]!;
  const qubits = instruction.qubits.map(place);
  const lift = (angle: ParameterValue) => parameter(`a${angles.push(angle) - 1}`);
  switch (instruction.kind) {
    case 'gate':
      return { ...instruction, qubits, parameters: instruction.parameters.map(lift) };
    case 'pauli-evolution':
      return { ...instruction, qubits, time: lift(instruction.time) };
    case 'controlled': {
      const body = liftInstruction(instruction.body, places, angles);
      return { ...instruction, qubits, controls: instruction.controls.map(place), body };
    }
    default:
      return { ...instruction, qubits };
  }
}
