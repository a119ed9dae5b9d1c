import type { ParameterValue } from '../../circuit/parameter.ts';
import { nativeGate } from '../library-gates.ts';
import type { Expression, GateCall, GateOperand } from '../syntax/syntax-tree.ts';
import type { Analysis } from './analysis.ts';
import type { GateDraft } from './draft.ts';
import { evaluate, evaluateInteger } from './evaluate.ts';
import { toAngle } from './gate-angle.ts';
import { applyModifiers, type ResolvedModifier } from './modify-gates.ts';
import { type QubitReference, resolveQubits } from './read-reference.ts';
import { type GateEntity, Scope } from './scope.ts';
import { executeStatement } from './statement.ts';
import { callSubroutine } from './subroutine.ts';

/** Executes the application of a gate, on whole registers bit by bit; or the call of a subroutine in that form. */
export function executeGateCall(analysis: Analysis, statement: GateCall): void {
  const { name, start } = statement;
  if (statement.designator !== null) {
    analysis.refuse(statement.designator.start, `"${name}" with a duration is not supported`);
  }
  if (name === 'gphase') {
    executeGlobalPhase(analysis, statement);
    return;
  }
  const entity = analysis.scope.find(name) ?? unknownGate(analysis, name, start);
  if (entity.kind === 'subroutine' || entity.kind === 'extern') {
    if (statement.modifiers.length > 0)
      analysis.fail(start, 'a gate after modifiers', `the subroutine "${name}"`);
    callSubroutine(analysis, statement);
    return;
  }
  if (entity.kind !== 'gate') analysis.fail(start, 'a gate', `"${name}", which is none`);
  const values = statement.arguments.map((argument) =>
    toAngle(analysis, evaluate(analysis, argument), argument.start),
  );
  checkCount(analysis, entity, 'parameters', values.length, start);
  const modifiers = resolveModifiers(analysis, statement);
  const controls = modifiers.reduce((sum, { kind, count }) => (isControl(kind) ? sum + count : sum), 0);
  forEachStep(analysis, statement.operands, start, (qubits) => {
    checkQubits(analysis, entity, controls, qubits, start);
    if (modifiers.length === 0) applyGate(analysis, entity, values, qubits, start);
    else
      applyModified(analysis, statement, modifiers, qubits, () =>
        applyGate(analysis, entity, values, qubits.slice(controls), start),
      );
  });
}

export function unknownGate(analysis: Analysis, name: string, start: number): never {
  const library = analysis.source.version === 2 ? 'qelib1.inc' : 'stdgates.inc';
  const hint = analysis.scope.find('h') ? '' : ` (include "${library}"; is missing)`;
  return analysis.fail(start, `a gate defined above${hint}`, `"${name}"`);
}

export function isControl(kind: ResolvedModifier['kind']): boolean {
  return kind === 'ctrl' || kind === 'negctrl';
}

function resolveModifiers(analysis: Analysis, { modifiers }: GateCall): ResolvedModifier[] {
  return modifiers.map(({ kind, argument, start }) => {
    if (kind === 'inv') return { kind, count: 0, exponent: 0, start };
    if (kind === 'pow') return { kind, count: 0, exponent: evaluateExponent(analysis, argument!), start };
    const count = argument === null ? 1 : evaluateInteger(analysis, argument, 'a number of controls');
    if (count < 1 || count > 1000) analysis.fail(start, '1 to 1000 controls', String(count));
    return { kind, count, exponent: 0, start };
  });
}

function evaluateExponent(analysis: Analysis, node: Expression): number {
  const exponent = evaluateRealQuotient(analysis, node);
  if (typeof exponent === 'number' && Number.isFinite(exponent)) return exponent;
  return analysis.fail(node.start, 'a finite exponent known while the program is read', String(exponent));
}

/** The value of an exponent. Integers are divided as real numbers: `pow(1/2)` is the square root, not the power of 0. */
function evaluateRealQuotient(analysis: Analysis, node: Expression): ParameterValue {
  if (node.kind === 'unary' && node.operator === '-') return -evaluateExponent(analysis, node.operand);
  if (node.kind === 'binary' && node.operator === '/') {
    return evaluateExponent(analysis, node.left) / evaluateExponent(analysis, node.right);
  }
  return toAngle(analysis, evaluate(analysis, node), node.start);
}

const GPHASE = {
  kind: 'gate',
  form: 'native',
  name: 'gphase',
  native: nativeGate('global_phase'),
} as const;

/** `gphase`, which has no operands but those of its controls. */
function executeGlobalPhase(analysis: Analysis, statement: GateCall): void {
  const { start, operands } = statement;
  if (statement.arguments.length !== 1) {
    analysis.fail(start, '1 parameters of gphase', String(statement.arguments.length));
  }
  const [node] = statement.arguments;
  const value = toAngle(analysis, evaluate(analysis, node!), node!.start);
  const apply = () => applyNative(analysis, GPHASE, [value], [], start);
  const modifiers = resolveModifiers(analysis, statement);
  const controls = modifiers.reduce((sum, { kind, count }) => (isControl(kind) ? sum + count : sum), 0);
  if (operands.length === 0 && controls === 0) {
    applyModified(analysis, statement, modifiers, [], apply);
    return;
  }
  forEachStep(analysis, operands, start, (qubits) => {
    if (qubits.length !== controls) {
      analysis.fail(start, `${controls} qubits of gphase`, String(qubits.length));
    }
    checkDistinct(analysis, 'gphase', qubits, start);
    applyModified(analysis, statement, modifiers, qubits, apply);
  });
}

function applyModified(
  analysis: Analysis,
  statement: GateCall,
  modifiers: readonly ResolvedModifier[],
  qubits: readonly number[],
  apply: () => void,
): void {
  if (modifiers.length === 0) {
    apply();
    return;
  }
  const drafts = analysis.collect(apply) as GateDraft[];
  for (const draft of applyModifiers(analysis, drafts, modifiers, qubits, statement.start))
    analysis.emit(draft);
}

/** Calls `apply` with the qubits of each step: qubit `i` of every register together, single qubits in each. */
function forEachStep(
  analysis: Analysis,
  operands: readonly GateOperand[],
  start: number,
  apply: (qubits: readonly number[]) => void,
): void {
  const references = operands.map((operand) => resolveQubits(analysis, operand));
  const size = broadcastSize(analysis, references, start);
  if (size === null) {
    analysis.count(1, start);
    apply(references.map(({ qubits }) => qubits[0]!));
    return;
  }
  for (let step = 0; step < size; step++) {
    analysis.count(1, start);
    apply(references.map(({ qubits, single }) => qubits[single ? 0 : step]!));
  }
}

/** The common size of the registers among some operands; null when there are none. */
function broadcastSize(
  analysis: Analysis,
  references: readonly QubitReference[],
  start: number,
): number | null {
  let size: number | null = null;
  for (const { qubits, single } of references) {
    if (single) continue;
    if (size !== null && size !== qubits.length) {
      analysis.fail(start, 'registers of equal size', `${size} and ${qubits.length}`);
    }
    size = qubits.length;
  }
  return size;
}

function checkQubits(
  analysis: Analysis,
  entity: GateEntity,
  controls: number,
  qubits: readonly number[],
  start: number,
): void {
  const expected = controls + qubitCountOf(entity);
  if (qubits.length !== expected) {
    analysis.fail(start, `${expected} qubits of ${entity.name}`, String(qubits.length));
  }
  checkDistinct(analysis, entity.name, qubits, start);
}

export function checkDistinct(
  analysis: Analysis,
  name: string,
  qubits: readonly number[],
  start: number,
): void {
  for (let i = 1; i < qubits.length; i++) {
    if (qubits.indexOf(qubits[i]!) < i) {
      analysis.fail(start, `different qubits of ${name}`, 'the same qubit twice');
    }
  }
}

export function qubitCountOf(entity: GateEntity): number {
  switch (entity.form) {
    case 'native':
      return entity.native.qubitCount;
    case 'defined':
      return entity.statement.qubits.length;
    case 'opaque':
      return entity.qubitCount;
  }
}

export function checkCount(
  analysis: Analysis,
  entity: GateEntity,
  what: string,
  actual: number,
  start: number,
): void {
  const expected =
    entity.form === 'native'
      ? entity.native.parameterCount
      : entity.form === 'defined'
        ? entity.statement.parameters.length
        : entity.parameterCount;
  if (actual !== expected) analysis.fail(start, `${expected} ${what} of ${entity.name}`, String(actual));
}

/** Appends a gate without modifiers. */
function applyGate(
  analysis: Analysis,
  entity: GateEntity,
  values: readonly ParameterValue[],
  qubits: readonly number[],
  start: number,
): void {
  switch (entity.form) {
    case 'native':
      applyNative(analysis, entity, values, qubits, start);
      return;
    case 'defined':
      applyDefined(analysis, entity, values, qubits, start);
      return;
    case 'opaque':
      analysis.refuse(start, `the opaque gate "${entity.name}" has no definition`);
  }
}

function applyNative(
  analysis: Analysis,
  { native, name }: Extract<GateEntity, { form: 'native' }>,
  values: readonly ParameterValue[],
  qubits: readonly number[],
  start: number,
): void {
  if (native.parameterCount === 0) {
    analysis.emit({ kind: 'gate', name: native.gate, qubits, parameters: [] });
    return;
  }
  for (const angle of values) {
    if (typeof angle === 'number' && !Number.isFinite(angle)) {
      analysis.fail(start, `a finite angle of ${name}`, String(angle));
    }
  }
  analysis.emit({ kind: 'gate', name: native.gate, qubits, parameters: native.angles(values) });
  if (native.phase !== null) analysis.addPhase(native.phase(values));
}

function applyDefined(
  analysis: Analysis,
  entity: Extract<GateEntity, { form: 'defined' }>,
  values: readonly ParameterValue[],
  qubits: readonly number[],
  start: number,
): void {
  const { statement, source, order, scope: outer, size } = entity;
  analysis.enter('call', start);
  analysis.checkRoom(size, start);
  analysis.count(1, start);
  const scope = new Scope(outer, order);
  for (const [index, value] of values.entries()) {
    scope.set(statement.parameters[index]!, { kind: 'constant', value, type: null }, order);
  }
  for (const [index, qubit] of qubits.entries()) {
    scope.set(statement.qubits[index]!, { kind: 'qubits', qubits: [qubit], single: true }, order);
  }
  const { source: caller, loop } = analysis;
  analysis.source = source;
  analysis.loop = null;
  analysis.inScope(() => {
    for (const step of statement.body.statements) executeStatement(analysis, step);
  }, scope);
  analysis.source = caller;
  analysis.loop = loop;
  analysis.leave('call');
}
