import type { ClassicalType } from '../../circuit/classical-expression.ts';
import type {
  ArgumentDefinition,
  CallExpression,
  Expression,
  GateCall,
  GateOperand,
  QuantumCallExpression,
} from '../syntax/syntax-tree.ts';
import type { Analysis, CallFrame } from './analysis.ts';
import { evaluateRightSide, measureFresh, writeBits, writeSlot } from './assign.ts';
import { castClassical } from './cast.ts';
import { declareVariable } from './declare.ts';
import { evaluate, evaluateInteger } from './evaluate.ts';
import { nameAndIndices, resolveQubits } from './read-reference.ts';
import { type Entity, Scope } from './scope.ts';
import { executeStatement } from './statement.ts';
import { evaluateSize, resolveClassicalType } from './types.ts';
import { describeValue, isKnown, type KnownValue, toClassical, type Value } from './value.ts';

type Subroutine = Extract<Entity, { kind: 'subroutine' }>;
type Argument = Expression | GateOperand;
type ResultUse = 'assigned' | 'nested';

/**
 * Evaluates `name(a, b)`, which must return a value.
 *
 * @param use what becomes of the value: assigned at once, or part of an expression that may call again.
 */
export function callFunction(
  analysis: Analysis,
  entity: Entity,
  call: CallExpression,
  use: ResultUse = 'nested',
): Value {
  const result = callEntity(analysis, entity, call, call.arguments, use);
  return result ?? analysis.fail(call.start, 'a subroutine that returns a value', `"${call.name}"`);
}

/** Executes `name(a, b);`; the value that it returns is dropped. */
export function callStatement(analysis: Analysis, call: CallExpression): void {
  const entity = analysis.scope.find(call.name);
  if (entity === null) evaluate(analysis, call);
  else callEntity(analysis, entity, call, call.arguments, 'assigned');
}

/** Executes `name(a, b) q, r`: operands take the places of the parameters that are qubits. */
export function callSubroutine(analysis: Analysis, call: QuantumCallExpression | GateCall): Value | null {
  const { name, start, operands } = call;
  const entity = analysis.find(name, start, 'a subroutine');
  if (entity.kind !== 'subroutine') return callEntity(analysis, entity, call, call.arguments, 'assigned');
  const rest: Argument[] = [...call.arguments];
  const qubits: GateOperand[] = [...operands];
  const all: Argument[] = [];
  for (const { type } of entity.statement.parameters) {
    const next = type.kind === 'qubit-type' && qubits.length > 0 ? qubits.shift() : rest.shift();
    if (next !== undefined) all.push(next);
  }
  return callEntity(analysis, entity, call, [...all, ...rest, ...qubits], 'assigned');
}

function callEntity(
  analysis: Analysis,
  entity: Entity,
  { name, start }: { readonly name: string; readonly start: number },
  values: readonly Argument[],
  use: ResultUse,
): Value | null {
  if (entity.kind === 'extern') {
    return analysis.refuse(start, `the extern function "${name}" is not known here`, 'Define it with "def"');
  }
  if (entity.kind !== 'subroutine') return analysis.fail(start, 'a subroutine', `"${name}", which is none`);
  const { parameters } = entity.statement;
  if (values.length !== parameters.length) {
    analysis.fail(start, `${parameters.length} arguments of ${name}`, String(values.length));
  }
  return inline(analysis, entity, values, start, use);
}

/** Executes the body in place of the call. */
function inline(
  analysis: Analysis,
  entity: Subroutine,
  values: readonly Argument[],
  start: number,
  use: ResultUse,
): Value | null {
  const { statement, source, order, scope: outer } = entity;
  analysis.enter('call', start);
  analysis.count(1, start);
  const scope = new Scope(outer, order);
  const { source: caller, loop, call } = analysis;
  // Arguments are evaluated where the call stands, and declared where the body stands.
  const given = statement.parameters.map((parameter, index) =>
    passArgument(analysis, entity, parameter, values[index]!),
  );
  const returns =
    statement.returns && inSource(analysis, source, () => resolveClassicalType(analysis, statement.returns!));
  let result: Value | null = null;
  const frame: CallFrame = {
    runtimeDepth: analysis.runtimeDepth,
    outer: call,
    deliver: (node) => {
      const value = returnedValue(analysis, node, returns);
      result =
        value === null || returns === null || use === 'assigned'
          ? value
          : copyResult(analysis, value, returns, start);
    },
  };
  Object.assign(analysis, { source, loop: null, call: frame });
  analysis.inScope(() => {
    for (const declare of given) declare();
    for (const step of statement.body.statements) {
      if (executeStatement(analysis, step) !== 'normal') break;
    }
  }, scope);
  Object.assign(analysis, { source: caller, loop, call });
  analysis.leave('call');
  if (result === null && returns !== null) {
    analysis.fail(start, `a value from "${statement.name}"`, 'no "return" that is reached');
  }
  return result;
}

function inSource<T>(analysis: Analysis, source: Analysis['source'], run: () => T): T {
  const { source: caller } = analysis;
  analysis.source = source;
  const result = run();
  analysis.source = caller;
  return result;
}

/** The value of `return`, as the type that the subroutine promises. */
function returnedValue(
  analysis: Analysis,
  { value: node, start }: Parameters<CallFrame['deliver']>[0],
  type: ClassicalType | null,
): Value | null {
  if (node === null || type === null) {
    if (node !== null) analysis.fail(start, '"return" without a value', 'a value');
    if (type !== null) analysis.fail(start, 'a value after "return"', 'nothing');
    return null;
  }
  const value =
    node.kind === 'measure'
      ? measureFresh(analysis, resolveQubits(analysis, node.operand), node.start)
      : evaluateRightSide(analysis, node);
  return castClassical(analysis, value, type, start);
}

/** A copy of a result: the variables of the body live on only until it is inlined again. */
function copyResult(analysis: Analysis, value: Value, type: ClassicalType, callStart: number): Value {
  if (isKnown(value)) return value;
  const declaration = analysis.placeOf('result', callStart);
  const slot = analysis.storages.createSlot(declaration, 'returned', type, null);
  slot.synced = true;
  const target = analysis.storages.place(slot);
  analysis.emit({ kind: 'assign', target, value: toClassical(value)! });
  return target;
}

/** Evaluates an argument, and returns what declares it in the body. */
function passArgument(
  analysis: Analysis,
  { statement, source }: Subroutine,
  parameter: ArgumentDefinition,
  argument: Argument,
): () => void {
  const { name, type } = parameter;
  switch (type.kind) {
    case 'qubit-type': {
      const { qubits } = resolveQubits(analysis, argument);
      const size =
        type.width === null
          ? 1
          : inSource(analysis, source, () => evaluateSize(analysis, type.width!, 1_000_000));
      if (qubits.length !== size) {
        analysis.fail(
          argument.start,
          `${size} qubits for "${name}" of ${statement.name}`,
          String(qubits.length),
        );
      }
      const single = type.width === null;
      return () => analysis.declare(name, { kind: 'qubits', qubits, single }, parameter.start);
    }
    case 'array-reference-type':
      return passArray(analysis, source, parameter, argument);
    case 'scalar-type': {
      if (argument.kind === 'indexed-identifier') {
        return analysis.fail(argument.start, 'a classical value in parentheses', `"${argument.name}"`);
      }
      const value = evaluate(analysis, argument);
      if (type.name === 'duration')
        return () => analysis.declare(name, { kind: 'constant', value, type: null }, parameter.start);
      const resolved = inSource(analysis, source, () => resolveClassicalType(analysis, type));
      const cast = castClassical(analysis, value, resolved, argument.start);
      return () => declareArgument(analysis, parameter, resolved, cast);
    }
  }
}

function declareArgument(
  analysis: Analysis,
  parameter: ArgumentDefinition,
  type: ClassicalType,
  value: Value,
): void {
  const { name, start } = parameter;
  const slot = declareVariable(analysis, parameter, name, { kind: 'classical', type }, start);
  if (type.kind === 'bit') {
    const bits = Array.from({ length: type.size }, (_, bit) => ({ slot, bit }));
    writeBits(analysis, { bits, single: type.size === 1 }, value, start);
  } else if (isKnown(value)) {
    slot.known = value as KnownValue;
  } else {
    writeSlot(analysis, slot, value, start);
  }
}

/** Arrays are passed by reference. */
function passArray(
  analysis: Analysis,
  source: Analysis['source'],
  { name, type, start }: ArgumentDefinition,
  argument: Argument,
): () => void {
  if (type.kind !== 'array-reference-type') throw new TypeError('an array');
  const reference = nameAndIndices(argument);
  const entity = reference?.indices.length === 0 ? analysis.scope.find(reference.name) : null;
  const value = argument.kind === 'indexed-identifier' ? null : evaluate(analysis, argument);
  if (value === null || typeof value === 'number' || !('kind' in value) || value.kind !== 'array') {
    return analysis.fail(
      argument.start,
      `an array for "${name}"`,
      value === null ? 'a qubit' : describeValue(value),
    );
  }
  const dimensions =
    type.dimensionCount === null
      ? type.dimensions.length
      : inSource(analysis, source, () =>
          evaluateInteger(analysis, type.dimensionCount!, 'a number of dimensions'),
        );
  const sizes = inSource(analysis, source, () =>
    type.dimensions.map((size) => evaluateInteger(analysis, size, 'a size')),
  );
  if (value.shape.length !== dimensions || sizes.some((size, i) => size !== value.shape[i])) {
    analysis.fail(
      argument.start,
      `an array of ${sizes.join(' x ') || `${dimensions} dimensions`}`,
      describeValue(value),
    );
  }
  if (type.access === 'readonly')
    return () => analysis.declare(name, { kind: 'constant', value, type: null }, start);
  if (entity?.kind !== 'variable') {
    return analysis.refuse(argument.start, 'a part of an array as a mutable argument is not supported');
  }
  const { slot } = entity;
  return () => analysis.declare(name, { kind: 'variable', slot }, start);
}
