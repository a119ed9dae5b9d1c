import { InvalidArgumentError } from '@qedge/core';
import { type GateName, gateDefinition, isGateName } from './gate-definition.ts';
import { ParameterExpression, type ParameterValue } from './parameter.ts';

/** A unitary gate on qubits; controls come first. */
export interface GateInstruction {
  readonly kind: 'gate';
  readonly name: GateName;
  readonly qubits: readonly number[];
  readonly parameters: readonly ParameterValue[];
}

/** Keeps the compiler from moving gates across it; does nothing else. */
export interface BarrierInstruction {
  readonly kind: 'barrier';
  readonly qubits: readonly number[];
}

/** Measures a qubit in the computational basis into a classical bit. */
export interface MeasureInstruction {
  readonly kind: 'measure';
  readonly qubits: readonly [number];
  readonly clbit: number;
}

/** Brings a qubit to |0>. */
export interface ResetInstruction {
  readonly kind: 'reset';
  readonly qubits: readonly [number];
}

/** One step of a circuit. Plain data but for {@link ParameterExpression}. */
export type Instruction = GateInstruction | BarrierInstruction | MeasureInstruction | ResetInstruction;

/** `cx`, `measure`, ...: the name under which an instruction is counted and drawn. */
export function instructionName(instruction: Instruction): string {
  return instruction.kind === 'gate' ? instruction.name : instruction.kind;
}

/**
 * Checks one instruction, which may come from outside, against the sizes of its circuit.
 *
 * @returns the instruction, rebuilt from the fields that are known.
 * @throws InvalidArgumentError saying what does not fit.
 */
export function checkInstruction(value: Instruction, qubitCount: number, clbitCount: number): Instruction {
  if (typeof value !== 'object' || value === null) {
    throw new InvalidArgumentError('Not an instruction', { expected: 'an object', actual: String(value) });
  }
  const name = instructionName(value);
  const qubits = Array.from(value.qubits ?? []);
  for (const qubit of qubits) checkIndex(qubit, qubitCount, `The qubit of ${name}`);
  if (new Set(qubits).size !== qubits.length) {
    throw new InvalidArgumentError(`The qubits of ${name} must differ`, { actual: qubits });
  }
  switch (value.kind) {
    case 'gate':
      return checkGate(name, qubits, value.parameters);
    case 'barrier':
      return { kind: 'barrier', qubits };
    case 'measure':
      checkLength(name, 'qubits', 1, qubits.length);
      checkIndex(value.clbit, clbitCount, 'The classical bit of measure');
      return { kind: 'measure', qubits: [qubits[0]!], clbit: value.clbit };
    case 'reset':
      checkLength(name, 'qubits', 1, qubits.length);
      return { kind: 'reset', qubits: [qubits[0]!] };
    default:
      throw new InvalidArgumentError('Unknown instruction', {
        expected: 'kind gate, barrier, measure or reset',
        actual: String((value as { kind?: unknown }).kind),
      });
  }
}

function checkGate(
  name: string,
  qubits: readonly number[],
  values: readonly ParameterValue[] = [],
): GateInstruction {
  const gate = gateDefinition(name);
  if (!isGateName(name)) throw new InvalidArgumentError('Unknown gate', { actual: name });
  checkLength(name, 'qubits', gate.qubitCount, qubits.length);
  checkLength(name, 'parameters', gate.parameterCount, values.length);
  return { kind: 'gate', name, qubits, parameters: values.map((angle) => checkAngle(name, angle)) };
}

function checkAngle(name: string, angle: ParameterValue): ParameterValue {
  if (typeof angle === 'number') {
    if (Number.isFinite(angle)) return angle;
  } else if (angle instanceof ParameterExpression) {
    return angle;
  } else if (typeof angle === 'object' && angle !== null) {
    const { parameter, coefficient, offset } = angle as ParameterExpression;
    return new ParameterExpression(parameter, coefficient, offset);
  }
  throw new InvalidArgumentError(`An angle of ${name} is not usable`, {
    expected: 'a finite number or a parameter expression',
    actual: String(angle),
  });
}

function checkLength(name: string, what: string, expected: number, actual: number): void {
  if (actual !== expected)
    throw new InvalidArgumentError(`${name} takes other ${what}`, { expected, actual });
}

function checkIndex(index: number, count: number, what: string): void {
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    throw new InvalidArgumentError(`${what} is out of range`, {
      expected: count === 0 ? 'a circuit that has some' : `an integer in 0..${count - 1}`,
      actual: index,
    });
  }
}
