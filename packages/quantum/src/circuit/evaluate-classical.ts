import { InvalidArgumentError } from '@qedge/core';
import type {
  BinaryOperator,
  ClassicalExpression,
  ClassicalFunction,
  ClassicalType,
  ClassicalValue,
} from './classical-expression.ts';
import {
  BIT,
  BOOL,
  checkCast,
  FLOAT64,
  REAL_FUNCTIONS,
  typeBinary,
  typeCall,
  typeUnary,
} from './classical-type.ts';

/** Where an expression finds bits and variables; `ClassicalMemory` is one. */
export interface ClassicalScope {
  /** One entry per classical bit of the circuit. */
  readonly bits: ArrayLike<number>;
  read(name: string): ClassicalValue;
}

/**
 * Evaluates a classical expression with the meaning of OpenQASM 3: integers wrap around at their width, `/` of integers truncates,
 * `>>` of an int keeps its sign, bit 0 of a register is the least significant.
 *
 * @throws InvalidArgumentError where operands do not fit their operators, for a division by 0, or an index out of range.
 */
export function evaluateClassical(expression: ClassicalExpression, scope: ClassicalScope): ClassicalValue {
  switch (expression.kind) {
    case 'literal':
      return normalize(expression.type, expression.value);
    case 'bit':
      return { type: BIT, value: BigInt(scope.bits[expression.clbit]!) };
    case 'bits': {
      let value = 0n;
      for (let i = expression.clbits.length - 1; i >= 0; i--) {
        value = (value << 1n) | BigInt(scope.bits[expression.clbits[i]!]!);
      }
      return { type: { kind: 'bit', size: expression.clbits.length }, value };
    }
    case 'variable':
      return scope.read(expression.name);
    case 'index':
      return readBit(
        evaluateClassical(expression.operand, scope),
        evaluateClassical(expression.index, scope),
      );
    case 'unary': {
      const operand = evaluateClassical(expression.operand, scope);
      const type = typeUnary(expression.operator, operand.type);
      if (expression.operator === '!') return { type, value: !isTrue(operand) };
      if (expression.operator === '~') return normalize(type, ~(operand.value as bigint));
      return normalize(type, typeof operand.value === 'number' ? -operand.value : -(operand.value as bigint));
    }
    case 'binary':
      return evaluateBinary(expression, scope);
    case 'cast':
      return castValue(evaluateClassical(expression.operand, scope), expression.type);
    case 'call':
      return callFunction(
        expression.function,
        expression.arguments.map((argument) => evaluateClassical(argument, scope)),
      );
  }
}

/** True for everything but 0 and false. */
export function isTrue({ value }: ClassicalValue): boolean {
  return typeof value === 'boolean' ? value : value !== 0 && value !== 0n;
}

/** A value as a number for angles of gates: an angle in radians, bits as the integer that they spell. */
export function numberOf({ type, value }: ClassicalValue): number {
  return type.kind === 'angle' ? radiansOf(value as bigint, type.size) : Number(value);
}

function radiansOf(steps: bigint, size: number): number {
  // Beyond 2^1023 steps a double would overflow; the first 64 bits decide.
  const excess = Math.max(0, size - 64);
  return (2 * Math.PI * Number(steps >> BigInt(excess))) / 2 ** (size - excess);
}

/** A value of a type, wrapped around at its width. */
function normalize(type: ClassicalType, value: boolean | number | bigint): ClassicalValue {
  switch (type.kind) {
    case 'bool':
      return { type, value: Boolean(value) };
    case 'float':
      return { type, value: type.size === 32 ? Math.fround(Number(value)) : Number(value) };
    case 'int':
      return { type, value: BigInt.asIntN(type.size, BigInt(value)) };
    default:
      return { type, value: BigInt.asUintN(type.size, BigInt(value)) };
  }
}

/**
 * A value as another type: floats are truncated to integers, integers wrap around, an angle keeps its leading bits.
 *
 * @throws InvalidArgumentError where the language has no such cast, or a float is not finite.
 */
export function castValue(operand: ClassicalValue, type: ClassicalType): ClassicalValue {
  const { type: from, value } = operand;
  checkCast(from, type);
  if (type.kind === 'bool') return { type, value: isTrue(operand) };
  if (from.kind === 'angle' && type.kind === 'angle') {
    const [steps, shift] = [value as bigint, BigInt(type.size - from.size)];
    return { type, value: shift >= 0n ? steps << shift : steps >> -shift };
  }
  if (from.kind === 'float' && type.kind !== 'float') {
    const real = value as number;
    if (!Number.isFinite(real)) {
      throw new InvalidArgumentError('A float that is not finite cannot be cast', { actual: real });
    }
    if (type.kind !== 'angle') return normalize(type, BigInt(Math.trunc(real)));
    const turns = real / (2 * Math.PI);
    const fraction = turns - Math.floor(turns);
    const excess = Math.max(0, type.size - 52);
    const steps = BigInt(Math.round(fraction * 2 ** (type.size - excess))) << BigInt(excess);
    return normalize(type, steps);
  }
  return normalize(type, from.kind === 'bool' && type.kind !== 'float' ? BigInt(value) : value);
}

function readBit({ type, value }: ClassicalValue, index: ClassicalValue): ClassicalValue {
  const size = type.kind === 'bool' || type.kind === 'float' ? 0 : type.size;
  const place = index.value as bigint;
  if (place < 0n || place >= BigInt(size)) {
    throw new InvalidArgumentError('An index is out of range', {
      expected: `0..${size - 1}`,
      actual: String(place),
    });
  }
  return { type: BIT, value: (BigInt.asUintN(size, value as bigint) >> place) & 1n };
}

function evaluateBinary(
  { operator, left, right }: Extract<ClassicalExpression, { kind: 'binary' }>,
  scope: ClassicalScope,
): ClassicalValue {
  const a = evaluateClassical(left, scope);
  if (operator === '&&' && !isTrue(a)) return { type: BOOL, value: false };
  if (operator === '||' && isTrue(a)) return { type: BOOL, value: true };
  return applyBinary(operator, a, evaluateClassical(right, scope));
}

function applyBinary(operator: BinaryOperator, a: ClassicalValue, b: ClassicalValue): ClassicalValue {
  const typing = typeBinary(operator, a.type, b.type);
  const [left, right] = [castValue(a, typing.left).value, castValue(b, typing.right).value];
  const { result } = typing;
  switch (operator) {
    case '&&':
    case '||':
      return { type: BOOL, value: right };
    case '==':
      return { type: BOOL, value: left === right };
    case '!=':
      return { type: BOOL, value: left !== right };
    case '<':
      return { type: BOOL, value: left < right };
    case '<=':
      return { type: BOOL, value: left <= right };
    case '>':
      return { type: BOOL, value: left > right };
    case '>=':
      return { type: BOOL, value: left >= right };
  }
  if (typeof left === 'boolean' || typeof right === 'boolean') {
    const [p, q] = [BigInt(left), BigInt(right)];
    return { type: BOOL, value: (operator === '&' ? p & q : operator === '|' ? p | q : p ^ q) === 1n };
  }
  if (typeof left === 'number' || typeof right === 'number') {
    return normalize(result, applyReal(operator, Number(left), Number(right)));
  }
  return normalize(result, applyInteger(operator, left, right, result));
}

function applyReal(operator: BinaryOperator, a: number, b: number): number {
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    default:
      return a ** b;
  }
}

function applyInteger(operator: BinaryOperator, a: bigint, b: bigint, type: ClassicalType): bigint {
  const size = type.kind === 'bool' ? 1 : type.size;
  switch (operator) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
    case '%':
      if (b === 0n) throw new InvalidArgumentError('A division by 0 in a classical expression');
      return operator === '/' ? a / b : a % b;
    case '**':
      return powerModulo(a, b, size);
    case '<<':
      return shiftCount(b) >= size ? 0n : a << b;
    case '>>':
      // Of an int the sign moves in, of anything else zeros; a bigint does just that.
      return a >> BigInt(Math.min(shiftCount(b), size));
    case '&':
      return a & b;
    case '|':
      return a | b;
    default:
      return a ^ b;
  }
}

function shiftCount(count: bigint): number {
  if (count < 0n) {
    throw new InvalidArgumentError('A shift by less than 0', {
      expected: 'a count >= 0',
      actual: String(count),
    });
  }
  return Number(count);
}

/** `base ** exponent` in so many bits, by squaring. */
function powerModulo(base: bigint, exponent: bigint, size: number): bigint {
  if (exponent < 0n) {
    throw new InvalidArgumentError('A negative power of an integer', {
      expected: 'an exponent >= 0, or a float',
      actual: String(exponent),
    });
  }
  const isLong = exponent >= BigInt(size);
  if (isLong && base % 2n === 0n) return 0n;
  let result = 1n;
  let square = BigInt.asUintN(size, base);
  // Odd numbers come back to 1 after 2^size multiplications, or after a divisor of that.
  for (let rest = isLong ? BigInt.asUintN(size, exponent) : exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = BigInt.asUintN(size, result * square);
    square = BigInt.asUintN(size, square * square);
  }
  return result;
}

function callFunction(name: ClassicalFunction, values: readonly ClassicalValue[]): ClassicalValue {
  const types = values.map(({ type }) => type);
  const type = typeCall(name, types);
  const real = Object.hasOwn(REAL_FUNCTIONS, name) ? REAL_FUNCTIONS[name] : undefined;
  if (real) return { type: FLOAT64, value: real(numberOf(values[0]!)) };
  const [first, second] = values;
  switch (name) {
    case 'popcount': {
      const bits = BigInt.asUintN(sizeOf(types[0]!), first!.value as bigint);
      return { type, value: BigInt([...bits.toString(2)].filter((bit) => bit === '1').length) };
    }
    case 'rotl':
      return rotate(first!, second!.value as bigint);
    case 'rotr':
      return rotate(first!, -(second!.value as bigint));
    case 'pow':
      return applyBinary('**', first!, second!);
    default: {
      if (type.kind !== 'float') return applyBinary('%', first!, second!);
      return normalize(type, numberOf(first!) % numberOf(second!));
    }
  }
}

function sizeOf(type: ClassicalType): number {
  return type.kind === 'bool' ? 1 : type.size;
}

/** Bits moved up by a distance, what leaves at the top coming back at the bottom. */
function rotate({ type, value }: ClassicalValue, distance: bigint): ClassicalValue {
  const size = BigInt(sizeOf(type));
  const by = ((distance % size) + size) % size;
  const bits = BigInt.asUintN(Number(size), value as bigint);
  return normalize(type, (bits << by) | (bits >> (size - by)));
}
