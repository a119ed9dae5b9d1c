import { InvalidArgumentError } from '@qedge/core';
import { checkUnitary } from './check-unitary.ts';
import { type GateName, gateDefinition } from './gate-definition.ts';
import {
  type DelayUnit,
  type GateInstruction,
  type Instruction,
  instructionName,
  isUnitaryKind,
  type PauliEvolutionInstruction,
  type UnitaryKind,
} from './instruction.ts';
import { ParameterExpression, type ParameterValue } from './parameter.ts';

/** What an instruction must fit. */
export interface InstructionContext {
  readonly qubitCount: number;
  readonly clbitCount: number;
}

/** More qubits in one matrix or table are a mistake: a matrix on 10 qubits is 16 MiB, and 200,000 gates. */
const MAX_MATRIX_QUBITS = 10;
const MAX_TABLE_QUBITS = 26;
const DELAY_UNITS: readonly string[] = ['dt', 'ns', 'us', 'ms', 's'] satisfies DelayUnit[];

/**
 * Checks one instruction without circuits or classical expressions inside, which may come from outside.
 *
 * @returns the instruction, rebuilt from the fields that are known; arrays of numbers are copied.
 * @throws InvalidArgumentError saying what does not fit.
 */
export function checkPlainInstruction(value: Instruction, context: InstructionContext): Instruction {
  const name = instructionName(value);
  if (isUnitaryKind(value)) return checkUnitaryKind(value, context.qubitCount);
  const qubits = checkQubits(name, value.qubits, context.qubitCount);
  switch (value.kind) {
    case 'initialize':
      return { kind: 'initialize', qubits, amplitudes: checkAmplitudes(value.amplitudes, qubits.length) };
    case 'barrier':
      return { kind: 'barrier', qubits };
    case 'measure':
      checkLength(name, 'qubits', 1, qubits.length);
      checkIndex(value.clbit, context.clbitCount, 'The classical bit of measure');
      return { kind: 'measure', qubits: [qubits[0]!], clbit: value.clbit };
    case 'reset':
      checkLength(name, 'qubits', 1, qubits.length);
      return { kind: 'reset', qubits: [qubits[0]!] };
    case 'delay':
      if (!(value.duration >= 0 && Number.isFinite(value.duration)) || !DELAY_UNITS.includes(value.unit)) {
        throw new InvalidArgumentError('A delay is not usable', {
          expected: `a duration >= 0 in ${DELAY_UNITS.join(', ')}`,
          actual: `${value.duration} ${value.unit}`,
        });
      }
      return { kind: 'delay', qubits, duration: value.duration + 0, unit: value.unit };
    default:
      throw new InvalidArgumentError('Unknown instruction', {
        expected: 'a kind of instruction',
        actual: String((value as { kind?: unknown }).kind),
      });
  }
}

/** Checks a unitary instruction. @throws InvalidArgumentError saying what does not fit. */
export function checkUnitaryKind(value: UnitaryKind, qubitCount: number): UnitaryKind {
  const name = instructionName(recordOf(value, 'The body of controlled'));
  const qubits = checkQubits(name, value.qubits, qubitCount);
  switch (value.kind) {
    case 'gate':
      return checkGate(name, qubits, listOf(value.parameters ?? [], 'The parameters of a gate'));
    case 'unitary': {
      checkSize(name, qubits.length, MAX_MATRIX_QUBITS);
      const matrix = copyNumbers(value.matrix);
      checkUnitary(matrix, qubits.length);
      return value.label === undefined
        ? { kind: 'unitary', qubits, matrix }
        : { kind: 'unitary', qubits, matrix, label: String(value.label) };
    }
    case 'diagonal': {
      checkSize(name, qubits.length, MAX_TABLE_QUBITS);
      const phases = copyNumbers(value.phases);
      checkLength(name, 'phases', 2 ** qubits.length, phases.length);
      if (!phases.every(Number.isFinite)) throw notFinite('A phase of diagonal');
      return { kind: 'diagonal', qubits, phases };
    }
    case 'permutation': {
      const permutation = [...listOf(value.permutation, 'The places of permutation')];
      checkLength(name, 'places', qubits.length, permutation.length);
      for (const place of permutation) checkIndex(place, qubits.length, 'A place of permutation');
      if (new Set(permutation).size !== permutation.length) {
        throw new InvalidArgumentError('The places of permutation must differ', { actual: permutation });
      }
      return { kind: 'permutation', qubits, permutation };
    }
    case 'pauli-evolution':
      return checkPauliEvolution(value, qubits);
    case 'controlled':
      return checkControlled(value, qubits, qubitCount);
    default:
      throw new InvalidArgumentError('Unknown unitary instruction', {
        expected: 'gate, unitary, diagonal, permutation, pauli-evolution or controlled',
        actual: String((value as { kind?: unknown }).kind),
      });
  }
}

function checkControlled(
  value: Extract<UnitaryKind, { kind: 'controlled' }>,
  qubits: readonly number[],
  qubitCount: number,
): UnitaryKind {
  const controls = checkQubits('controlled', value.controls, qubitCount);
  const body = checkUnitaryKind(value.body, qubitCount);
  const expected = [...controls, ...body.qubits];
  if (expected.length !== qubits.length || expected.some((qubit, i) => qubit !== qubits[i])) {
    throw new InvalidArgumentError('The qubits of controlled are its controls, then those of its body', {
      expected,
      actual: qubits,
    });
  }
  const controlState = [...listOf(value.controlState, 'The control states')];
  checkLength('controlled', 'control states', controls.length, controlState.length);
  for (const bit of controlState) {
    if (bit !== 0 && bit !== 1)
      throw new InvalidArgumentError('A control state is a bit', { expected: '0 or 1', actual: bit });
  }
  return { kind: 'controlled', qubits, controls, controlState, body };
}

function checkPauliEvolution(
  value: PauliEvolutionInstruction,
  qubits: readonly number[],
): PauliEvolutionInstruction {
  const terms = listOf(value.terms, 'The terms of pauli-evolution').map((term) => {
    const [string, coefficient] = listOf(term, 'A term of pauli-evolution') as readonly [string, number];
    if (typeof string !== 'string' || string.length !== qubits.length || /[^IXYZ]/.test(string)) {
      throw new InvalidArgumentError('A term of pauli-evolution is not a Pauli string', {
        expected: `${qubits.length} letters of I, X, Y, Z`,
        actual: string,
      });
    }
    if (!Number.isFinite(coefficient)) throw notFinite(`The coefficient of ${string}`, coefficient);
    return [string, coefficient + 0] as const;
  });
  return { kind: 'pauli-evolution', qubits, terms, time: checkAngle('pauli-evolution', value.time) };
}

function checkAmplitudes(values: Float64Array, qubitCount: number): Float64Array {
  checkSize('initialize', qubitCount, MAX_TABLE_QUBITS);
  const amplitudes = copyNumbers(values);
  checkLength('initialize', 'numbers', 2 * 2 ** qubitCount, amplitudes.length);
  let norm = 0;
  for (const part of amplitudes) norm += part * part;
  if (!(Math.abs(norm - 1) <= 1e-9)) {
    throw new InvalidArgumentError('The amplitudes of initialize are not normalised', {
      expected: 'squares that add up to 1',
      actual: norm,
    });
  }
  return amplitudes;
}

function checkGate(
  name: string,
  qubits: readonly number[],
  values: readonly ParameterValue[],
): GateInstruction {
  const gate = checkGateShape(name, qubits, values);
  return { kind: 'gate', name: gate, qubits, parameters: values.map((angle) => checkAngle(name, angle)) };
}

/** Checks a gate's name and how many operands it has. @returns the name. */
export function checkGateShape(
  name: string,
  qubits: readonly number[],
  values: readonly ParameterValue[],
): GateName {
  const gate = gateDefinition(name);
  if (!gate.variadic || qubits.length < gate.qubitCount) {
    checkLength(name, 'qubits', gate.qubitCount, qubits.length);
  }
  checkLength(name, 'parameters', gate.parameterCount, values.length);
  return name as GateName;
}

/** A finite number, or an expression that still has parameters. @throws InvalidArgumentError for anything else. */
export function checkAngle(name: string, angle: ParameterValue | string): ParameterValue {
  if (typeof angle === 'number') {
    // A zero has no sign, so that circuits equal those that went through JSON.
    if (Number.isFinite(angle)) return angle + 0;
  } else if (angle instanceof ParameterExpression) {
    return angle.value;
  } else if (typeof angle === 'string') {
    return ParameterExpression.parse(angle).value;
  }
  throw new InvalidArgumentError(`An angle of ${name} is not usable`, {
    expected: 'a finite number or a parameter expression',
    actual: String(angle),
  });
}

/** Qubits that exist and differ, copied. @throws InvalidArgumentError otherwise. */
export function checkQubits(name: string, values: readonly number[], qubitCount: number): readonly number[] {
  const qubits = [...listOf(values, `The qubits of ${name}`)];
  checkDistinctQubits(name, qubits, qubitCount);
  return qubits;
}

/** More are compared by a set. */
const FEW = 16;

/** @throws InvalidArgumentError unless the qubits exist and differ. */
export function checkDistinctQubits(name: string, qubits: readonly number[], qubitCount: number): void {
  let differ = true;
  for (let i = 0; i < qubits.length; i++) {
    const qubit = qubits[i]!;
    if (!Number.isInteger(qubit) || qubit < 0 || qubit >= qubitCount) {
      checkIndex(qubit, qubitCount, `The qubit of ${name}`);
    }
    if (qubits.length <= FEW) for (let j = 0; j < i; j++) differ &&= qubits[j] !== qubit;
  }
  if (!differ || (qubits.length > FEW && new Set(qubits).size !== qubits.length)) {
    throw new InvalidArgumentError(`The qubits of ${name} must differ`, { actual: qubits });
  }
}

/** A copy whose zeros have no sign. */
function copyNumbers(values: Float64Array): Float64Array {
  return Float64Array.from(listOf(values, 'A matrix or table'), (value) => value + 0);
}

/** @throws InvalidArgumentError for what is not a list. */
export function listOf<Item>(value: ArrayLike<Item>, what: string): readonly Item[] {
  if (Array.isArray(value)) return value;
  if (value instanceof Float64Array) return value as unknown as readonly Item[];
  throw new InvalidArgumentError(`${what} must be a list`, { expected: 'an array', actual: value });
}

/** @throws InvalidArgumentError for what is not an object. */
export function recordOf<Value>(value: Value, what: string): Value {
  if (typeof value === 'object' && value !== null) return value;
  throw new InvalidArgumentError(`${what} must be an object`, { expected: 'an object', actual: value });
}

function checkSize(name: string, count: number, most: number): void {
  if (count > most) {
    throw new InvalidArgumentError(`${name} has too many qubits`, {
      expected: `at most ${most}`,
      actual: count,
    });
  }
}

function checkLength(name: string, what: string, expected: number, actual: number): void {
  if (actual !== expected)
    throw new InvalidArgumentError(`${name} takes other ${what}`, { expected, actual });
}

/** @throws InvalidArgumentError unless the index is an integer in `0..count - 1`. */
export function checkIndex(index: number, count: number, what: string): void {
  if (!Number.isInteger(index) || index < 0 || index >= count) {
    throw new InvalidArgumentError(`${what} is out of range`, {
      expected: count === 0 ? 'a circuit that has some' : `an integer in 0..${count - 1}`,
      actual: index,
    });
  }
}

function notFinite(what: string, actual?: number): InvalidArgumentError {
  return new InvalidArgumentError(`${what} is not usable`, { expected: 'a finite number', actual });
}
