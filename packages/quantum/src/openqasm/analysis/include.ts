import { BUILT_IN_GATES, LIBRARY_GATES, type NativeGate } from '../library-gates.ts';
import { parseProgram } from '../syntax/parse-program.ts';
import { type OpenQasmVersion, SourceText } from '../syntax/source-text.ts';
import type { StatementOf } from '../syntax/syntax-tree.ts';
import type { Analysis } from './analysis.ts';
import { Scope } from './scope.ts';
import { executeStatements } from './statement.ts';

/** The scope around a program, with the gates that need no include. */
export function libraryScope(version: OpenQasmVersion): Scope {
  const scope = new Scope(null);
  addGates(scope, BUILT_IN_GATES[version]);
  return scope;
}

function addGates(scope: Scope, gates: ReadonlyMap<string, NativeGate>): void {
  for (const [name, native] of gates) scope.set(name, { kind: 'gate', form: 'native', name, native }, 0);
}

/** Executes `include "path";`. The gates of built-in files lie around the program, which may define some anew. */
export function executeInclude(analysis: Analysis, { path, start }: StatementOf<'include'>): void {
  if (!analysis.atTop) analysis.fail(start, '"include" outside of all blocks', 'a block');
  const { version } = analysis.source;
  const resolved = analysis.options.resolve?.(path);
  if (resolved === undefined && Object.hasOwn(LIBRARY_GATES, path)) {
    addGates(analysis.scope.parent!, LIBRARY_GATES[path]!);
    return;
  }
  if (resolved === undefined) {
    const library = version === 2 ? 'qelib1.inc' : 'stdgates.inc';
    analysis.refuse(
      start,
      `no file is read for include "${path}"; "${library}" is built in`,
      'Give its text through the option "resolve", or put the definitions into the program',
    );
  }
  analysis.enter('call', start);
  analysis.count(1, start);
  const { source: outer } = analysis;
  const source = new SourceText(resolved, version, path);
  const { statements } = parseProgram(source);
  analysis.source = source;
  executeStatements(analysis, statements);
  analysis.source = outer;
  analysis.leave('call');
}
