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
  const name = nameOf(value);
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
      if (!(Number.isFinite(value.duration) && value.duration >= 0) || !DELAY_UNITS.includes(value.unit)) {
        throw new InvalidArgumentError('A delay is not usable', {
          expected: `a duration >= 0 in ${DELAY_UNITS.join(', ')}`,
          actual: [value.duration, value.unit],
        });
      }
      return { kind: 'delay', qubits, duration: value.duration + 0, unit: value.unit };
    default:
      throw new InvalidArgumentError('Unknown instruction', {
        expected: 'a kind of instruction',
        actual: (value as { kind?: unknown }).kind,
      });
  }
}

/** The name for messages; it may come from outside, and be anything. */
function nameOf(value: Instruction): string {
  const name: unknown = instructionName(value);
  if (typeof name === 'string') return name;
  throw new InvalidArgumentError('Unknown instruction', {
    expected: 'a kind of instruction and, for gates, a name',
    actual: name,
  });
}

/** More controls around controls are a mistake. */
const DEEPEST_CONTROLS = 100;

/** Checks a unitary instruction. @throws InvalidArgumentError saying what does not fit. */
export function checkUnitaryKind(value: UnitaryKind, qubitCount: number, depth = 0): UnitaryKind {
  const name = nameOf(recordOf(value, 'The body of controlled'));
  const qubits = checkQubits(name, value.qubits, qubitCount);
  switch (value.kind) {
    case 'gate':
      return checkGate(name, qubits, listOf(value.parameters ?? [], 'The parameters of a gate'));
    case 'unitary': {
      checkSize(name, qubits.length, MAX_MATRIX_QUBITS);
      const matrix = copyNumbers(value.matrix);
      checkUnitary(matrix, qubits.length);
      const { label } = value;
      if (label === undefined) return { kind: 'unitary', qubits, matrix };
      if (typeof label === 'string') return { kind: 'unitary', qubits, matrix, label };
      throw new InvalidArgumentError('The label of unitary is not usable', {
        expected: 'a text',
        actual: label,
      });
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
      return checkControlled(value, qubits, qubitCount, depth);
    default:
      throw new InvalidArgumentError('Unknown unitary instruction', {
        expected: 'gate, unitary, diagonal, permutation, pauli-evolution or controlled',
        actual: (value as { kind?: unknown }).kind,
      });
  }
}

function checkControlled(
  value: Extract<UnitaryKind, { kind: 'controlled' }>,
  qubits: readonly number[],
  qubitCount: number,
  depth: number,
): UnitaryKind {
  if (depth > DEEPEST_CONTROLS) {
    throw new InvalidArgumentError('Controlled instructions are nested too deeply', {
      expected: `at most ${DEEPEST_CONTROLS} inside one another`,
      remedy: 'Give all controls to one of them',
    });
  }
  const controls = checkQubits('controlled', value.controls, qubitCount);
  const body = checkUnitaryKind(value.body, qubitCount, depth + 1);
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
  listOf(qubits, `The qubits of ${name}`);
  listOf(values, `The parameters of ${name}`);
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
    actual: angle,
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

/** @throws InvalidArgumentError unless the qubits (or classical bits, as `what` says) exist and differ. */
export function checkDistinctQubits(
  name: string,
  qubits: readonly number[],
  qubitCount: number,
  what: 'qubits' | 'classical bits' = 'qubits',
): void {
  let differ = true;
  for (let i = 0; i < qubits.length; i++) {
    const qubit = qubits[i]!;
    if (!Number.isInteger(qubit) || qubit < 0 || qubit >= qubitCount) {
      checkIndex(qubit, qubitCount, `The ${what.slice(0, -1)} of ${name}`);
    }
    if (qubits.length <= FEW) for (let j = 0; j < i; j++) differ &&= qubits[j] !== qubit;
  }
  if (!differ || (qubits.length > FEW && new Set(qubits).size !== qubits.length)) {
    throw new InvalidArgumentError(`The ${what} of ${name} must differ`, { actual: qubits });
  }
}

/** A copy whose zeros have no sign. @throws InvalidArgumentError for anything but a flat list of numbers. */
export function copyNumbers(values: ArrayLike<number>): Float64Array {
  const isList = Array.isArray(values) || (ArrayBuffer.isView(values) && 'length' in values);
  if (!isList) throw notNumbers(values);
  const copy = new Float64Array(values.length);
  for (let i = 0; i < copy.length; i++) {
    const value: unknown = values[i];
    if (typeof value !== 'number') throw notNumbers(value);
    copy[i] = value + 0;
  }
  return copy;
}

function notNumbers(actual: unknown): InvalidArgumentError {
  return new InvalidArgumentError('A matrix or table is not usable', {
    expected: 'one list of numbers: row after row, a complex number as its real and its imaginary part',
    actual,
  });
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

/** An integer as a bigint; true and false are 1 and 0. @throws InvalidArgumentError for any other value. */
export function checkInteger(value: number, what: string): bigint {
  if (Number.isSafeInteger(value) || typeof value === 'boolean') return BigInt(value);
  throw new InvalidArgumentError(`${what} is not usable`, { expected: 'an integer', actual: value });
}

function notFinite(what: string, actual?: number): InvalidArgumentError {
  return new InvalidArgumentError(`${what} is not usable`, { expected: 'a finite number', actual });
}
