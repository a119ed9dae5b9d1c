import type { ClassicalType } from '../../circuit/classical-expression.ts';
import { ParameterExpression } from '../../circuit/parameter.ts';
import type { Expression, Statement, StatementOf } from '../syntax/syntax-tree.ts';
import { type Analysis, MAX_BITS } from './analysis.ts';
import { evaluateArrayLiteral, zeroArray, zeroOf } from './array.ts';
import { evaluateRightSide, isTrackedSlot, measureBits, writeBits, writeSlot } from './assign.ts';
import { castValue } from './cast.ts';
import { inputValue } from './input.ts';
import { nameAndIndices, resolveBits, resolveQubits } from './read-reference.ts';
import type { Slot, SlotBit } from './slot.ts';
import { evaluateSize, type ResolvedType, resolveType } from './types.ts';
import { describeValue, isKnown, type KnownValue, type Value } from './value.ts';

/** Marks a bit register that a circuit uses for itself and samples leave out. */
export const LOCAL_ANNOTATION = '@qedge.local';

/** Executes `qubit[n] name;`, `qreg name[n];` and their kin. */
export function declareQubits(
  analysis: Analysis,
  {
    name,
    width,
    start,
  }: { readonly name: string; readonly width: Expression | null; readonly start: number },
): void {
  if (!analysis.atTop) analysis.fail(start, 'qubits declared outside of all blocks', `"${name}" in a block`);
  const size = width === null ? 1 : evaluateSize(analysis, width, MAX_BITS);
  const first = analysis.qubitCount;
  if (first + size > MAX_BITS) {
    analysis.fail(width?.start ?? start, `at most ${MAX_BITS} bits in all`, String(first + size));
  }
  const qubits = Array.from({ length: size }, (_, index) => first + index);
  analysis.declare(name, { kind: 'qubits', qubits, single: width === null }, start);
  analysis.quantumRegisters.push({ name: analysis.storages.uniqueName(name), start: first, size });
  analysis.qubitCount += size;
}

/** Executes a declaration of a classical variable, a bit register or a constant. */
export function executeDeclaration(analysis: Analysis, statement: StatementOf<'declaration'>): void {
  const { name, type: typeNode, value, constant, start } = statement;
  const type = resolveType(analysis, typeNode);
  if (constant) {
    const known = evaluateInitial(analysis, statement, type);
    if (!isKnown(known))
      analysis.fail(start, 'a value known while the program is read', describeValue(known));
    analysis.declare(name, { kind: 'constant', value: known, type: classicalOf(type) }, start);
    return;
  }
  if (type.kind === 'classical' && type.type.kind === 'bit') {
    declareBits(analysis, statement, type.type);
    return;
  }
  const initial = value === null ? zeroValue(type) : evaluateInitial(analysis, statement, type);
  const slot = declareVariable(analysis, statement, name, type, start);
  if (isKnown(initial)) slot.known = initial;
  else writeSlot(analysis, slot, initial, start);
}

function classicalOf(type: ResolvedType): ClassicalType | null {
  return type.kind === 'classical' ? type.type : null;
}

function zeroValue(type: ResolvedType): Value {
  if (type.kind === 'classical') return zeroOf(type.type);
  if (type.kind === 'array') return zeroArray(type.base, type.shape);
  return { kind: 'duration', value: 0, unit: 'ns' };
}

function evaluateInitial(
  analysis: Analysis,
  { value: node, start }: StatementOf<'declaration'>,
  type: ResolvedType,
): Value {
  if (node === null) return zeroValue(type);
  if (node.kind === 'array-literal') {
    if (type.kind !== 'array') return analysis.fail(node.start, 'a value', 'an array');
    return evaluateArrayLiteral(analysis, node, type.base, type.shape);
  }
  if (node.kind === 'measure') {
    return analysis.fail(node.start, 'a bit or a bit register for an outcome', 'another type');
  }
  return castValue(analysis, evaluateRightSide(analysis, node), type, start);
}

/** A new variable under a name; 0 at first. */
export function declareVariable(
  analysis: Analysis,
  declaration: object,
  name: string,
  type: ResolvedType,
  start: number,
): Slot {
  const known = zeroValue(type) as KnownValue;
  const slot = analysis.storages.createSlot(declaration, name, classicalOf(type), known);
  slot.isGlobal = analysis.atTop && !isMarkedLocal(declaration);
  if (!isTrackedSlot(slot)) {
    if (analysis.atTop) takePlace(analysis, slot, true);
    else analysis.storages.forget(slot, start);
  }
  if (type.kind === 'classical' && type.type.kind === 'bit') {
    const bits = Array.from({ length: type.type.size }, (_, bit): SlotBit => ({ slot, bit }));
    analysis.declare(name, { kind: 'bits', bits, single: bits.length === 1 }, start);
  } else {
    analysis.declare(name, { kind: 'variable', slot }, start);
  }
  if (analysis.atTop && type.kind === 'classical') analysis.globals.push(slot);
  return slot;
}

function declareBits(
  analysis: Analysis,
  statement: StatementOf<'declaration'>,
  type: Extract<ClassicalType, { kind: 'bit' }>,
): void {
  const { name, value, start } = statement;
  const measured = value?.kind === 'measure' ? resolveQubits(analysis, value.operand) : null;
  const initial =
    measured === null && value !== null
      ? evaluateInitial(analysis, statement, { kind: 'classical', type })
      : null;
  const slot = declareVariable(analysis, statement, name, { kind: 'classical', type }, start);
  const bits = Array.from({ length: type.size }, (_, bit): SlotBit => ({ slot, bit }));
  const reference = { bits, single: type.size === 1 };
  // The registers of a program are its output: they exist from the beginning, in order, and conditions on them are kept.
  if (analysis.atTop) takePlace(analysis, slot, value === null);
  if (measured !== null) measureBits(analysis, { ...measured, single: reference.single }, reference, start);
  else if (initial !== null) writeBits(analysis, reference, initial, start);
}

/** True for a declaration that {@link formatOpenQasm3} marked. */
function isMarkedLocal(declaration: object): boolean {
  const { annotations } = declaration as Statement;
  return annotations?.some(({ keyword }) => keyword === LOCAL_ANNOTATION) ?? false;
}

function takePlace(analysis: Analysis, slot: Slot, unset: boolean): void {
  analysis.storages.place(slot);
  slot.synced = true;
  if (unset || !isTrackedSlot(slot)) slot.known = null;
}

/** Executes `creg name[n];`. */
export function declareClassicalRegister(
  analysis: Analysis,
  statement: StatementOf<'register-declaration'>,
): void {
  const { name, width, start } = statement;
  const size = width === null ? 1 : evaluateSize(analysis, width, MAX_BITS);
  if (analysis.storages.clbitCount + size > MAX_BITS) {
    analysis.fail(
      width?.start ?? start,
      `at most ${MAX_BITS} bits in all`,
      String(analysis.storages.clbitCount + size),
    );
  }
  const slot = analysis.storages.createSlot(statement, name, { kind: 'bit', size }, null);
  const bits = Array.from({ length: size }, (_, bit): SlotBit => ({ slot, bit }));
  analysis.declare(name, { kind: 'bits', bits, single: width === null }, start);
  if (analysis.atTop) analysis.globals.push(slot);
  slot.isGlobal = analysis.atTop;
  takePlace(analysis, slot, true);
}

/** Executes `let name = a ++ b;`. */
export function executeAlias(analysis: Analysis, statement: StatementOf<'alias'>): void {
  const { name, value, start } = statement;
  const first = value.parts[0]!;
  if (isQuantum(analysis, first)) {
    const parts = value.parts.map((part) => resolveQubits(analysis, part));
    const qubits = parts.flatMap((part) => part.qubits);
    const single = parts.length === 1 && parts[0]!.single;
    analysis.count(qubits.length, start);
    analysis.declare(name, { kind: 'qubits', qubits, single }, start);
    return;
  }
  const parts = value.parts.map((part) => {
    const reference = nameAndIndices(part);
    const bits = reference && resolveBits(analysis, reference.name, reference.indices, reference.start);
    return bits ?? analysis.fail(part.start, 'a register or a part of one', 'something else');
  });
  const bits = parts.flatMap((part) => part.bits);
  analysis.count(bits.length, start);
  // Several registers under one name are read together, by the running program.
  if (parts.length > 1) {
    for (const slot of new Set(bits.map((bit) => bit.slot))) analysis.storages.forget(slot, start);
  }
  analysis.declare(name, { kind: 'bits', bits, single: parts.length === 1 && parts[0]!.single }, start);
}

/** True for an expression that names qubits. */
function isQuantum(analysis: Analysis, expression: Expression): boolean {
  if (expression.kind === 'hardware-qubit') return true;
  const reference = nameAndIndices(expression);
  return reference !== null && analysis.scope.find(reference.name)?.kind === 'qubits';
}

/** Executes `input type name;` and `output type name;`. */
export function executeInputOutput(analysis: Analysis, statement: StatementOf<'io-declaration'>): void {
  const { direction, name, type: node, start } = statement;
  if (!analysis.atTop) analysis.fail(start, `"${direction}" outside of all blocks`, 'a block');
  if (direction === 'input') {
    const value = inputValue(analysis, statement, resolveType(analysis, node));
    const type = value instanceof ParameterExpression ? null : classicalOf(resolveType(analysis, node));
    analysis.declare(name, { kind: 'constant', value, type }, start);
    return;
  }
  const declaration = { kind: 'declaration', type: node, name, value: null, constant: false, start } as const;
  const count = analysis.globals.length;
  executeDeclaration(analysis, declaration);
  analysis.outputs = [...(analysis.outputs ?? []), ...analysis.globals.slice(count)];
}
