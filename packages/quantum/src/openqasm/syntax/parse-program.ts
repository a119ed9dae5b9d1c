import { Cursor } from './cursor.ts';
import { Lexer } from './lexer.ts';
import { parseStatement } from './parse-statement.ts';
import { type OpenQasmVersion, SourceText } from './source-text.ts';
import type { Program, Statement } from './syntax-tree.ts';

/**
 * The version that a program is written in, by its version statement. Without one: 2 when it mentions `qelib1.inc`, which only
 * OpenQASM 2 has, else 3.
 *
 * @throws FileFormatError when the text begins with no word of the language; UnsupportedError for another version.
 */
export function detectVersion(text: string): OpenQasmVersion {
  const lexer = new Lexer(new SourceText(text, 3));
  if (lexer.text !== 'OPENQASM') return text.includes('"qelib1.inc"') ? 2 : 3;
  lexer.advance();
  const major = Number.parseInt(lexer.text, 10);
  if (major === 2 || major === 3) return major;
  throw lexer.source.formatError(lexer.start, 'version 2.0, 3.0 or 3.1', lexer.describe());
}

/**
 * Reads a program, or an included file, into its syntax tree. Every construct of the grammar is kept; no name is looked up.
 *
 * @throws FileFormatError with `facts.line` and `facts.column` (from 1) and an excerpt with a caret.
 */
export function parseProgram(source: SourceText): Program {
  const cursor = new Cursor(source);
  const version = parseVersion(cursor);
  const statements: Statement[] = [];
  while (cursor.lexer.kind !== 'end') statements.push(parseStatement(cursor));
  return { version, statements };
}

const VERSIONS: Readonly<Record<2 | 3, readonly string[]>> = { 2: ['2', '2.0'], 3: ['3', '3.0', '3.1'] };

function parseVersion(cursor: Cursor): string | null {
  const { lexer, version } = cursor;
  // Many published programs have no version statement.
  if (lexer.kind !== 'keyword' || !cursor.accept('OPENQASM')) return null;
  const { text } = lexer;
  if (!VERSIONS[version].includes(text)) cursor.fail(version === 2 ? 'version 2.0' : 'version 3.0 or 3.1');
  lexer.advance();
  cursor.expect(';');
  return text;
}
