import { controlElementaryGate, phaseStep } from './expand-gate.ts';
import type { Instruction, PauliEvolutionInstruction } from './instruction.ts';
import { type ParameterValue, scaleAngle } from './parameter.ts';
import { gateOn } from './synthesize-unitary.ts';

const ROTATIONS: Readonly<Record<string, string>> = { X: 'rx', Y: 'ry', Z: 'rz' };

/**
 * The terms of a Pauli evolution, each where all controls are 1: a change of basis, CX that collect the parity, a rotation of it,
 * and back. Only the rotation needs the controls.
 */
export function expandPauliEvolution(
  { qubits, terms, time }: PauliEvolutionInstruction,
  controls: readonly number[],
): Instruction[] {
  return terms.flatMap(([string, coefficient]) =>
    evolveTerm(string, qubits, scaleAngle(time, 2 * coefficient), controls),
  );
}

/** `exp(-i angle P / 2)`. */
function evolveTerm(
  string: string,
  qubits: readonly number[],
  angle: ParameterValue,
  controls: readonly number[],
): Instruction[] {
  const support = [...string].flatMap((letter, i) => (letter === 'I' ? [] : [{ letter, qubit: qubits[i]! }]));
  if (support.length === 0) {
    const { name, positions, parameters } = phaseStep(controls, scaleAngle(angle, -0.5));
    return [gateOn(name, positions, ...parameters)];
  }
  const [first] = support;
  if (support.length === 1) return rotate(ROTATIONS[first!.letter]!, [first!.qubit], angle, controls);
  const enter = support.flatMap(({ letter, qubit }) => changeOfBasis(letter, qubit, 'sx'));
  const leave = support.flatMap(({ letter, qubit }) => changeOfBasis(letter, qubit, 'sxdg'));
  const last = support.length - 1;
  const ladder = support.slice(1, -1).map(({ qubit }, i) => gateOn('cx', [support[i]!.qubit, qubit]));
  const core = rotate('rzz', [support[last - 1]!.qubit, support[last]!.qubit], angle, controls);
  return [...enter, ...ladder, ...core, ...ladder.toReversed(), ...leave.toReversed()];
}

/** Brings X (by H) or Y (by a square root of X) to Z: `sx Y sxdg = Z`. */
function changeOfBasis(letter: string, qubit: number, root: 'sx' | 'sxdg'): Instruction[] {
  if (letter === 'Z') return [];
  return [gateOn(letter === 'X' ? 'h' : root, [qubit])];
}

function rotate(
  name: string,
  qubits: readonly number[],
  angle: ParameterValue,
  controls: readonly number[],
): Instruction[] {
  return controlElementaryGate({ name, positions: qubits, parameters: [angle] }, controls).map((step) =>
    gateOn(step.name, step.positions, ...step.parameters),
  );
}
