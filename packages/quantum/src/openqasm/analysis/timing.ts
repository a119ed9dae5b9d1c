import type { StatementOf } from '../syntax/syntax-tree.ts';
import type { Analysis, Completion } from './analysis.ts';
import { evaluate } from './evaluate.ts';
import { resolveQubits } from './read-reference.ts';
import { executeBody } from './statement.ts';
import { describeValue } from './value.ts';

/** Executes `delay[duration] q;`. */
export function executeDelay(analysis: Analysis, statement: StatementOf<'delay'>): void {
  const { duration: node, operands } = statement;
  const value = evaluate(analysis, node);
  if (typeof value !== 'object' || !('kind' in value) || value.kind !== 'duration') {
    analysis.fail(node.start, 'a duration', describeValue(value));
  }
  if (!(value.value >= 0 && Number.isFinite(value.value))) {
    analysis.fail(node.start, 'a duration >= 0', describeValue(value));
  }
  const named = operands.flatMap((operand) => resolveQubits(analysis, operand).qubits);
  const all = () => Array.from({ length: analysis.qubitCount }, (_, qubit) => qubit);
  const qubits = operands.length === 0 ? all() : [...new Set(named)];
  analysis.count(qubits.length, statement.start);
  analysis.emit({ kind: 'delay', qubits, duration: value.value, unit: value.unit });
}

/** Executes a box: its body between barriers, which keep its gates together. */
export function executeBox(analysis: Analysis, statement: StatementOf<'box'>): Completion {
  const { duration, body, start } = statement;
  if (duration !== null)
    analysis.refuse(duration.start, 'a box with a duration: gates have no durations here');
  let completion: Completion = 'normal';
  const drafts = analysis.collect(() => {
    completion = executeBody(analysis, body);
  });
  const qubits = [...new Set(drafts.flatMap(touched))].sort((a, b) => a - b);
  analysis.count(drafts.length, start);
  const barrier = { kind: 'barrier', qubits } as const;
  if (qubits.length > 0) analysis.emit(barrier);
  for (const draft of drafts) analysis.emit(draft);
  if (qubits.length > 0) analysis.emit(barrier);
  return completion;
}

/** The qubits of an instruction, bodies included. */
function touched(draft: Analysis['output'][number]): readonly number[] {
  switch (draft.kind) {
    case 'if':
      return [...draft.whenTrue, ...draft.whenFalse].flatMap(touched);
    case 'while':
    case 'for':
      return draft.body.flatMap(touched);
    case 'switch':
      return draft.cases.flatMap(([, body]) => body.flatMap(touched));
    case 'assign':
    case 'break':
    case 'continue':
      return [];
    default:
      return draft.qubits;
  }
}
