/** @file Checks of instructions that hold circuits or classical expressions. */
import { InvalidArgumentError } from '@qedge/core';
import { checkIndex, type InstructionContext, listOf, recordOf } from './check-instruction.ts';
import type { Circuit } from './circuit.ts';
import type { ClassicalExpression, ClassicalTarget, ClassicalVariable } from './classical-expression.ts';
import { BOOL, checkCast, checkType, formatType, typeOfExpression } from './classical-type.ts';
import {
  type AssignInstruction,
  bodiesOf,
  type ControlFlowInstruction,
  type ForInstruction,
  type Instruction,
  type SwitchInstruction,
} from './instruction.ts';
import { copyExpression, replaceBodies } from './place-instruction.ts';
import { checkName } from './register.ts';

/** What control flow must fit. */
export interface ControlFlowContext extends InstructionContext {
  readonly variables: readonly ClassicalVariable[];
}

/**
 * Checks control flow.
 *
 * @param copyBody makes a body that nobody else can append to; thus no circuit contains itself.
 * @returns it rebuilt from copies, with the qubits and classical bits that it touches.
 */
export function checkControlFlow(
  given: ControlFlowInstruction,
  context: ControlFlowContext,
  copyBody: (body: Circuit) => Circuit,
): ControlFlowInstruction {
  if (given.kind === 'switch') checkPairs(given.cases);
  for (const body of bodiesOf(given)) checkBody(body, context);
  const value = replaceBodies(given, copyBody);
  const check = (expression: ClassicalExpression) => checkExpression(expression, context);
  switch (value.kind) {
    case 'if':
      checkCast(check(value.condition), BOOL);
      return withWires({
        kind: 'if',
        condition: copyExpression(value.condition),
        // biome-ignore lint/suspicious/noThenProperty: the instruction is data, and "then" is what its branch is called.
        then: value.then,
        ...(value.otherwise ? { otherwise: value.otherwise } : {}),
        ...NO_WIRES,
      });
    case 'while':
      checkCast(check(value.condition), BOOL);
      return withWires({
        kind: 'while',
        condition: copyExpression(value.condition),
        body: value.body,
        ...NO_WIRES,
      });
    case 'for':
      return withWires(checkFor(value, context));
    case 'switch':
      return withWires(checkSwitch(value, context));
  }
}

const NO_NAMES: ReadonlySet<string> = new Set();
/** OpenQASM 3 programs have at most 200 blocks inside one another. */
const DEEPEST_BODIES = 250;

/** @throws InvalidArgumentError for more bodies inside one another than programs that walk through them can take. */
export function checkNesting(nesting: number): number {
  if (nesting <= DEEPEST_BODIES) return nesting;
  throw new InvalidArgumentError('Bodies of control flow are nested too deeply', {
    expected: `at most ${DEEPEST_BODIES} inside one another`,
    actual: nesting,
  });
}

const NO_WIRES = { qubits: [] as readonly number[], clbits: [] as readonly number[] };

function checkBody(body: Circuit, context: ControlFlowContext): void {
  // Anything with these sizes may be a circuit from another copy of this package.
  const fits =
    typeof body?.forEach === 'function' &&
    body.qubitCount <= context.qubitCount &&
    body.clbitCount <= context.clbitCount;
  if (!fits) {
    throw new InvalidArgumentError('A body does not fit the circuit around it', {
      expected: `a circuit of at most ${context.qubitCount} qubits and ${context.clbitCount} classical bits`,
      actual: `${body?.qubitCount} and ${body?.clbitCount}`,
    });
  }
}

function checkPairs(cases: SwitchInstruction['cases']): void {
  for (const pair of listOf(cases, 'The cases of a switch')) listOf(pair, 'A case of a switch');
}

function checkFor(value: ForInstruction, context: ControlFlowContext): ForInstruction {
  const { variable } = value;
  const values = recordOf(value.values, 'The values of a loop');
  if (variable) checkName(NO_NAMES, variable.name);
  const items = isList(values) ? values : [values.start, values.stop, values.step];
  for (const item of items) {
    const type = checkExpression(item, context);
    if (!isList(values) && type.kind !== 'int' && type.kind !== 'uint') {
      throw new InvalidArgumentError('A range of a loop needs integers', {
        expected: 'int or uint',
        actual: formatType(type),
      });
    }
    if (variable) checkCast(type, checkType(variable.type));
  }
  const { body } = value;
  const own = variable && { name: variable.name, type: checkType(variable.type) };
  // A body that was made before its loop does not know the variable yet.
  if (own && !body.variables.some(({ name }) => name === own.name)) body.declare(own);
  const [first, second, third] = items.map(copyExpression);
  return {
    kind: 'for',
    variable: own,
    values: isList(values) ? values.map(copyExpression) : { start: first!, stop: second!, step: third! },
    body,
    ...NO_WIRES,
  };
}

function isList(values: ForInstruction['values']): values is readonly ClassicalExpression[] {
  return Array.isArray(values);
}

function checkSwitch(value: SwitchInstruction, context: ControlFlowContext): SwitchInstruction {
  const type = checkExpression(value.subject, context);
  if (type.kind !== 'int' && type.kind !== 'uint' && type.kind !== 'bit') {
    throw new InvalidArgumentError('The subject of a switch is an integer or bits', {
      expected: 'int, uint or bit',
      actual: formatType(type),
    });
  }
  const seen = new Set<number | 'default'>();
  const cases = value.cases.map(([labels, body], index) => {
    for (const label of labels === 'default' ? [labels] : listOf(labels, 'The labels of a switch')) {
      const isUsable = label === 'default' ? index === value.cases.length - 1 : Number.isSafeInteger(label);
      if (!isUsable || seen.has(label)) {
        throw new InvalidArgumentError('A label of a switch is not usable', {
          expected: 'integers that differ, and "default" last',
          actual: label,
        });
      }
      seen.add(label);
    }
    return [labels === 'default' ? labels : [...labels], body] as const;
  });
  return { kind: 'switch', subject: copyExpression(value.subject), cases, ...NO_WIRES };
}

/** Checks an assignment. */
export function checkAssign(value: AssignInstruction, context: ControlFlowContext): AssignInstruction {
  const target = checkTarget(value.target, context);
  checkCast(checkExpression(value.value, context), typeOfExpression(target));
  return { kind: 'assign', target, value: copyExpression(value.value), qubits: [] };
}

function checkTarget(target: ClassicalTarget, context: ControlFlowContext): ClassicalTarget {
  recordOf(target, 'The target of an assignment');
  const written = target.kind === 'index' ? recordOf(target.operand, 'A variable') : target;
  const kinds = target.kind === 'index' ? ['variable'] : ['bit', 'bits', 'variable'];
  if (!kinds.includes(written.kind)) {
    throw new InvalidArgumentError('An assignment writes bits, variables, or bits of variables', {
      actual: written.kind,
    });
  }
  checkExpression(target, context);
  return copyExpression(target) as ClassicalTarget;
}

/**
 * Checks an expression: its types, and that its bits and variables exist.
 *
 * @returns its type.
 */
export function checkExpression(expression: ClassicalExpression, context: ControlFlowContext) {
  const type = typeOfExpression(expression);
  visitExpression(expression, (part) => {
    if (part.kind === 'bit') checkIndex(part.clbit, context.clbitCount, 'A classical bit of an expression');
    if (part.kind === 'bits') {
      for (const clbit of part.clbits) {
        checkIndex(clbit, context.clbitCount, 'A classical bit of an expression');
      }
    }
    if (part.kind !== 'variable') return;
    const known = context.variables.find(({ name }) => name === part.name);
    if (known === undefined || formatType(known.type) !== formatType(part.type)) {
      throw new InvalidArgumentError(`There is no such classical variable as "${part.name}"`, {
        expected: known ? formatType(known.type) : 'a declared variable',
        actual: formatType(part.type),
      });
    }
  });
  return type;
}

/** Calls back for an expression and all its parts. */
export function visitExpression(
  expression: ClassicalExpression,
  visit: (part: ClassicalExpression) => void,
): void {
  visit(expression);
  switch (expression.kind) {
    case 'index':
      visitExpression(expression.operand, visit);
      visitExpression(expression.index, visit);
      break;
    case 'unary':
    case 'cast':
      visitExpression(expression.operand, visit);
      break;
    case 'binary':
      visitExpression(expression.left, visit);
      visitExpression(expression.right, visit);
      break;
    case 'call':
      for (const argument of expression.arguments) visitExpression(argument, visit);
  }
}

/** The classical bits that an instruction reads or writes, bodies included. */
export function clbitsOf(instruction: Instruction): readonly number[] {
  switch (instruction.kind) {
    case 'measure':
      return [instruction.clbit];
    case 'assign':
      return bitsOf([instruction.target, instruction.value]);
    case 'if':
    case 'while':
    case 'for':
    case 'switch':
      return instruction.clbits;
    default:
      return [];
  }
}

/** Expressions that control flow evaluates itself. */
export function expressionsOf(instruction: ControlFlowInstruction): readonly ClassicalExpression[] {
  switch (instruction.kind) {
    case 'if':
    case 'while':
      return [instruction.condition];
    case 'switch':
      return [instruction.subject];
    case 'for': {
      const { values } = instruction;
      return isList(values) ? values : [values.start, values.stop, values.step];
    }
  }
}

function bitsOf(expressions: readonly ClassicalExpression[]): number[] {
  const bits = new Set<number>();
  for (const expression of expressions) {
    visitExpression(expression, (part) => {
      if (part.kind === 'bit') bits.add(part.clbit);
      if (part.kind === 'bits') for (const clbit of part.clbits) bits.add(clbit);
    });
  }
  return ascending(bits);
}

function withWires<Kind extends ControlFlowInstruction>(instruction: Kind): Kind {
  const qubits = new Set<number>();
  const clbits = new Set(bitsOf(expressionsOf(instruction)));
  for (const body of bodiesOf(instruction)) {
    body.forEach((inner) => {
      for (const qubit of inner.qubits) qubits.add(qubit);
      for (const clbit of clbitsOf(inner)) clbits.add(clbit);
    });
  }
  return { ...instruction, qubits: ascending(qubits), clbits: ascending(clbits) };
}

function ascending(values: Set<number>): number[] {
  return [...values].sort((a, b) => a - b);
}
