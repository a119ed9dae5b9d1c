import type { BinaryOperator, ClassicalTarget } from '../../circuit/classical-expression.ts';
import type {
  IndexedIdentifier,
  MeasureExpression,
  StatementOf,
  Value as ValueNode,
} from '../syntax/syntax-tree.ts';
import { type Analysis, CLASSICAL_STEPS } from './analysis.ts';
import { writeArray } from './array.ts';
import { castClassical, castValue, foldClassical } from './cast.ts';
import { combineDurations } from './duration.ts';
import { evaluate } from './evaluate.ts';
import { type BitReference, type QubitReference, resolveBits, resolveQubits } from './read-reference.ts';
import { select } from './select.ts';
import type { Slot, SlotBit } from './slot.ts';
import { callFunction, callSubroutine } from './subroutine.ts';
import { describeValue, INT, isKnown, type KnownValue, literal, toClassical, type Value } from './value.ts';

/** Executes `target op value`. */
export function executeAssignment(analysis: Analysis, statement: StatementOf<'assignment'>): void {
  const { target, operator, value: node, start } = statement;
  analysis.count(CLASSICAL_STEPS, start);
  if (node.kind === 'measure') {
    if (operator !== '=') analysis.fail(start, '"=" in front of a measurement', operator);
    measureInto(analysis, node, target);
    return;
  }
  let value = evaluateRightSide(analysis, node);
  if (operator !== '=') {
    const left = evaluate(analysis, indexed(target));
    value = combine(analysis, operator.slice(0, -1) as BinaryOperator, left, value, start);
  }
  assign(analysis, target, value);
}

/** The target as an expression that reads it. */
function indexed(target: IndexedIdentifier): Parameters<typeof evaluate>[1] {
  let expression: Parameters<typeof evaluate>[1] = {
    kind: 'identifier',
    name: target.name,
    start: target.start,
  };
  for (const index of target.indices)
    expression = { kind: 'index', base: expression, index, start: target.start };
  return expression;
}

function combine(
  analysis: Analysis,
  operator: BinaryOperator,
  left: Value,
  right: Value,
  start: number,
): Value {
  const node = { kind: 'integer', value: 0, text: '0', start } as const;
  const spans = combineDurations(
    analysis,
    { kind: 'binary', operator, left: node, right: node, start, at: start },
    left,
    right,
  );
  if (spans !== null) return spans;
  const [a, b] = [toClassical(left), toClassical(right)];
  if (a === null || b === null) {
    return analysis.fail(start, 'two numbers', describeValue(a === null ? left : right));
  }
  return foldClassical(analysis, { kind: 'binary', operator, left: a, right: b }, start);
}

/** Evaluates what may stand right of `=`, measurements excluded. */
export function evaluateRightSide(analysis: Analysis, node: Exclude<ValueNode, MeasureExpression>): Value {
  if (node.kind === 'call') {
    const entity = analysis.scope.find(node.name);
    if (entity !== null) return callFunction(analysis, entity, node, 'assigned');
  }
  if (node.kind !== 'quantum-call') return evaluate(analysis, node);
  const result = callSubroutine(analysis, node);
  return result ?? analysis.fail(node.start, 'a subroutine that returns a value', `"${node.name}"`);
}

/** Writes a value to a variable, a register or a part of one. */
export function assign(analysis: Analysis, target: IndexedIdentifier, value: Value): void {
  const { name, indices, start } = target;
  const entity = analysis.find(name, start, 'a variable or a classical register');
  if (entity.kind === 'bits') {
    writeBits(analysis, resolveBits(analysis, name, indices, start)!, value, start);
  } else if (entity.kind !== 'variable') {
    analysis.fail(start, 'a variable or a classical register', `"${name}", which cannot be assigned`);
  } else if (indices.length === 0) {
    writeSlot(analysis, entity.slot, value, start);
  } else {
    writePart(analysis, entity.slot, target, value);
  }
}

/** Writes a value to a variable. */
export function writeSlot(analysis: Analysis, slot: Slot, value: Value, start: number): void {
  const { type } = slot;
  if (type === null) {
    const known = slot.known!;
    const isArray = typeof known === 'object' && 'kind' in known && known.kind === 'array';
    const resolved = isArray ? ({ ...known, kind: 'array' } as const) : ({ kind: 'duration' } as const);
    if (isArray) analysis.count(known.elements.length, start);
    setKnown(slot, castValue(analysis, value, resolved, start) as KnownValue);
    return;
  }
  const cast = castClassical(analysis, value, type, start);
  if (isKnown(cast)) {
    setKnown(slot, cast);
    return;
  }
  const target = analysis.storages.place(slot);
  analysis.emit({ kind: 'assign', target, value: toClassical(cast)! });
  slot.known = null;
  slot.synced = true;
}

function setKnown(slot: Slot, value: KnownValue): void {
  slot.known = value;
  slot.synced = false;
}

/** Writes to elements of an array, or to a bit of an integer or an angle. */
function writePart(
  analysis: Analysis,
  slot: Slot,
  { indices, start }: IndexedIdentifier,
  value: Value,
): void {
  const { known, type } = slot;
  if (type === null) {
    if (known === null || typeof known === 'number' || !('kind' in known) || known.kind !== 'array') {
      analysis.fail(start, 'an array', 'a duration');
    }
    setKnown(slot, writeArray(analysis, known, indices, value, start));
    return;
  }
  if (type.kind === 'float' || type.kind === 'bool') {
    analysis.fail(start, 'an integer or an angle with a width', type.kind);
  }
  const { positions, single } = select(analysis, indices[0]!, type.size);
  if (indices.length !== 1 || !single) {
    analysis.refuse(start, 'assigning several bits of an integer at once is not supported');
  }
  writeVariableBit(
    analysis,
    slot,
    positions[0]!,
    castClassical(analysis, value, { kind: 'bit', size: 1 }, start),
    start,
  );
}

function writeVariableBit(analysis: Analysis, slot: Slot, bit: number, value: Value, start: number): void {
  const { known, type } = slot;
  const isLiteral = typeof value === 'object' && 'kind' in value && value.kind === 'literal';
  const isKnownSlot =
    known !== null && typeof known === 'object' && 'kind' in known && known.kind === 'literal';
  if (isLiteral && isKnownSlot && type !== null && type.kind !== 'bool') {
    const mask = 1n << BigInt(bit);
    const bits = BigInt.asUintN(type.size, BigInt(known.value));
    const written = value.value ? bits | mask : bits & ~mask;
    setKnown(slot, literal(type, type.kind === 'int' ? BigInt.asIntN(type.size, written) : written));
    return;
  }
  analysis.storages.forget(slot, start);
  analysis.emit({ kind: 'assign', target: variableBit(analysis, slot, bit), value: toClassical(value)! });
}

function variableBit(analysis: Analysis, slot: Slot, bit: number): ClassicalTarget {
  const operand = analysis.storages.place(slot);
  if (operand.kind !== 'variable') throw new TypeError('a bit of a variable');
  return { kind: 'index', operand, index: literal(INT, BigInt(bit)) };
}

/** Writes a value to bits of registers. */
export function writeBits(analysis: Analysis, target: BitReference, value: Value, start: number): void {
  const { bits } = target;
  const cast = castClassical(analysis, value, { kind: 'bit', size: bits.length }, start);
  const isTracked = bits.every(({ slot }) => isTrackedSlot(slot));
  if (isTracked && typeof cast === 'object' && 'kind' in cast && cast.kind === 'literal') {
    writeKnownBits(analysis, bits, BigInt(cast.value), start);
    return;
  }
  prepareBits(analysis, bits, start);
  analysis.count(bits.length, start);
  const clbits = analysis.storages.clbits(bits);
  const place: ClassicalTarget =
    clbits.length === 1 ? { kind: 'bit', clbit: clbits[0]! } : { kind: 'bits', clbits };
  analysis.emit({ kind: 'assign', target: place, value: toClassical(cast)! });
}

/** The values of larger registers are left to the running program. */
const MOST_TRACKED_BITS = 4096;

export function isTrackedSlot({ type }: Slot): boolean {
  return type?.kind !== 'bit' || type.size <= MOST_TRACKED_BITS;
}

function writeKnownBits(analysis: Analysis, bits: readonly SlotBit[], value: bigint, start: number): void {
  for (const slot of new Set(bits.map(({ slot }) => slot))) {
    const own = bits.map(({ slot: of, bit }, index) => ({ of, bit, index })).filter(({ of }) => of === slot);
    const size = slot.type?.kind === 'bit' ? slot.type.size : 0;
    const known = slot.known;
    const isLiteral =
      known !== null && typeof known === 'object' && 'kind' in known && known.kind === 'literal';
    if (!isLiteral && own.length < size) {
      for (const { bit, index } of own) emitBit(analysis, { slot, bit }, (value >> BigInt(index)) & 1n);
      continue;
    }
    let written = isLiteral ? BigInt(known.value) : 0n;
    for (const { bit, index } of own) {
      const mask = 1n << BigInt(bit);
      written = (value >> BigInt(index)) & 1n ? written | mask : written & ~mask;
    }
    setKnown(slot, literal({ kind: 'bit', size }, written));
  }
  analysis.count(bits.length, start);
}

function emitBit(analysis: Analysis, bit: SlotBit, value: bigint): void {
  const [clbit] = analysis.storages.clbits([bit]);
  const target = { kind: 'bit', clbit: clbit! } as const;
  analysis.emit({ kind: 'assign', target, value: literal({ kind: 'bit', size: 1 }, value) });
}

/** Makes registers ready for the running program to write some of their bits. */
function prepareBits(analysis: Analysis, bits: readonly SlotBit[], start: number): void {
  for (const slot of new Set(bits.map(({ slot }) => slot))) {
    if (slot.known === null) continue;
    const size = slot.type?.kind === 'bit' ? slot.type.size : 0;
    const own = new Set(bits.filter((bit) => bit.slot === slot).map(({ bit }) => bit));
    // What is overwritten as a whole need not be written before.
    if (own.size === size) slot.synced = true;
    analysis.storages.forget(slot, start);
  }
}

/** Executes `measure operand -> target`. */
export function measureInto(analysis: Analysis, node: MeasureExpression, target: IndexedIdentifier): void {
  const qubits = resolveQubits(analysis, node.operand);
  const entity = analysis.find(target.name, target.start, classicalRegister(analysis));
  if (entity.kind === 'variable') {
    measureIntoVariable(analysis, qubits, target, node.start);
    return;
  }
  if (entity.kind !== 'bits') {
    analysis.fail(target.start, `${classicalRegister(analysis)} declared above`, `"${target.name}"`);
  }
  measureBits(
    analysis,
    qubits,
    resolveBits(analysis, target.name, target.indices, target.start)!,
    target.start,
  );
}

function classicalRegister(analysis: Analysis): string {
  return analysis.source.version === 2 ? 'a classical register' : 'a bit or a classical register';
}

/** Measures qubits one by one into bits. */
export function measureBits(
  analysis: Analysis,
  { qubits, single }: QubitReference,
  { bits, single: singleBit }: BitReference,
  start: number,
): void {
  const strict = analysis.source.version === 2 && single !== singleBit;
  if (strict || qubits.length !== bits.length) {
    const sizes = `${qubits.length} qubits and ${bits.length} classical bits`;
    analysis.fail(start, 'as many classical bits as qubits', sizes);
  }
  prepareBits(analysis, bits, start);
  analysis.count(bits.length, start);
  const clbits = analysis.storages.clbits(bits);
  for (const [index, qubit] of qubits.entries()) {
    analysis.emit({ kind: 'measure', qubits: [qubit], clbit: clbits[index]! });
  }
}

/** Measures a qubit into a bit of an integer or an angle: through a classical bit, the only thing that takes outcomes. */
function measureIntoVariable(
  analysis: Analysis,
  qubits: QubitReference,
  target: IndexedIdentifier,
  start: number,
): void {
  assign(analysis, target, measureFresh(analysis, qubits, start));
}

/** Measures qubits into classical bits of their own and returns what reads them. */
export function measureFresh(analysis: Analysis, qubits: QubitReference, start: number): Value {
  const type = { kind: 'bit', size: qubits.qubits.length } as const;
  const declaration = analysis.placeOf('outcome', start);
  const slot = analysis.storages.createSlot(declaration, 'measured', type, null);
  slot.synced = true;
  const bits = Array.from({ length: type.size }, (_, bit) => ({ slot, bit }));
  measureBits(analysis, { ...qubits, single: true }, { bits, single: true }, start);
  const clbits = analysis.storages.clbits(bits);
  return clbits.length === 1 ? { kind: 'bit', clbit: clbits[0]! } : { kind: 'bits', clbits };
}
