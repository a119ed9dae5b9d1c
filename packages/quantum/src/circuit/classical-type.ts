/** @file Types of classical expressions: which operands an operator takes, and what comes out. */
import { InvalidArgumentError } from '@qedge/core';
import { listOf } from './check-instruction.ts';
import type {
  BinaryOperator,
  ClassicalExpression,
  ClassicalFunction,
  ClassicalType,
  UnaryOperator,
} from './classical-expression.ts';

export const BOOL: ClassicalType = { kind: 'bool' };
export const BIT: ClassicalType = { kind: 'bit', size: 1 };
export const FLOAT64: ClassicalType = { kind: 'float', size: 64 };
export const COUNT: ClassicalType = { kind: 'uint', size: 32 };

/** Wider values are a mistake. */
const MAX_SIZE = 1_000_000;
const DEEPEST_NESTING = 500;
/** Parts of one expression: larger ones share parts that were put together again and again. */
const MOST_PARTS = 100_000;
/** Powers of wider integers take minutes. */
const WIDEST_POWER = 4096;

/** `uint[8]`, `bool`: the spelling of a type. */
export function formatType(type: ClassicalType): string {
  return type.kind === 'bool' ? 'bool' : `${type.kind}[${type.size}]`;
}

/** Checks a type that may come from outside. @throws InvalidArgumentError for an unknown kind or a size that is none. */
export function checkType(type: ClassicalType): ClassicalType {
  switch (type?.kind) {
    case 'bool':
      return BOOL;
    case 'float':
      if (type.size === 32 || type.size === 64) return { kind: 'float', size: type.size };
      break;
    case 'bit':
    case 'int':
    case 'uint':
    case 'angle':
      if (Number.isInteger(type.size) && type.size >= 1 && type.size <= MAX_SIZE) {
        return { kind: type.kind, size: type.size };
      }
  }
  throw new InvalidArgumentError('Not a classical type', {
    expected: `bool, float[32], float[64], or bit, int, uint, angle of 1..${MAX_SIZE} bits`,
    actual: type,
  });
}

const isInteger = ({ kind }: ClassicalType) => kind === 'int' || kind === 'uint';
const isNumber = (type: ClassicalType) => isInteger(type) || type.kind === 'float' || type.kind === 'bool';
const isBits = ({ kind }: ClassicalType) =>
  kind === 'bit' || kind === 'angle' || kind === 'int' || kind === 'uint';
const sizeOf = (type: ClassicalType) => (type.kind === 'bool' ? 1 : type.size);

function refuse(what: string, ...types: ClassicalType[]): InvalidArgumentError {
  // An operator that comes from outside may be anything.
  const name: string = typeof what === 'string' ? what : 'An operator';
  return new InvalidArgumentError(`${name} does not take these types`, {
    expected: 'operands as in OpenQASM 3, or a cast',
    actual: types.map(formatType).join(' and '),
  });
}

/** The type of both operands in arithmetic, after C99: floats win, then the wider; unsigned where both are as wide. */
function arithmeticType(operator: string, a: ClassicalType, b: ClassicalType): ClassicalType {
  if (!isNumber(a) || !isNumber(b)) throw refuse(operator, a, b);
  if (a.kind === 'float' || b.kind === 'float') {
    const size = Math.max(...[a, b].map((type) => (type.kind === 'float' ? type.size : 32)));
    return { kind: 'float', size: size === 64 ? 64 : 32 };
  }
  const promote = (type: ClassicalType) =>
    type.kind === 'bool' ? ({ kind: 'int', size: 32 } as const) : type;
  const [left, right] = [promote(a), promote(b)];
  const size = Math.max(sizeOf(left), sizeOf(right));
  if (left.kind === right.kind) return { kind: left.kind as 'int', size };
  const unsigned = left.kind === 'uint' ? left : right;
  return { kind: sizeOf(unsigned) === size ? 'uint' : 'int', size };
}

/** How the operands of a binary operator are converted, and the type of the result. */
export interface BinaryTyping {
  readonly left: ClassicalType;
  readonly right: ClassicalType;
  readonly result: ClassicalType;
}

/** @throws InvalidArgumentError for types that the operator does not take. */
export function typeBinary(operator: BinaryOperator, a: ClassicalType, b: ClassicalType): BinaryTyping {
  switch (operator) {
    case '&&':
    case '||':
      return { left: BOOL, right: BOOL, result: BOOL };
    case '<<':
    case '>>':
      if (!isBits(a) || !(isInteger(b) || b.kind === 'bit')) throw refuse(operator, a, b);
      return { left: a, right: b, result: a };
    case '&':
    case '|':
    case '^':
      return typeBitwise(operator, a, b);
    case '==':
    case '!=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return { ...typeComparison(operator, a, b), result: BOOL };
    default:
      return typeArithmetic(operator, a, b);
  }
}

const both = (type: ClassicalType): BinaryTyping => ({ left: type, right: type, result: type });

function typeBitwise(operator: string, a: ClassicalType, b: ClassicalType): BinaryTyping {
  if (a.kind === 'bool' && b.kind === 'bool') return both(BOOL);
  if (!isBits(a) || !isBits(b)) throw refuse(operator, a, b);
  if (a.kind === b.kind && a.kind !== 'int' && a.kind !== 'uint') {
    if (sizeOf(a) !== sizeOf(b)) throw refuse(operator, a, b);
    return both(a);
  }
  if (isInteger(a) && isInteger(b)) return both(arithmeticType(operator, a, b));
  throw refuse(operator, a, b);
}

function typeComparison(operator: string, a: ClassicalType, b: ClassicalType): BinaryTyping {
  if (a.kind === 'angle' || b.kind === 'angle') {
    const other = a.kind === 'angle' ? b : a;
    if (other.kind !== 'angle' && other.kind !== 'float') throw refuse(operator, a, b);
    const sizes = [a, b].map((type) => (type.kind === 'angle' ? type.size : 0));
    return both({ kind: 'angle', size: Math.max(...sizes) });
  }
  // Bits are compared as the numbers that they spell.
  const asNumber = (type: ClassicalType): ClassicalType =>
    type.kind === 'bit' ? { kind: 'uint', size: type.size } : type;
  const [left, right] = [asNumber(a), asNumber(b)];
  if (left.kind === 'bool' && right.kind === 'bool') return both(BOOL);
  if (a.kind === 'bit' && right.kind === 'int') {
    // An int that is wider by one holds every value of both.
    const wide: ClassicalType = { kind: 'int', size: Math.max(sizeOf(left) + 1, sizeOf(right)) };
    return both(wide);
  }
  if (b.kind === 'bit' && left.kind === 'int') {
    return both({ kind: 'int', size: Math.max(sizeOf(left), sizeOf(right) + 1) });
  }
  return both(arithmeticType(operator, left, right));
}

const ARITHMETIC: readonly string[] = ['+', '-', '*', '/', '%', '**'];

function typeArithmetic(operator: string, a: ClassicalType, b: ClassicalType): BinaryTyping {
  if (a.kind === 'angle' && b.kind === 'angle') {
    const type: ClassicalType = { kind: 'angle', size: Math.max(a.size, b.size) };
    if (operator === '+' || operator === '-') return both(type);
    if (operator === '/') return { left: type, right: type, result: { kind: 'uint', size: type.size } };
    throw refuse(operator, a, b);
  }
  if (a.kind === 'angle' || b.kind === 'angle') {
    const [angle, other] = a.kind === 'angle' ? [a, b] : [b, a];
    if (isInteger(other) && (operator === '*' || (operator === '/' && a.kind === 'angle'))) {
      return { left: a, right: b, result: angle };
    }
    if (other.kind === 'float' && (operator === '+' || operator === '-')) return both(angle);
    throw refuse(operator, a, b);
  }
  if (!ARITHMETIC.includes(operator)) {
    throw new InvalidArgumentError('Unknown operator', { expected: ARITHMETIC.join(' '), actual: operator });
  }
  const type = arithmeticType(operator, a, b);
  if (operator === '%' && type.kind === 'float') throw refuse(operator, a, b);
  if (operator === '**' && isInteger(type)) {
    if (sizeOf(type) > WIDEST_POWER) throw refuse(`A power of more than ${WIDEST_POWER} bits`, a, b);
    return { left: type, right: b.kind === 'bool' ? COUNT : b, result: type };
  }
  return both(type);
}

/** The type of a unary operator's result. @throws InvalidArgumentError for a type that it does not take. */
export function typeUnary(operator: UnaryOperator, type: ClassicalType): ClassicalType {
  if (operator === '!') return BOOL;
  if (operator === '~' && isBits(type)) return type;
  if (operator === '-' && (isInteger(type) || type.kind === 'float' || type.kind === 'angle')) return type;
  throw refuse(operator, type);
}

/** Functions of one real number (or angle). */
export const REAL_FUNCTIONS: Readonly<Partial<Record<ClassicalFunction, (value: number) => number>>> = {
  arccos: Math.acos,
  arcsin: Math.asin,
  arctan: Math.atan,
  ceiling: Math.ceil,
  cos: Math.cos,
  exp: Math.exp,
  floor: Math.floor,
  log: Math.log,
  sin: Math.sin,
  sqrt: Math.sqrt,
  tan: Math.tan,
};

/** The type of a function's result. @throws InvalidArgumentError for arguments that it does not take. */
export function typeCall(name: ClassicalFunction, types: readonly ClassicalType[]): ClassicalType {
  const [first, second] = types;
  if (typeof name === 'string' && Object.hasOwn(REAL_FUNCTIONS, name)) {
    const takesAngle = name === 'sin' || name === 'cos' || name === 'tan';
    if (types.length === 1 && (isNumber(first!) || (takesAngle && first!.kind === 'angle'))) return FLOAT64;
    throw refuse(name, ...types);
  }
  switch (name) {
    case 'popcount':
      if (types.length === 1 && isBits(first!)) return COUNT;
      break;
    case 'rotl':
    case 'rotr':
      if (types.length === 2 && isBits(first!) && isInteger(second!)) return first!;
      break;
    case 'mod':
      if (types.length === 2) return arithmeticType(name, first!, second!);
      break;
    case 'pow':
      if (types.length === 2) return typeBinary('**', first!, second!).result;
      break;
    default:
      throw new InvalidArgumentError('Unknown function', { actual: name });
  }
  throw refuse(name, ...types);
}

/** @throws InvalidArgumentError where a value of one type cannot be cast to another. */
export function checkCast(from: ClassicalType, to: ClassicalType): void {
  const isPossible =
    to.kind === 'bool' ||
    from.kind === to.kind ||
    (isNumber(from) && isNumber(to)) ||
    (from.kind === 'bit' && to.kind !== 'float') ||
    (to.kind === 'bit' && from.kind !== 'float') ||
    (from.kind === 'float' && to.kind === 'angle');
  if (!isPossible) throw refuse(`A cast to ${formatType(to)}`, from);
}

function checkLiteral(type: ClassicalType, value: unknown): ClassicalType {
  const expected = type.kind === 'bool' ? 'boolean' : type.kind === 'float' ? 'number' : 'bigint';
  if (typeof value === expected) return type;
  throw new InvalidArgumentError(`A literal of type ${formatType(type)} has another value`, {
    expected: `a ${expected}`,
    actual: typeof value,
  });
}

/**
 * The type of an expression.
 *
 * @throws InvalidArgumentError where operands do not fit their operators.
 */
export function typeOfExpression(expression: ClassicalExpression): ClassicalType {
  return typeOfPart(expression, 0, { left: MOST_PARTS });
}

function typeOfPart(expression: ClassicalExpression, depth: number, parts: { left: number }): ClassicalType {
  if (depth > DEEPEST_NESTING || --parts.left < 0) {
    throw new InvalidArgumentError('A classical expression is nested too deeply', {
      expected: `at most ${DEEPEST_NESTING} levels and ${MOST_PARTS} parts`,
    });
  }
  const typeOf = (child: ClassicalExpression) => typeOfPart(child, depth + 1, parts);
  switch (expression?.kind) {
    case 'literal':
      return checkLiteral(checkType(expression.type), expression.value);
    case 'variable':
      if (typeof expression.name !== 'string') break;
      return checkType(expression.type);
    case 'bit':
      return BIT;
    case 'bits':
      return checkType({ kind: 'bit', size: listOf(expression.clbits, 'The bits of an expression').length });
    case 'index': {
      const [operand, index] = [typeOf(expression.operand), typeOf(expression.index)];
      if (!isBits(operand) || !isInteger(index)) throw refuse('An index', operand, index);
      return BIT;
    }
    case 'unary':
      return typeUnary(expression.operator, typeOf(expression.operand));
    case 'binary':
      return typeBinary(expression.operator, typeOf(expression.left), typeOf(expression.right)).result;
    case 'cast': {
      const type = checkType(expression.type);
      checkCast(typeOf(expression.operand), type);
      return type;
    }
    case 'call':
      return typeCall(expression.function, listOf(expression.arguments, 'Arguments').map(typeOf));
  }
  throw new InvalidArgumentError('Not a classical expression', { actual: expression });
}
