import { isGateName } from '../../circuit/gate-definition.ts';
import { GATE_DEFINITIONS } from '../gate-definitions.ts';
import { nativeGate } from '../library-gates.ts';
import { Lexer } from '../syntax/lexer.ts';
import { SourceText } from '../syntax/source-text.ts';
import type { GateDefinitionStatement, StatementOf } from '../syntax/syntax-tree.ts';
import type { Analysis } from './analysis.ts';
import { checkGateDefinition } from './check-gate.ts';
import type { GateEntity } from './scope.ts';

/** Executes a gate's definition. One that this package writes for a gate of circuits stands for that gate. */
export function declareGate(analysis: Analysis, statement: GateDefinitionStatement): void {
  const { name, start } = statement;
  const { source, scope } = analysis;
  const entity: GateEntity & { form: 'defined' } = {
    ...{ kind: 'gate', form: 'defined', name, statement, source, scope },
    order: analysis.order + 1,
    size: expandedSize(analysis, statement),
  };
  checkGateDefinition(analysis, entity);
  const known = isOwnDefinition(analysis, statement) && isGateName(name);
  const native: GateEntity | null = known
    ? { kind: 'gate', form: 'native', name, native: nativeGate(name) }
    : null;
  analysis.declare(name, native ?? entity, start);
}

/** Gates that an application walks through, those behind loops and conditions not counted. */
function expandedSize(analysis: Analysis, { body }: GateDefinitionStatement): number {
  return body.statements.reduce((size, step) => {
    const entity = step.kind === 'gate-call' ? analysis.scope.find(step.name) : null;
    return size + (entity?.kind === 'gate' && entity.form === 'defined' ? entity.size : 1);
  }, 1);
}

function isOwnDefinition(analysis: Analysis, { name, start, end }: GateDefinitionStatement): boolean {
  const { version, text } = analysis.source;
  const own = Object.hasOwn(GATE_DEFINITIONS[version], name) ? GATE_DEFINITIONS[version][name]! : null;
  return own !== null && words(text.slice(start, end), version) === words(own, version);
}

/** The words of a text, separated by blanks. */
function words(text: string, version: 2 | 3): string {
  const lexer = new Lexer(new SourceText(text, version));
  const all: string[] = [];
  for (; lexer.kind !== 'end'; lexer.advance()) all.push(lexer.text);
  return all.join(' ');
}

export function declareOpaque(analysis: Analysis, statement: StatementOf<'opaque'>): void {
  const { name, parameters, qubits, start } = statement;
  const counts = { parameterCount: parameters.length, qubitCount: qubits.length };
  analysis.declare(name, { kind: 'gate', form: 'opaque', name, ...counts }, start);
}

export function declareSubroutine(analysis: Analysis, statement: StatementOf<'subroutine'>): void {
  const { name, start } = statement;
  if (!analysis.atTop) analysis.fail(start, 'subroutines outside of all blocks', `"${name}" in a block`);
  const { source, scope } = analysis;
  analysis.declare(name, { kind: 'subroutine', statement, source, scope, order: analysis.order + 1 }, start);
}

export function declareExtern(analysis: Analysis, { name, start }: StatementOf<'extern'>): void {
  analysis.declare(name, { kind: 'extern', name }, start);
}
