import type {
  BinaryOperator,
  ClassicalExpression,
  ClassicalFunction,
} from '../../circuit/classical-expression.ts';
import type { ExpressionFunction } from '../../circuit/expression-node.ts';
import { ParameterExpression } from '../../circuit/parameter.ts';
import type { BinaryExpression, CallExpression, Expression, UnaryExpression } from '../syntax/syntax-tree.ts';
import { type Analysis, CLASSICAL_STEPS } from './analysis.ts';
import { castValue, foldClassical } from './cast.ts';
import { combineDurations } from './duration.ts';
import { toAngle } from './gate-angle.ts';
import { readBits, readIndexed } from './read-reference.ts';
import { callFunction } from './subroutine.ts';
import { resolveType } from './types.ts';
import { describeValue, FLOAT, INT, isKnown, literal, toClassical, type Value } from './value.ts';

const CONSTANTS: ReadonlyMap<string, number> = new Map([
  ['pi', Math.PI],
  ['π', Math.PI],
  ['tau', 2 * Math.PI],
  ['τ', 2 * Math.PI],
  ['euler', Math.E],
  ['ℇ', Math.E],
]);

/** The functions of OpenQASM 2 by the names of OpenQASM 3. */
const PLAIN_FUNCTIONS: ReadonlyMap<string, ClassicalFunction> = new Map([
  ['sin', 'sin'],
  ['cos', 'cos'],
  ['tan', 'tan'],
  ['exp', 'exp'],
  ['ln', 'log'],
  ['sqrt', 'sqrt'],
]);

const FUNCTION_NAMES: readonly ClassicalFunction[] = [
  ...(['arccos', 'arcsin', 'arctan', 'ceiling', 'cos', 'exp', 'floor', 'log', 'mod', 'popcount'] as const),
  ...(['pow', 'rotl', 'rotr', 'sin', 'sqrt', 'tan'] as const),
];

const FUNCTIONS: Readonly<Record<2 | 3, ReadonlyMap<string, ClassicalFunction>>> = {
  2: PLAIN_FUNCTIONS,
  3: new Map(FUNCTION_NAMES.map((name) => [name, name])),
};

/** Functions of one real number, on plain numbers and on expressions of inputs. */
const REAL_FUNCTIONS: Readonly<
  Partial<Record<ClassicalFunction, readonly [(value: number) => number, ExpressionFunction]>>
> = {
  sin: [Math.sin, 'sin'],
  cos: [Math.cos, 'cos'],
  tan: [Math.tan, 'tan'],
  arcsin: [Math.asin, 'asin'],
  arccos: [Math.acos, 'acos'],
  arctan: [Math.atan, 'atan'],
  exp: [Math.exp, 'exp'],
  log: [Math.log, 'log'],
  sqrt: [Math.sqrt, 'sqrt'],
};

/** The names of a version's constants and functions, for messages. */
export function builtInNames(version: 2 | 3): readonly string[] {
  return version === 2 ? ['pi', ...FUNCTIONS[2].keys()] : [...CONSTANTS.keys(), ...FUNCTIONS[3].keys()];
}

/** Evaluates as far as the program alone allows. @throws FileFormatError or UnsupportedError with its place. */
export function evaluate(analysis: Analysis, expression: Expression): Value {
  switch (expression.kind) {
    case 'integer':
      return analysis.source.version === 2 ? expression.value : integerLiteral(expression.text);
    case 'float':
      return expression.value;
    case 'boolean':
      return literal({ kind: 'bool' }, expression.value);
    case 'bitstring':
      return literal({ kind: 'bit', size: expression.bits.length }, BigInt(`0b${expression.bits}`));
    case 'timing':
      return { kind: 'duration', value: expression.value, unit: expression.unit };
    case 'identifier':
      return readName(analysis, expression.name, expression.start);
    case 'imaginary':
      return analysis.refuse(expression.start, 'complex numbers are not supported');
    case 'durationof':
      return analysis.refuse(expression.start, '"durationof" is not supported: gates have no durations');
    case 'hardware-qubit':
      return analysis.fail(expression.start, 'a classical value', `$${expression.index}`);
    default:
      return evaluateNested(analysis, expression);
  }
}

type NestedExpression = Extract<Expression, { kind: 'unary' | 'binary' | 'call' | 'cast' | 'index' }>;

function evaluateNested(analysis: Analysis, expression: NestedExpression): Value {
  analysis.enter('operation', expression.start);
  if (analysis.source.version === 3) analysis.count(CLASSICAL_STEPS, expression.start);
  const value = evaluateParts(analysis, expression);
  analysis.leave('operation');
  return value;
}

function evaluateParts(analysis: Analysis, expression: NestedExpression): Value {
  switch (expression.kind) {
    case 'unary':
      return evaluateUnary(analysis, expression);
    case 'binary':
      return evaluateBinary(analysis, expression);
    case 'call':
      return evaluateCall(analysis, expression);
    case 'index':
      return readIndexed(analysis, expression);
    case 'cast': {
      const type = resolveType(analysis, expression.type);
      return castValue(analysis, evaluate(analysis, expression.operand), type, expression.start);
    }
  }
}

function integerLiteral(text: string): Value {
  const value = BigInt(text);
  if (value < 1n << 63n) return literal(INT, value);
  return literal({ kind: 'uint', size: Math.max(64, value.toString(2).length) }, value);
}

function readName(analysis: Analysis, name: string, start: number): Value {
  const entity = analysis.scope.find(name);
  if (entity === null) {
    const constant = CONSTANTS.get(name);
    if (constant !== undefined && (analysis.source.version === 3 || name === 'pi')) return constant;
    const known = builtInNames(analysis.source.version).join(', ');
    return analysis.fail(start, `a name declared above, or ${known}`, `the unknown name "${name}"`);
  }
  switch (entity.kind) {
    case 'constant':
      return entity.value;
    case 'variable':
      return entity.slot.known ?? analysis.storages.place(entity.slot);
    case 'bits':
      return readBits(analysis, entity.bits);
    default:
      return analysis.fail(start, 'a classical value', `"${name}", which is none`);
  }
}

function evaluateUnary(analysis: Analysis, { operator, operand, start }: UnaryExpression): Value {
  const value = evaluate(analysis, operand);
  if (operator === '-') {
    if (typeof value === 'number') return -value;
    if (value instanceof ParameterExpression) return value.times(-1).value;
    if (value.kind === 'duration') return { ...value, value: -value.value };
  }
  const classical = classicalOperand(analysis, value, start);
  return foldClassical(analysis, { kind: 'unary', operator, operand: classical }, start);
}

/** A value that operators of the running program take. */
function classicalOperand(analysis: Analysis, value: Value, start: number): ClassicalExpression {
  const classical = toClassical(value);
  if (classical !== null) return classical;
  if (value instanceof ParameterExpression) {
    return analysis.refuse(start, `this needs a number, but has ${describeValue(value)}`, GIVE_INPUTS);
  }
  return analysis.fail(start, 'a number, a bit register or a boolean', describeValue(value));
}

const GIVE_INPUTS = 'Give the input a value through the option "inputs"';

function evaluateBinary(analysis: Analysis, expression: BinaryExpression): Value {
  const left = evaluate(analysis, expression.left);
  const right = evaluateRightOperand(analysis, expression);
  if (typeof left === 'number' && typeof right === 'number') {
    const value = combineNumbers(expression.operator, left, right);
    if (value !== null) return value;
  }
  if (left instanceof ParameterExpression || right instanceof ParameterExpression) {
    const value = combineParameters(analysis, expression, left, right);
    if (value !== null) return value;
  }
  const duration = combineDurations(analysis, expression, left, right);
  if (duration !== null) return duration;
  return foldClassical(
    analysis,
    {
      kind: 'binary',
      operator: expression.operator,
      left: classicalOperand(analysis, left, expression.left.start),
      right: classicalOperand(analysis, right, expression.right.start),
    },
    expression.at,
  );
}

/** Numbers of OpenQASM 2 are real, but for those that conditions compare registers with. */
function evaluateRightOperand(analysis: Analysis, { operator, right }: BinaryExpression): Value {
  return operator === '==' && right.kind === 'integer'
    ? integerLiteral(right.text)
    : evaluate(analysis, right);
}

function combineNumbers(operator: BinaryOperator, left: number, right: number): number | null {
  switch (operator) {
    case '+':
      return left + right;
    case '-':
      return left - right;
    case '*':
      return left * right;
    case '/':
      return left / right;
    case '**':
      return left ** right;
    default:
      return null;
  }
}

/** A real number or an expression of inputs; null for anything that is none. */
function realOperand(value: Value): number | ParameterExpression | null {
  if (typeof value === 'number' || value instanceof ParameterExpression) return value;
  if (value.kind !== 'literal' || typeof value.value === 'boolean') return null;
  return value.type.kind === 'int' || value.type.kind === 'uint' || value.type.kind === 'float'
    ? Number(value.value)
    : null;
}

/** An operation on expressions of inputs, which may mention variables of the running program too. */
function combineParameters(analysis: Analysis, node: BinaryExpression, a: Value, b: Value): Value | null {
  const operand = (value: Value, start: number) =>
    realOperand(value) ?? (isKnown(value) ? null : toAngle(analysis, value, start));
  const [left, right] = [operand(a, node.left.start), operand(b, node.right.start)];
  if (left === null || right === null) return null;
  const expression = ParameterExpression.of(left);
  switch (node.operator) {
    case '+':
      return expression.plus(right).value;
    case '-':
      return expression.minus(right).value;
    case '*':
      return expression.times(right).value;
    case '/':
      return expression.dividedBy(right).value;
    case '**':
      return expression.power(right).value;
    default:
      return null;
  }
}

function evaluateCall(analysis: Analysis, call: CallExpression): Value {
  const { name, start } = call;
  const entity = analysis.scope.find(name);
  if (entity !== null) return callFunction(analysis, entity, call);
  if (analysis.source.version === 3 && name === 'sizeof') return evaluateSizeof(analysis, call);
  const builtIn = FUNCTIONS[analysis.source.version].get(name);
  if (builtIn === undefined) {
    const known = builtInNames(analysis.source.version).join(', ');
    return analysis.fail(start, `a function declared above, or ${known}`, `the unknown name "${name}"`);
  }
  const values = call.arguments.map((argument) => evaluate(analysis, argument));
  const real = REAL_FUNCTIONS[builtIn];
  if (real !== undefined && values.length === 1) {
    const operand = realOperand(values[0]!);
    if (typeof operand === 'number') return real[0](operand);
    if (operand !== null) return operand.apply(real[1]).value;
  }
  const classical = values.map((value, i) => classicalOperand(analysis, value, call.arguments[i]!.start));
  return foldClassical(analysis, { kind: 'call', function: builtIn, arguments: classical }, start);
}

function evaluateSizeof(analysis: Analysis, { arguments: values, start }: CallExpression): Value {
  const [array, dimension] = values;
  const value = array === undefined ? null : evaluate(analysis, array);
  if (
    value === null ||
    typeof value === 'number' ||
    value instanceof ParameterExpression ||
    value.kind !== 'array'
  ) {
    return analysis.fail(start, 'sizeof(array) or sizeof(array, dimension)', 'something else');
  }
  const index = dimension === undefined ? 0 : evaluateInteger(analysis, dimension, 'a dimension');
  const size = value.shape[index];
  if (size === undefined) {
    return analysis.fail(start, `a dimension in 0..${value.shape.length - 1}`, String(index));
  }
  return literal(INT, BigInt(size));
}

/** An integer that must be known while the program is read. */
export function evaluateInteger(analysis: Analysis, expression: Expression, what: string): number {
  // By far the most common case.
  if (expression.kind === 'integer') return expression.value;
  const value = evaluate(analysis, expression);
  if (typeof value === 'number' && Number.isInteger(value)) return value;
  if (typeof value === 'object' && 'kind' in value && value.kind === 'literal' && value.type !== FLOAT) {
    return Number(value.value);
  }
  return analysis.fail(
    expression.start,
    `${what} that is an integer known while the program is read`,
    describeValue(value),
  );
}
