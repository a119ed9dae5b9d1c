import type { ClassicalExpression } from '../../circuit/classical-expression.ts';
import type { Expression, RangeExpression, Statement, StatementOf } from '../syntax/syntax-tree.ts';
import { type Analysis, type Completion, KeepLoop, type LoopFrame, RETRY_STEPS } from './analysis.ts';
import { assignedSlots, hasJump } from './assigned-slots.ts';
import { castValue, toCondition } from './cast.ts';
import { declareVariable } from './declare.ts';
import type { Draft } from './draft.ts';
import { evaluate } from './evaluate.ts';
import { Scope } from './scope.ts';
import { executeBody } from './statement.ts';
import { type ResolvedType, resolveType } from './types.ts';
import { describeValue, INT, isKnown, type KnownValue, literal, toClassical, type Value } from './value.ts';

/** Runs bodies that the running program may or may not execute; their assignments are left to it. */
function inRuntimeBodies<T>(analysis: Analysis, statements: readonly Statement[], run: () => T): T {
  const slots = assignedSlots(analysis, statements);
  const { start } = statements[0]!;
  // Whatever leaves a loop from inside of this body must find memory as it is.
  for (const outer of analysis.runtimeBodies) for (const slot of outer) analysis.storages.sync(slot, start);
  for (const slot of slots) analysis.storages.forget(slot, start);
  analysis.runtimeBodies.push(slots);
  const result = run();
  analysis.runtimeBodies.pop();
  return result;
}

/** The instructions of one body, which end with all of its assignments in memory. */
function collectBody(analysis: Analysis, body: Statement): Draft[] {
  const slots = analysis.runtimeBodies.at(-1)!;
  return analysis.collect(() => {
    executeBody(analysis, body);
    for (const slot of slots) analysis.storages.forget(slot, body.start);
  });
}

/** Executes `if`: at once where the condition is known. */
export function executeIf(analysis: Analysis, statement: StatementOf<'if'>): Completion {
  const { condition: node, then, otherwise } = statement;
  const condition = toCondition(analysis, evaluate(analysis, node), node.start);
  if (typeof condition === 'boolean') {
    const body = condition ? then : otherwise;
    return body === null ? 'normal' : executeBody(analysis, body);
  }
  const bodies = otherwise === null ? [then] : [then, otherwise];
  inRuntimeBodies(analysis, bodies, () => {
    const [first, second] = bodies.map((body) => collectBody(analysis, body));
    analysis.emit({ kind: 'if', condition, whenTrue: first!, whenFalse: second ?? [] });
  });
  return 'normal';
}

/** Executes `while`: unrolled where every condition is known, else kept. */
export function executeWhile(analysis: Analysis, statement: StatementOf<'while'>): Completion {
  const { condition: node, body, start } = statement;
  return unrollOrKeep(
    analysis,
    statement.start,
    (frame) => {
      for (;;) {
        analysis.count(1, start);
        const condition = toCondition(analysis, evaluate(analysis, node), node.start);
        if (typeof condition !== 'boolean') throw new KeepLoop(frame);
        if (!condition) return 'normal';
        const completion = executeBody(analysis, body);
        if (completion === 'break') return 'normal';
        if (completion !== 'normal' && completion !== 'continue') return completion;
      }
    },
    () => keepWhile(analysis, statement),
  );
}

function keepWhile(analysis: Analysis, { condition: node, body }: StatementOf<'while'>): void {
  inRuntimeBodies(analysis, [body], () => {
    const condition = pureCondition(analysis, node);
    const drafts = collectBody(analysis, body);
    analysis.emit({ kind: 'while', condition, body: drafts });
  });
}

/** A condition that a loop evaluates again and again. */
function pureCondition(analysis: Analysis, node: Expression): ClassicalExpression {
  let condition: boolean | ClassicalExpression = false;
  const drafts = analysis.collect(() => {
    condition = toCondition(analysis, evaluate(analysis, node), node.start);
  });
  if (drafts.length > 0) analysis.refuse(node.start, 'a subroutine with effects in the condition of a loop');
  return typeof condition === 'boolean' ? literal({ kind: 'bool' }, condition) : condition;
}

/** Unrolls a loop; where that needs what only the running program knows, takes it back and keeps the loop. */
function unrollOrKeep(
  analysis: Analysis,
  start: number,
  unroll: (frame: LoopFrame) => Completion,
  keep: () => void,
): Completion {
  const outer = analysis.loop;
  const { runtimeDepth } = analysis;
  const frame: LoopFrame = { form: 'unrolled', runtimeDepth };
  analysis.count(1 + analysis.slots.length, start);
  const restore = analysis.checkpoint();
  analysis.loop = frame;
  try {
    return unroll(frame);
  } catch (error) {
    if (!(error instanceof KeepLoop) || error.loop !== frame) throw error;
    restore();
    analysis.count(RETRY_STEPS, start);
    analysis.loop = { form: 'kept', runtimeDepth: runtimeDepth + 1 };
    keep();
    return 'normal';
  } finally {
    analysis.loop = outer;
  }
}

/** Executes `break` and `continue`. */
export function executeJump(analysis: Analysis, kind: 'break' | 'continue', start: number): Completion {
  const { loop } = analysis;
  if (loop === null) return analysis.fail(start, `"${kind}" in a loop`, 'no loop around it');
  if (loop.form === 'unrolled') {
    if (analysis.runtimeDepth > loop.runtimeDepth) throw new KeepLoop(loop);
    return kind;
  }
  for (const slots of analysis.runtimeBodies.slice(loop.runtimeDepth - 1)) {
    for (const slot of slots) analysis.storages.sync(slot, start);
  }
  analysis.emit({ kind });
  return 'stopped';
}

/** Executes `for`: unrolled where all values are known and nothing leaves the loop for reasons that are not, else kept. */
export function executeFor(analysis: Analysis, statement: StatementOf<'for'>): Completion {
  const type = resolveType(analysis, statement.type);
  const values = loopValues(analysis, statement, type);
  if (values === null) {
    const outer = analysis.loop;
    analysis.loop = { form: 'kept', runtimeDepth: analysis.runtimeDepth + 1 };
    keepFor(analysis, statement, type, null);
    analysis.loop = outer;
    return 'normal';
  }
  if (!hasJump(statement.body)) return unrollFor(analysis, statement, type, values);
  return unrollOrKeep(
    analysis,
    statement.start,
    () => unrollFor(analysis, statement, type, values),
    () => keepFor(analysis, statement, type, values),
  );
}

function unrollFor(
  analysis: Analysis,
  statement: StatementOf<'for'>,
  type: ResolvedType,
  values: readonly KnownValue[],
): Completion {
  const { variable, body, start } = statement;
  for (const value of values) {
    analysis.count(1, start);
    const completion = analysis.inScope(() => {
      const slot = declareVariable(analysis, statement, variable, type, start);
      slot.known = value;
      return executeBody(analysis, body);
    });
    if (completion === 'break') return 'normal';
    if (completion !== 'normal' && completion !== 'continue') return completion;
  }
  return 'normal';
}

/** More rounds than any program may expand to. */
const MAX_ROUNDS = 5_000_000;

/** The values of a loop variable; null when only the running program knows them. */
function loopValues(
  analysis: Analysis,
  { values, start }: StatementOf<'for'>,
  type: ResolvedType,
): readonly KnownValue[] | null {
  const cast = (value: Value) => castValue(analysis, value, type, start);
  if (values.kind === 'set') {
    const elements = values.elements.map((element) => cast(evaluate(analysis, element)));
    return elements.every(isKnown) ? elements : null;
  }
  if (values.kind === 'range') {
    const numbers = rangeNumbers(analysis, values);
    return numbers?.map((number) => cast(number)).filter(isKnown) ?? null;
  }
  const value = evaluate(analysis, values);
  if (typeof value === 'object' && 'kind' in value) {
    if (value.kind === 'array' && value.shape.length === 1) return value.elements.map(cast).filter(isKnown);
    if (value.kind === 'literal' && value.type.kind === 'bit') {
      const bits = BigInt(value.value);
      return Array.from({ length: value.type.size }, (_, bit) =>
        cast(literal({ kind: 'bit', size: 1 }, (bits >> BigInt(bit)) & 1n)),
      ).filter(isKnown);
    }
  }
  return analysis.fail(values.start, 'a set, a range, an array or known bits', describeValue(value));
}

function rangeNumbers(analysis: Analysis, range: RangeExpression): readonly Value[] | null {
  const part = (node: Expression | null, name: string) =>
    node === null
      ? analysis.fail(range.start, `the ${name} of the range`, 'nothing')
      : evaluate(analysis, node);
  const first = part(range.first, 'first value');
  const last = part(range.last, 'last value');
  const step = range.step === null ? literal(INT, 1n) : evaluate(analysis, range.step);
  if (![first, step, last].every(isKnown)) return null;
  const [from, to, by] = [first, last, step].map(asNumber);
  if (from == null || to == null || by == null || by === 0) {
    return analysis.fail(
      range.start,
      'numbers, and a step other than 0',
      describeValue(by === 0 ? step : first),
    );
  }
  const count = Math.floor((to - from) / by) + 1;
  if (count > MAX_ROUNDS) analysis.fail(range.start, `at most ${MAX_ROUNDS} rounds`, String(count));
  const isInteger = [from, by].every(Number.isSafeInteger);
  return Array.from({ length: Math.max(count, 0) }, (_, i) =>
    isInteger ? literal(INT, BigInt(from + i * by)) : from + i * by,
  );
}

function asNumber(value: Value): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (!('kind' in value) || value.kind !== 'literal' || typeof value.value === 'boolean') return null;
  return Number(value.value);
}

/** Keeps a loop for the running program, which then also holds its variable. */
function keepFor(
  analysis: Analysis,
  statement: StatementOf<'for'>,
  type: ResolvedType,
  values: readonly KnownValue[] | null,
): void {
  const { variable, body, start } = statement;
  if (type.kind !== 'classical')
    analysis.refuse(start, 'a loop over durations or arrays that has to be kept');
  const kept = values?.map((value) => toClassical(value)!) ?? keptValues(analysis, statement);
  const name = analysis.storages.uniqueName(variable);
  inRuntimeBodies(analysis, [body], () => {
    const value = { kind: 'variable', name, type: type.type } as const;
    const scope = new Scope(analysis.scope);
    scope.set(variable, { kind: 'constant', value, type: type.type }, ++analysis.order);
    const drafts = analysis.inScope(() => collectBody(analysis, body), scope);
    analysis.emit({ kind: 'for', variable: { name, type: type.type }, values: kept, body: drafts });
  });
}

function keptValues(
  analysis: Analysis,
  { values, start }: StatementOf<'for'>,
): Extract<Draft, { kind: 'for' }>['values'] {
  const read = (node: Expression) =>
    toClassical(evaluate(analysis, node)) ?? analysis.fail(node.start, 'a number', 'something else');
  if (values.kind === 'set') return values.elements.map(read);
  if (values.kind !== 'range')
    return analysis.refuse(start, 'a loop over bits that only the running program knows');
  const one = literal(INT, 1n);
  return {
    start: read(values.first!),
    stop: read(values.last!),
    step: values.step === null ? one : read(values.step),
  };
}

/** Executes `switch`: at once where the subject is known. */
export function executeSwitch(analysis: Analysis, statement: StatementOf<'switch'>): Completion {
  const { subject: node, cases, start } = statement;
  const labels = caseLabels(analysis, statement);
  const subject = evaluate(analysis, node);
  if (isKnown(subject)) {
    const value = asNumber(subject) ?? analysis.fail(node.start, 'an integer', describeValue(subject));
    const index = labels.findIndex((label) => label === 'default' || label.includes(value));
    return index < 0 ? 'normal' : executeBody(analysis, cases[index]!.body);
  }
  if (cases.length === 0) return 'normal';
  const expression = toClassical(subject) ?? analysis.fail(start, 'an integer', describeValue(subject));
  const bodies = cases.map(({ body }) => body);
  inRuntimeBodies(analysis, bodies, () => {
    const drafts = bodies.map((body, index) => [labels[index]!, collectBody(analysis, body)] as const);
    analysis.emit({ kind: 'switch', subject: expression, cases: drafts });
  });
  return 'normal';
}

/** The values of each case, which must differ; `default` comes last. */
function caseLabels(
  analysis: Analysis,
  { cases }: StatementOf<'switch'>,
): readonly (readonly number[] | 'default')[] {
  const seen = new Set<number>();
  return cases.map(({ values, start }, index) => {
    if (values === null) {
      if (index < cases.length - 1)
        analysis.fail(start, '"default" as the last case', 'another case behind it');
      return 'default';
    }
    return values.map((node) => {
      const value = evaluate(analysis, node);
      const label = isKnown(value) ? asNumber(value) : null;
      if (label === null || !Number.isInteger(label)) {
        return analysis.fail(node.start, 'an integer known while the program is read', describeValue(value));
      }
      if (seen.has(label)) analysis.fail(node.start, 'a value that no case above has', String(label));
      seen.add(label);
      return label;
    });
  });
}
