import { FileFormatError } from '@qedge/core';

/** A word of OpenQASM 2 with its place; lines and columns count from 1. */
export interface Token {
  readonly kind: 'identifier' | 'number' | 'string' | 'symbol' | 'end';
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

const PATTERNS: readonly (readonly [Token['kind'] | 'blank', RegExp])[] = [
  ['blank', /(?:\s+|\/\/[^\n]*|\/\*[\s\S]*?\*\/)+/y],
  ['identifier', /[A-Za-z_][A-Za-z0-9_]*/y],
  ['number', /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y],
  ['string', /"[^"\n]*"|'[^'\n]*'/y],
  ['symbol', /->|==|[;,(){}[\]+\-*/^]/y],
];

/** Splits a program into tokens, the last one of kind `end`. @throws FileFormatError for a character outside the language. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let [position, line, lineStart] = [0, 1, 0];
  const advance = (text: string) => {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
      line++;
      lineStart = position + at + 1;
    }
    position += text.length;
  };
  while (position < source.length) {
    const place = { line, column: position - lineStart + 1 };
    const found = matchAt(source, position);
    if (found === null) throw syntaxError('a word of OpenQASM 2', `"${source[position]}"`, place);
    if (found.kind !== 'blank') tokens.push({ kind: found.kind, text: found.text, ...place });
    advance(found.text);
  }
  tokens.push({ kind: 'end', text: 'the end of the program', line, column: position - lineStart + 1 });
  return tokens;
}

function matchAt(source: string, position: number) {
  for (const [kind, pattern] of PATTERNS) {
    pattern.lastIndex = position;
    const text = pattern.exec(source)?.[0];
    if (text) return { kind, text };
  }
  return null;
}

/** An error at a place in a program. */
export function syntaxError(
  expected: string,
  actual: string,
  { line, column }: { readonly line: number; readonly column: number },
): FileFormatError {
  return new FileFormatError(`OpenQASM 2, line ${line}, column ${column}`, {
    expected,
    actual,
    facts: { line, column },
  });
}

/** A token as it appears in messages. */
export function describe(token: Token): string {
  return token.kind === 'end' ? token.text : `"${token.text}"`;
}
