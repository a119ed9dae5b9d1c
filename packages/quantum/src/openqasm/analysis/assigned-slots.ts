import type { Expression, IndexedIdentifier, Statement } from '../syntax/syntax-tree.ts';
import type { Analysis } from './analysis.ts';
import { nameAndIndices } from './read-reference.ts';
import type { Slot } from './slot.ts';

/** Variables of the current scopes that some statements may assign, each once. */
export function assignedSlots(analysis: Analysis, statements: readonly Statement[]): readonly Slot[] {
  const names = new Set<string>();
  for (const statement of statements) collect(statement, new Set(), names);
  const slots = new Set<Slot>();
  for (const name of names) {
    const entity = analysis.scope.find(name);
    if (entity?.kind === 'variable') slots.add(entity.slot);
    if (entity?.kind === 'bits') for (const { slot } of entity.bits) slots.add(slot);
  }
  return [...slots];
}

/** True when a statement has a `break` or `continue` of the loop whose body it is. */
export function hasJump(statement: Statement): boolean {
  switch (statement.kind) {
    case 'break':
    case 'continue':
      return true;
    case 'scope':
      return statement.statements.some(hasJump);
    case 'box':
      return hasJump(statement.body);
    case 'if':
      return hasJump(statement.then) || (statement.otherwise !== null && hasJump(statement.otherwise));
    case 'switch':
      return statement.cases.some(({ body }) => hasJump(body));
    default:
      return false;
  }
}

function collect(statement: Statement, local: Set<string>, names: Set<string>): void {
  const add = (name: string) => {
    if (!local.has(name)) names.add(name);
  };
  const target = (node: IndexedIdentifier | null) => node !== null && add(node.name);
  const nested = (body: Statement) => collect(body, new Set(local), names);
  switch (statement.kind) {
    case 'declaration':
    case 'register-declaration':
      local.add(statement.name);
      return;
    case 'assignment':
      target(statement.target);
      argumentsOf(statement.value, add);
      return;
    case 'measurement':
      target(statement.target);
      argumentsOf(statement.value, add);
      return;
    case 'gate-call':
      argumentsOf({ kind: 'call', name: '', arguments: statement.arguments, start: statement.start }, add);
      return;
    case 'expression':
      argumentsOf(statement.expression, add);
      return;
    // What has a second name may be assigned under it.
    case 'alias':
      for (const part of statement.value.parts) referenced(part, add);
      return;
    case 'scope':
      for (const [own, inner] of [[new Set(local), statement.statements]] as const) {
        for (const step of inner) collect(step, own, names);
      }
      return;
    case 'box':
    case 'while':
    case 'for':
      nested(statement.body);
      return;
    case 'if':
      nested(statement.then);
      if (statement.otherwise !== null) nested(statement.otherwise);
      return;
    case 'switch':
      for (const { body } of statement.cases) nested(body);
      return;
    default:
      return;
  }
}

/** Names that are arguments of a call: a subroutine may change arrays that it is given. */
function argumentsOf(value: { readonly kind: string } | Expression, add: (name: string) => void): void {
  if (value.kind !== 'call' && value.kind !== 'quantum-call') return;
  for (const argument of (value as Extract<Expression, { kind: 'call' }>).arguments)
    referenced(argument, add);
}

function referenced(expression: Expression, add: (name: string) => void): void {
  const reference = nameAndIndices(expression);
  if (reference !== null) add(reference.name);
}
