/** @file Whole circuits transformed into others: each function appends to a circuit that is empty, or that goes before. */
import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import type { Circuit } from './circuit.ts';
import { type Instruction, instructionName, isUnitaryKind, type UnitaryKind } from './instruction.ts';
import { placeInstruction } from './place-instruction.ts';
import { controlInstruction, invertInstruction, powerInstruction } from './transform-instruction.ts';
import { unitaryPower } from './unitary-eigen.ts';

/** A power of a whole circuit that is a fraction takes a matrix of `[2^n, 2^n]`. */
const MAX_POWER_QUBITS = 8;

/** Appends a circuit whose qubit `i` becomes `qubits[i]` and whose classical bit `i` becomes `clbits[i]` (default `i`). */
export function appendPlaced(
  target: Circuit,
  source: Circuit,
  qubits?: readonly number[],
  clbits?: readonly number[],
): void {
  const placeQubit = (qubit: number) => (qubits ? qubits[qubit]! : qubit);
  const placeClbit = (clbit: number) => (clbits ? clbits[clbit]! : clbit);
  const placeBody = (body: Circuit): Circuit => {
    const placed = target.emptyCopy();
    placed.adoptVariables(body);
    body.forEach((inner) => {
      placed.append(placeInstruction(inner, placeQubit, placeClbit, placeBody));
    });
    return placed;
  };
  source.forEach((instruction) => {
    target.append(placeInstruction(instruction, placeQubit, placeClbit, placeBody));
  });
}

/** Appends what undoes a circuit. */
export function appendInverse(target: Circuit, source: Circuit): Circuit {
  for (const instruction of source.instructions.toReversed()) {
    if (isUnitaryKind(instruction)) for (const step of invertInstruction(instruction)) target.append(step);
    else target.append(keepTiming(instruction, 'has no inverse'));
  }
  return target;
}

/** Appends a circuit under controls on qubits `0..count - 1`. */
export function appendControlled(
  target: Circuit,
  source: Circuit,
  count: number,
  state?: readonly (0 | 1)[],
): Circuit {
  const controls = Array.from({ length: count }, (_, i) => i);
  source.forEach((instruction) => {
    const placed = placeInstruction(instruction, (qubit) => qubit + count);
    if (isUnitaryKind(placed)) target.append(controlInstruction(placed, controls, state));
    else target.append(keepTiming(placed, 'cannot be controlled'));
  });
  return target;
}

/** Appends a power of a circuit that is a fraction: of its only instruction, else of its matrix. */
export function appendPower(target: Circuit, source: Circuit, exponent: number): Circuit {
  const steps: UnitaryKind[] = [];
  source.forEach((instruction) => {
    if (isUnitaryKind(instruction)) steps.push(instruction);
    else keepTiming(instruction, 'has no power');
  });
  const [only] = steps;
  if (only && steps.length === 1) {
    for (const step of powerInstruction(only, exponent)) target.append(step);
    return target;
  }
  const { qubitCount, parameterNames } = source;
  if (qubitCount > MAX_POWER_QUBITS || parameterNames.length > 0) {
    throw new UnsupportedError('This power of a circuit cannot be made', {
      expected: `at most ${MAX_POWER_QUBITS} qubits, and no free parameters`,
      actual: `${qubitCount} qubits, parameters ${parameterNames.join(', ') || 'none'}`,
    });
  }
  const qubits = Array.from({ length: qubitCount }, (_, i) => i);
  return target.unitary(unitaryPower(source.toMatrix(), exponent), qubits);
}

/** Barriers and delays, which stay; anything else is refused. */
function keepTiming(instruction: Instruction, problem: string): Instruction {
  if (instruction.kind === 'barrier' || instruction.kind === 'delay') return instruction;
  throw new InvalidArgumentError(`A circuit with ${instructionName(instruction)} ${problem}`, {
    expected: 'unitary instructions and barriers only',
    actual: instructionName(instruction),
  });
}
