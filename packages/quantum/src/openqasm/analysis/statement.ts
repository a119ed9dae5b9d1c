import type { GateOperand, Statement, StatementOf } from '../syntax/syntax-tree.ts';
import type { Analysis, Completion } from './analysis.ts';
import { assign, executeAssignment, measureFresh, measureInto } from './assign.ts';
import { executeFor, executeIf, executeJump, executeSwitch, executeWhile } from './control-flow.ts';
import {
  declareClassicalRegister,
  declareQubits,
  executeAlias,
  executeDeclaration,
  executeInputOutput,
} from './declare.ts';
import { declareExtern, declareGate, declareOpaque, declareSubroutine } from './define.ts';
import { evaluate } from './evaluate.ts';
import { executeGateCall } from './gate-call.ts';
import { executeInclude } from './include.ts';
import { resolveQubits } from './read-reference.ts';
import { callStatement, callSubroutine } from './subroutine.ts';
import { executeBox, executeDelay } from './timing.ts';

/** Executes a statement that is a body, in a scope of its own. */
export function executeBody(analysis: Analysis, body: Statement): Completion {
  return analysis.inScope(() =>
    body.kind === 'scope' ? executeStatements(analysis, body.statements) : executeStatement(analysis, body),
  );
}

/** Executes statements up to the first one that leaves them. */
export function executeStatements(analysis: Analysis, statements: readonly Statement[]): Completion {
  for (const statement of statements) {
    const completion = executeStatement(analysis, statement);
    if (completion !== 'normal') return completion;
  }
  return 'normal';
}

/** Executes one statement. @throws FileFormatError or UnsupportedError with its place. */
export function executeStatement(analysis: Analysis, statement: Statement): Completion {
  switch (statement.kind) {
    // The two most frequent ones first.
    case 'gate-call':
      executeGateCall(analysis, statement);
      return 'normal';
    case 'measurement':
      executeMeasurement(analysis, statement);
      return 'normal';
    case 'break':
    case 'continue':
      return executeJump(analysis, statement.kind, statement.start);
    case 'return':
      return executeReturn(analysis, statement);
    case 'end':
      if (analysis.runtimeDepth > 0) analysis.refuse(statement.start, '"end" that depends on measurements');
      return 'end';
    case 'scope':
    case 'if':
    case 'for':
    case 'while':
    case 'switch':
    case 'box':
      return executeBlock(analysis, statement);
    default:
      executePlain(analysis, statement);
      return 'normal';
  }
}

type BlockStatement = StatementOf<'scope' | 'if' | 'for' | 'while' | 'switch' | 'box'>;

function executeBlock(analysis: Analysis, statement: BlockStatement): Completion {
  analysis.enter('block', statement.start);
  analysis.count(1, statement.start);
  const completion = executeBlockKind(analysis, statement);
  analysis.leave('block');
  return completion;
}

function executeBlockKind(analysis: Analysis, statement: BlockStatement): Completion {
  switch (statement.kind) {
    case 'scope':
      return executeBody(analysis, statement);
    case 'if':
      return executeIf(analysis, statement);
    case 'for':
      return executeFor(analysis, statement);
    case 'while':
      return executeWhile(analysis, statement);
    case 'switch':
      return executeSwitch(analysis, statement);
    case 'box':
      return executeBox(analysis, statement);
  }
}

type PlainStatement = Exclude<
  Statement,
  BlockStatement | StatementOf<'gate-call' | 'measurement' | 'break' | 'continue' | 'return' | 'end'>
>;

/** What to do with statements that hold no others. */
const PLAIN: {
  readonly [Kind in PlainStatement['kind']]: (analysis: Analysis, statement: StatementOf<Kind>) => void;
} = {
  include: executeInclude,
  'qubit-declaration': declareQubits,
  'register-declaration': (analysis, statement) => {
    if (statement.register === 'creg') declareClassicalRegister(analysis, statement);
    else declareQubits(analysis, statement);
  },
  declaration: executeDeclaration,
  'io-declaration': executeInputOutput,
  alias: executeAlias,
  assignment: executeAssignment,
  reset: executeReset,
  barrier: (analysis, { operands }) => executeBarrier(analysis, operands),
  nop: (analysis, { operands }) => {
    for (const operand of operands) resolveQubits(analysis, operand);
  },
  delay: executeDelay,
  expression: executeExpression,
  'gate-definition': declareGate,
  opaque: declareOpaque,
  subroutine: declareSubroutine,
  extern: declareExtern,
  pragma: (analysis, { content, start }) => refusePragma(analysis, content, start),
  'calibration-grammar': (analysis, { start }) => refuseCalibration(analysis, 'defcalgrammar', start),
  cal: (analysis, { start }) => refuseCalibration(analysis, 'cal', start),
  defcal: (analysis, { start }) => refuseCalibration(analysis, 'defcal', start),
};

function executePlain(analysis: Analysis, statement: PlainStatement): void {
  (PLAIN[statement.kind] as (analysis: Analysis, statement: PlainStatement) => void)(analysis, statement);
}

function refusePragma(analysis: Analysis, content: string, start: number): void {
  analysis.refuse(start, `the pragma "${content}" is not known`);
}

function refuseCalibration(analysis: Analysis, word: string, start: number): void {
  analysis.refuse(start, `"${word}": pulses are not supported`);
}

function executeExpression(analysis: Analysis, { expression }: StatementOf<'expression'>): void {
  if (expression.kind === 'call') callStatement(analysis, expression);
  else evaluate(analysis, expression);
}

/** Executes `measure q -> c;` and its kin; an outcome that nobody takes goes to bits of its own. */
function executeMeasurement(analysis: Analysis, { value, target, start }: StatementOf<'measurement'>): void {
  if (value.kind === 'measure') {
    if (target === null) measureFresh(analysis, resolveQubits(analysis, value.operand), start);
    else measureInto(analysis, value, target);
    return;
  }
  const result = callSubroutine(analysis, value);
  if (target === null) return;
  assign(
    analysis,
    target,
    result ?? analysis.fail(start, 'a subroutine that returns a value', `"${value.name}"`),
  );
}

function executeReset(analysis: Analysis, { operand, start }: StatementOf<'reset'>): void {
  const { qubits } = resolveQubits(analysis, operand);
  analysis.count(qubits.length, start);
  for (const qubit of qubits) analysis.emit({ kind: 'reset', qubits: [qubit] });
}

/** Without operands a barrier stands across all qubits declared so far. */
function executeBarrier(analysis: Analysis, operands: readonly GateOperand[]): void {
  const named = operands.flatMap((operand) => resolveQubits(analysis, operand).qubits);
  const all = () => Array.from({ length: analysis.qubitCount }, (_, qubit) => qubit);
  const qubits = operands.length === 0 ? all() : [...new Set(named)];
  analysis.count(qubits.length, operands[0]?.start ?? 0);
  analysis.emit({ kind: 'barrier', qubits });
}

function executeReturn(analysis: Analysis, statement: StatementOf<'return'>): Completion {
  const { call } = analysis;
  if (call === null) return analysis.fail(statement.start, '"return" in a subroutine', 'none around it');
  if (analysis.runtimeDepth > call.runtimeDepth) {
    analysis.refuse(
      statement.start,
      '"return" that depends on measurements',
      'Assign to a variable, and return it at the end',
    );
  }
  call.deliver(statement);
  return 'return';
}
