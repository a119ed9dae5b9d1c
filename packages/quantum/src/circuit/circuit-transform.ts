/** @file Whole circuits transformed into others: each function appends to a circuit that is empty, or that goes before. */
import { InvalidArgumentError, UnsupportedError } from '@qedge/core';
import { checkDistinctQubits, listOf } from './check-instruction.ts';
import type { Circuit } from './circuit.ts';
import { formatType } from './classical-type.ts';
import { type Instruction, instructionName, isUnitaryKind, type UnitaryKind } from './instruction.ts';
import { type Place, placeExpression, placeInstruction } from './place-instruction.ts';
import {
  checkControlState,
  checkExponent,
  controlInstruction,
  invertInstruction,
  powerInstruction,
} from './transform-instruction.ts';
import { unitaryPower } from './unitary-eigen.ts';

/** A power of a whole circuit that is a fraction takes a matrix of `[2^n, 2^n]`. */
const MAX_POWER_QUBITS = 8;

/**
 * Checks that a circuit can follow another one.
 *
 * @throws InvalidArgumentError for places that are too few, too many, the same or not there, and for names that are a variable of
 *   one circuit and a free parameter of the other.
 */
export function checkComposition(
  target: Circuit,
  source: Circuit,
  qubits?: readonly number[],
  clbits?: readonly number[],
): void {
  checkPlaces('qubits', source.qubitCount, target.qubitCount, qubits);
  checkPlaces('classical bits', source.clbitCount, target.clbitCount, clbits);
  const variablesOf = (circuit: Circuit) => new Set(circuit.variables.map(({ name }) => name));
  const captured =
    source.parameterNames.find((name) => variablesOf(target).has(name)) ??
    target.parameterNames.find((name) => variablesOf(source).has(name));
  if (captured === undefined) return;
  throw new InvalidArgumentError(`"${captured}" is a parameter of one circuit and a variable of the other`, {
    expected: 'names that mean the same in both circuits',
    actual: captured,
  });
}

function checkPlaces(
  what: 'qubits' | 'classical bits',
  needed: number,
  available: number,
  places?: readonly number[],
): void {
  if (places !== undefined) {
    checkPlaceCount(what, needed, listOf(places, `The ${what} to compose onto`).length);
    checkDistinctQubits('a composition', places, available, what);
  } else if (needed > available) {
    throw new InvalidArgumentError(`The ${what} of the other circuit are out of range`, {
      expected: `at most ${available}`,
      actual: needed,
      remedy: `Say which ${what} it acts on, or make this circuit larger`,
    });
  }
}

function checkPlaceCount(what: string, needed: number, count: number): void {
  if (needed === count) return;
  throw new InvalidArgumentError(`The ${what} to compose onto are too ${count < needed ? 'few' : 'many'}`, {
    expected: `one for each of the other circuit's ${needed}`,
    actual: count,
  });
}

/** Declares the variables of another circuit that are not there yet. @throws InvalidArgumentError where types differ. */
export function adoptVariables(target: Circuit, source: Circuit, placeClbit: Place = (clbit) => clbit): void {
  const known = new Map(target.variables.map(({ name, type }) => [name, type]));
  for (const { name, type, initial } of source.variables) {
    const own = known.get(name);
    if (own === undefined) {
      target.declare(
        initial ? { name, type, initial: placeExpression(initial, placeClbit) } : { name, type },
      );
    } else if (formatType(own) !== formatType(type)) {
      throw new InvalidArgumentError(`Two variables are called "${name}"`, {
        expected: formatType(own),
        actual: formatType(type),
      });
    }
  }
}

/** Appends a circuit on other qubits and classical bits. */
export function appendPlaced(target: Circuit, source: Circuit, placeQubit: Place, placeClbit: Place): void {
  const placeBody = (body: Circuit): Circuit => {
    const placed = target.emptyCopy();
    adoptVariables(placed, body, placeClbit);
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
  state: readonly (0 | 1)[],
): Circuit {
  const controls = Array.from({ length: count }, (_, i) => i);
  checkControlState(count, state);
  source.forEach((instruction) => {
    const placed = placeInstruction(instruction, (qubit) => qubit + count);
    if (isUnitaryKind(placed)) target.append(controlInstruction(placed, controls, state));
    else target.append(keepTiming(placed, 'cannot be controlled'));
  });
  return target;
}

/** More controls are a mistake, and every gate would hold them all. */
const MOST_CONTROLS = 100_000;

/** @throws InvalidArgumentError for a number of controls that no circuit has. */
export function checkControlCount(count: number): number {
  if (Number.isInteger(count) && count >= 0 && count <= MOST_CONTROLS) return count;
  throw new InvalidArgumentError('A number of controls is not usable', {
    expected: `an integer in 0..${MOST_CONTROLS}`,
    actual: count,
  });
}

/** Appends a power of a circuit that is a fraction: of its only instruction, else of its matrix. */
export function appendPower(target: Circuit, source: Circuit, exponent: number): Circuit {
  checkExponent(exponent);
  const steps: UnitaryKind[] = [];
  source.forEach((instruction) => {
    if (isUnitaryKind(instruction)) steps.push(instruction);
    else keepTiming(instruction, 'has no power');
  });
  const [only] = steps;
  if (only === undefined) return target;
  if (steps.length === 1) {
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
