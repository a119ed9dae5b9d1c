import type { ClassicalExpression } from '../../circuit/classical-expression.ts';
import type { Expression, GateOperand, IndexExpression, IndexOperator } from '../syntax/syntax-tree.ts';
import type { Analysis } from './analysis.ts';
import { readArray } from './array.ts';
import { foldClassical, fromLiteral } from './cast.ts';
import { evaluate } from './evaluate.ts';
import { select } from './select.ts';
import type { SlotBit } from './slot.ts';
import { describeValue, INT, literal, toClassical, type Value } from './value.ts';

/** Qubits that an operand names. */
export interface QubitReference {
  readonly qubits: readonly number[];
  /** True for one qubit, which takes part in every step of a broadcast. */
  readonly single: boolean;
}

/** Bits that a name with indices means. */
export interface BitReference {
  readonly bits: readonly SlotBit[];
  readonly single: boolean;
}

/** The name and the index operators of an expression that is nothing but that; null for any other. */
export function nameAndIndices(
  expression: Expression | GateOperand,
): { readonly name: string; readonly indices: readonly IndexOperator[]; readonly start: number } | null {
  if (expression.kind === 'indexed-identifier') return expression;
  const indices: IndexOperator[] = [];
  let base: Expression | GateOperand = expression;
  while (base.kind === 'index') {
    indices.unshift(base.index);
    base = base.base;
  }
  return base.kind === 'identifier' ? { name: base.name, indices, start: base.start } : null;
}

/** The qubits of an operand. @throws FileFormatError when it names none. */
export function resolveQubits(analysis: Analysis, operand: Expression | GateOperand): QubitReference {
  if (operand.kind === 'hardware-qubit') return hardwareQubit(analysis, operand);
  const reference = nameAndIndices(operand);
  if (reference === null) return analysis.fail(operand.start, 'a qubit', 'an expression');
  const { name, indices, start } = reference;
  const what = analysis.source.version === 2 ? 'a quantum register' : 'a qubit or a quantum register';
  const entity = analysis.find(name, start, what);
  if (entity.kind !== 'qubits') return analysis.fail(start, `${what} declared above`, `"${name}"`);
  let { qubits, single } = entity;
  for (const index of indices) {
    if (single) analysis.fail(index.start, 'no index of a single qubit', 'an index');
    const selection = select(analysis, index, qubits.length);
    const all = qubits;
    qubits = selection.positions.map((position) => all[position]!);
    single = selection.single;
  }
  return { qubits, single };
}

function hardwareQubit(analysis: Analysis, operand: { readonly index: number; readonly start: number }) {
  const { index, start } = operand;
  const { hardwareQubits, source } = analysis;
  if (index >= MAX_HARDWARE_QUBITS)
    analysis.fail(start, `a qubit below $${MAX_HARDWARE_QUBITS}`, `$${index}`);
  analysis.hardwareQubits = {
    start,
    source,
    ...hardwareQubits,
    count: Math.max(index + 1, hardwareQubits?.count ?? 0),
  };
  return { qubits: [index], single: true };
}

const MAX_HARDWARE_QUBITS = 1_000_000;

/** The bits of a register or of a part of one; null when the name is no bit register. */
export function resolveBits(
  analysis: Analysis,
  name: string,
  indices: readonly IndexOperator[],
  start: number,
): BitReference | null {
  const entity = analysis.find(name, start, 'a variable or a classical register');
  if (entity.kind !== 'bits') return null;
  let { bits, single } = entity;
  for (const index of indices) {
    // A single bit may be written as a register of one.
    const selection = select(analysis, index, bits.length);
    const all = bits;
    bits = selection.positions.map((position) => all[position]!);
    single = selection.single;
  }
  return { bits, single };
}

/** The value of some bits: known where all are, else an expression of classical bits. */
export function readBits(analysis: Analysis, bits: readonly SlotBit[]): Value {
  let value = 0n;
  for (const [index, { slot, bit }] of bits.entries()) {
    const { known } = slot;
    if (known === null || typeof known === 'number' || !('kind' in known) || known.kind !== 'literal') {
      const clbits = analysis.storages.clbits(bits);
      analysis.count(bits.length, 0);
      return clbits.length === 1 ? { kind: 'bit', clbit: clbits[0]! } : { kind: 'bits', clbits };
    }
    if (((BigInt(known.value) >> BigInt(bit)) & 1n) === 1n) value |= 1n << BigInt(index);
  }
  return literal({ kind: 'bit', size: bits.length }, value);
}

/** Evaluates `name[...]`, or an index of any other value. */
export function readIndexed(analysis: Analysis, expression: IndexExpression): Value {
  const reference = nameAndIndices(expression);
  const entity = reference === null ? null : analysis.scope.find(reference.name);
  if (reference !== null && entity?.kind === 'bits') {
    const dynamic = readDynamicBit(analysis, entity.bits, reference.indices);
    if (dynamic !== null) return dynamic;
    return readBits(
      analysis,
      resolveBits(analysis, reference.name, reference.indices, reference.start)!.bits,
    );
  }
  const base = evaluate(analysis, expression.base);
  if (typeof base === 'object' && 'kind' in base && base.kind === 'array') {
    return readArray(analysis, base, [expression.index], expression.start);
  }
  return readBitOfValue(analysis, base, expression);
}

/** A bit of a register whose index only the running program knows; null for any other index. */
function readDynamicBit(
  analysis: Analysis,
  bits: readonly SlotBit[],
  indices: readonly IndexOperator[],
): Value | null {
  const [index] = indices;
  if (indices.length !== 1 || index?.kind !== 'list' || index.items.length !== 1) return null;
  const [item] = index.items;
  if (item === undefined || item.kind === 'range' || item.kind === 'integer') return null;
  const value = evaluate(analysis, item);
  if (typeof value !== 'object' || !('kind' in value) || value.kind === 'literal') return null;
  const position = toClassical(value);
  const operand = toClassical(readBits(analysis, bits));
  return position === null || operand === null ? null : { kind: 'index', operand, index: position };
}

/** A bit, or some adjacent bits, of an integer or an angle. */
function readBitOfValue(analysis: Analysis, value: Value, { index, start }: IndexExpression): Value {
  const operand = toClassical(value);
  const size = operand === null ? null : bitCount(operand);
  if (operand === null || size === null) {
    return analysis.fail(
      start,
      'a register, an array, an integer or an angle with a width',
      describeValue(value),
    );
  }
  const { positions, single } = select(analysis, index, size);
  const first = positions[0]!;
  if (single) {
    return foldClassical(analysis, { kind: 'index', operand, index: literal(INT, BigInt(first)) }, start);
  }
  if (positions.some((position, i) => position !== first + i)) {
    return analysis.refuse(start, 'parts of an integer other than adjacent bits are not supported');
  }
  const shift = literal({ kind: 'uint', size: 64 }, BigInt(first));
  const shifted = foldClassical(
    analysis,
    { kind: 'binary', operator: '>>', left: operand, right: shift },
    start,
  );
  const type = { kind: 'bit', size: positions.length } as const;
  const cut = foldClassical(analysis, { kind: 'cast', type, operand: toClassical(shifted)! }, start);
  return typeof cut === 'object' && 'kind' in cut && cut.kind === 'literal' ? fromLiteral(cut) : cut;
}

/** How many bits a value has that can be indexed. */
function bitCount(expression: ClassicalExpression): number | null {
  if (expression.kind === 'bits') return expression.clbits.length;
  if (expression.kind === 'bit') return 1;
  if (expression.kind !== 'literal' && expression.kind !== 'variable' && expression.kind !== 'cast')
    return null;
  const { type } = expression;
  return type.kind === 'bool' || type.kind === 'float' ? null : type.size;
}
