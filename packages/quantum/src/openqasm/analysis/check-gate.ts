import { ParameterExpression } from '../../circuit/parameter.ts';
import type { GateCall } from '../syntax/syntax-tree.ts';
import type { Analysis } from './analysis.ts';
import { evaluate } from './evaluate.ts';
import { checkCount, checkDistinct, isControl, qubitCountOf, unknownGate } from './gate-call.ts';
import { resolveQubits } from './read-reference.ts';
import { type GateEntity, Scope } from './scope.ts';

/** The kinds of statements that a gate's body may have. */
const GATE_STATEMENTS: ReadonlySet<string> = new Set([
  ...['gate-call', 'barrier', 'nop', 'for', 'if', 'while', 'switch', 'scope', 'declaration', 'assignment'],
  ...['alias', 'break', 'continue'],
]);

/** Checks a definition where it stands, without expanding what it applies. @throws FileFormatError with its place. */
export function checkGateDefinition(analysis: Analysis, entity: GateEntity & { form: 'defined' }): void {
  const { statement, order } = entity;
  const { parameters, qubits, body } = statement;
  const names = [...parameters, ...qubits];
  const twice = names.find((name, index) => names.indexOf(name) < index);
  if (twice !== undefined) analysis.fail(statement.start, 'different names in a gate', `"${twice}" twice`);
  const scope = new Scope(analysis.scope, order);
  for (const [index, name] of parameters.entries()) {
    const value = ParameterExpression.named(`parameter_${index}`);
    scope.set(name, { kind: 'constant', value, type: null }, order);
  }
  for (const [index, name] of qubits.entries()) {
    scope.set(name, { kind: 'qubits', qubits: [index], single: true }, order);
  }
  // Names that the body declares are known only when it runs.
  const isPlain = body.statements.every(
    ({ kind }) => kind === 'gate-call' || kind === 'barrier' || kind === 'nop',
  );
  analysis.inScope(() => {
    for (const step of body.statements) {
      if (!GATE_STATEMENTS.has(step.kind))
        analysis.fail(step.start, 'a statement without measurements', step.kind);
      if (!isPlain) continue;
      if (step.kind === 'gate-call') checkCall(analysis, step);
      else if (step.kind === 'barrier') for (const operand of step.operands) resolveQubits(analysis, operand);
    }
  }, scope);
}

function checkCall(
  analysis: Analysis,
  { name, arguments: values, modifiers, operands, start }: GateCall,
): void {
  analysis.count(1, start);
  for (const value of values) evaluate(analysis, value);
  const qubits = operands.flatMap((operand) => resolveQubits(analysis, operand).qubits);
  checkDistinct(analysis, name, qubits, start);
  if (name === 'gphase') return;
  const entity = analysis.scope.find(name) ?? unknownGate(analysis, name, start);
  if (entity.kind !== 'gate') analysis.fail(start, 'a gate', `"${name}", which is none`);
  checkCount(analysis, entity, 'parameters', values.length, start);
  const isCounted = modifiers.every(({ kind, argument }) => argument === null || kind === 'pow');
  if (!isCounted) return;
  const controls = modifiers.filter(({ kind }) => isControl(kind)).length;
  const expected = controls + qubitCountOf(entity);
  if (qubits.length !== expected)
    analysis.fail(start, `${expected} qubits of ${name}`, String(qubits.length));
}
