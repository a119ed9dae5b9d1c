import type { Circuit } from './circuit.ts';
import type { ClassicalExpression, ClassicalTarget } from './classical-expression.ts';
import type { ControlFlowInstruction, ForInstruction, Instruction, UnitaryKind } from './instruction.ts';
import { type ParameterBinding, ParameterExpression, type ParameterValue } from './parameter.ts';

/** Where a qubit or classical bit goes. */
export type Place = (index: number) => number;

/** The same unitary instruction on other qubits. */
export function placeUnitary(instruction: UnitaryKind, placeQubit: Place): UnitaryKind {
  const qubits = instruction.qubits.map(placeQubit);
  if (instruction.kind !== 'controlled') return { ...instruction, qubits };
  return {
    ...instruction,
    qubits,
    controls: instruction.controls.map(placeQubit),
    body: placeUnitary(instruction.body, placeQubit),
  };
}

/**
 * The same instruction on other qubits and classical bits.
 *
 * @param placeBody does the same to the bodies of control flow.
 */
export function placeInstruction(
  instruction: Instruction,
  placeQubit: Place,
  placeClbit: Place = (clbit) => clbit,
  placeBody: (body: Circuit) => Circuit = (body) => body,
): Instruction {
  const place = (expression: ClassicalExpression) => placeExpression(expression, placeClbit);
  switch (instruction.kind) {
    case 'controlled':
      return placeUnitary(instruction, placeQubit);
    case 'measure':
      return {
        kind: 'measure',
        qubits: [placeQubit(instruction.qubits[0])],
        clbit: placeClbit(instruction.clbit),
      };
    case 'if':
      return {
        ...replaceBodies(instruction, placeBody),
        condition: place(instruction.condition),
      } as Instruction;
    case 'while':
      return { ...instruction, condition: place(instruction.condition), body: placeBody(instruction.body) };
    case 'for':
      return { ...instruction, values: placeValues(instruction, place), body: placeBody(instruction.body) };
    case 'switch':
      return { ...replaceBodies(instruction, placeBody), subject: place(instruction.subject) } as Instruction;
    case 'assign':
      return {
        ...instruction,
        target: place(instruction.target) as ClassicalTarget,
        value: place(instruction.value),
      };
    default:
      return { ...instruction, qubits: instruction.qubits.map(placeQubit) } as Instruction;
  }
}

function placeValues(
  { values }: ForInstruction,
  place: (expression: ClassicalExpression) => ClassicalExpression,
) {
  if ('start' in values) {
    return { start: place(values.start), stop: place(values.stop), step: place(values.step) };
  }
  return values.map(place);
}

/** The same control flow with other bodies. */
export function replaceBodies(
  instruction: ControlFlowInstruction,
  replace: (body: Circuit) => Circuit,
): ControlFlowInstruction {
  switch (instruction.kind) {
    case 'if': {
      const { then: first, otherwise } = instruction;
      // biome-ignore lint/suspicious/noThenProperty: the instruction is data, and "then" is what its branch is called.
      const taken = { ...instruction, then: replace(first) };
      return otherwise ? { ...taken, otherwise: replace(otherwise) } : taken;
    }
    case 'while':
    case 'for':
      return { ...instruction, body: replace(instruction.body) };
    case 'switch':
      return {
        ...instruction,
        cases: instruction.cases.map(([labels, body]) => [labels, replace(body)] as const),
      };
  }
}

/** The same expression in records of its own. */
export function copyExpression(expression: ClassicalExpression): ClassicalExpression {
  return placeExpression(expression, (clbit) => clbit);
}

/** The same expression on other classical bits. */
export function placeExpression(expression: ClassicalExpression, placeClbit: Place): ClassicalExpression {
  const place = (inner: ClassicalExpression) => placeExpression(inner, placeClbit);
  switch (expression.kind) {
    case 'literal':
      return { kind: 'literal', type: { ...expression.type }, value: expression.value };
    case 'variable':
      return { kind: 'variable', name: expression.name, type: { ...expression.type } };
    case 'bit':
      return { kind: 'bit', clbit: placeClbit(expression.clbit) };
    case 'bits':
      return { kind: 'bits', clbits: expression.clbits.map(placeClbit) };
    case 'index':
      return { kind: 'index', operand: place(expression.operand), index: place(expression.index) };
    case 'unary':
      return { kind: 'unary', operator: expression.operator, operand: place(expression.operand) };
    case 'cast':
      return { kind: 'cast', type: { ...expression.type }, operand: place(expression.operand) };
    case 'binary': {
      const [left, right] = [place(expression.left), place(expression.right)];
      return { kind: 'binary', operator: expression.operator, left, right };
    }
    case 'call':
      return { kind: 'call', function: expression.function, arguments: expression.arguments.map(place) };
  }
}

/** The same instruction with numbers in the place of some parameters; the gates of circuits are bound where they are stored. */
export function bindInstruction(
  instruction: Instruction,
  values: ParameterBinding,
  bindBody: (body: Circuit) => Circuit,
): Instruction {
  const bind = (value: ParameterValue) =>
    value instanceof ParameterExpression ? value.substitute(values).value : value;
  switch (instruction.kind) {
    case 'gate':
      return { ...instruction, parameters: instruction.parameters.map(bind) };
    case 'pauli-evolution':
      return { ...instruction, time: bind(instruction.time) };
    case 'controlled':
      return { ...instruction, body: bindInstruction(instruction.body, values, bindBody) as UnitaryKind };
    case 'if':
    case 'while':
    case 'for':
    case 'switch':
      return replaceBodies(instruction, bindBody);
    default:
      return instruction;
  }
}
