import type { SourceText } from './source-text.ts';
import type { Annotation } from './syntax-tree.ts';

/** What a token is. `keyword` depends on the version of the language; everything else that is a word is an `identifier`. */
export type TokenKind =
  | 'identifier'
  | 'keyword'
  | 'integer'
  | 'float'
  /** A number followed by `im`. */
  | 'imaginary'
  /** A number followed by a unit of time. */
  | 'timing'
  | 'string'
  /** `$0` */
  | 'hardware-qubit'
  | 'symbol'
  | 'end';

const KEYWORDS: Readonly<Record<2 | 3, ReadonlySet<string>>> = {
  2: new Set(['OPENQASM', 'include', 'qreg', 'creg', 'gate', 'opaque', 'measure', 'reset', 'barrier', 'if']),
  3: new Set([
    ...[
      'OPENQASM',
      'include',
      'defcalgrammar',
      'def',
      'cal',
      'defcal',
      'gate',
      'extern',
      'box',
      'let',
      'break',
    ],
    ...['continue', 'if', 'else', 'end', 'return', 'for', 'while', 'in', 'switch', 'case', 'default', 'nop'],
    ...[
      'pragma',
      'input',
      'output',
      'const',
      'readonly',
      'mutable',
      'qreg',
      'qubit',
      'creg',
      'bool',
      'bit',
      'int',
    ],
    ...[
      'uint',
      'float',
      'angle',
      'complex',
      'array',
      'void',
      'duration',
      'stretch',
      'gphase',
      'inv',
      'pow',
      'ctrl',
    ],
    ...['negctrl', 'durationof', 'delay', 'reset', 'measure', 'barrier', 'true', 'false', 'im'],
  ]),
};

/** True for a word that no name can be. */
export function isKeyword(version: 2 | 3, word: string): boolean {
  return KEYWORDS[version].has(word);
}

/** Longest first where one is the beginning of another. */
const SYMBOLS: Readonly<Record<2 | 3, readonly string[]>> = {
  2: ['->', '==', ...'+-*/^()[]{},;'],
  3: [
    ...[
      '**=',
      '<<=',
      '>>=',
      '->',
      '++',
      '**',
      '||',
      '&&',
      '==',
      '!=',
      '+=',
      '-=',
      '*=',
      '/=',
      '&=',
      '|=',
      '^=',
    ],
    ...['%=', '>=', '<=', '>>', '<<', ...'[]{}():;.,=+-*/%|&^@~!<>#'],
  ],
};

/** The symbols that begin with a character, by its code. */
function indexSymbols(symbols: readonly string[]): readonly (readonly string[] | undefined)[] {
  const table: string[][] = [];
  for (const symbol of symbols) {
    const code = symbol.charCodeAt(0);
    table[code] = [...(table[code] ?? []), symbol];
  }
  return table;
}

const SYMBOL_TABLES = { 2: indexSymbols(SYMBOLS[2]), 3: indexSymbols(SYMBOLS[3]) };

const NEWLINE = 10;
const SLASH = 47;
const STAR = 42;
const QUOTE = 34;
const APOSTROPHE = 39;
const DOLLAR = 36;
const DOT = 46;

/** Characters below 128: 1 begins a word, 2 continues one (a digit), 4 is blank. */
const CLASSES = new Uint8Array(128);
for (let code = 0; code < 128; code++) {
  const character = String.fromCharCode(code);
  if (/[A-Za-z_]/.test(character)) CLASSES[code] = 1;
  else if (/[0-9]/.test(character)) CLASSES[code] = 2;
  else if (/[ \t\r\n\v\f]/.test(character)) CLASSES[code] = 4;
}

const NUMBERS = {
  2: /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y,
  3: /0[bB][01](?:_?[01])*|0o[0-7](?:_?[0-7])*|0[xX][0-9a-fA-F](?:_?[0-9a-fA-F])*|(?:\d(?:_?\d)*(?:\.(?:\d(?:_?\d)*)?)?|\.\d(?:_?\d)*)(?:[eE][+-]?\d(?:_?\d)*)?/y,
};
/** A unit, or `im`, that ends where the word ends. */
const SUFFIX = /[ \t]*(dt|ns|us|µs|μs|ms|s|im)(?![\p{L}\p{Nl}0-9_])/uy;
const ANNOTATION = /@[\p{L}\p{Nl}_][\p{L}\p{Nl}0-9_]*(?:\.[\p{L}\p{Nl}_][\p{L}\p{Nl}0-9_]*)*/uy;
const WIDE_WORD_START = /[\p{L}\p{Nl}]/uy;
const WIDE_WORD_REST = /[\p{L}\p{Nl}0-9_]*/uy;

/**
 * Splits a program into tokens, one at a time: the fields describe the current one. Some constructs (pragmas, annotations,
 * calibrations) are not made of tokens; `restOfLine` and `balancedBlock` read them raw.
 */
export class Lexer {
  readonly source: SourceText;
  kind: TokenKind = 'end';
  /** The word, number or symbol as written; a string without its quotes; empty at the end. */
  text = '';
  /** Where the token begins. */
  start = 0;
  /** Just behind the token. */
  end = 0;
  readonly #text: string;
  readonly #keywords: ReadonlySet<string>;
  readonly #symbols: readonly (readonly string[] | undefined)[];
  readonly #number: RegExp;
  readonly #hasUnits: boolean;

  /** @throws FileFormatError when the first token is none. */
  constructor(source: SourceText, offset = 0) {
    this.source = source;
    this.#text = source.text;
    this.#keywords = KEYWORDS[source.version];
    this.#symbols = SYMBOL_TABLES[source.version];
    this.#number = new RegExp(NUMBERS[source.version]);
    this.#hasUnits = source.version === 3;
    this.moveTo(offset);
  }

  /** Reads the token that begins at an offset or after the blanks and comments there. @throws FileFormatError if there is none. */
  moveTo(offset: number): void {
    this.end = offset;
    this.advance();
  }

  /** Goes on to the next token. @throws FileFormatError for a character outside the language. */
  advance(): void {
    this.#skipBlanks();
    const text = this.#text;
    const start = this.start;
    if (start >= text.length) {
      this.#set('end', '', start);
      return;
    }
    const code = text.charCodeAt(start);
    const characterClass = code < 128 ? CLASSES[code]! : 0;
    if (characterClass === 1) this.#readWord(start);
    else if (characterClass === 2) this.#readNumber(start);
    else if (code === DOT && CLASSES[text.charCodeAt(start + 1)] === 2) this.#readNumber(start);
    else if (code === QUOTE || code === APOSTROPHE) this.#readString(start, code);
    else if (code === DOLLAR && this.#hasUnits) this.#readHardwareQubit(start);
    else if (code >= 128) this.#readWord(start);
    else this.#readSymbol(start, code);
  }

  /** The token for messages. */
  describe(): string {
    if (this.kind === 'end') return 'the end of the program';
    return this.kind === 'string' ? `"${this.text}"` : `"${this.#text.slice(this.start, this.end)}"`;
  }

  /** Takes `@name rest of the line` where it stands, else returns null. */
  annotation(): Annotation | null {
    if (this.kind !== 'symbol' || this.text !== '@') return null;
    ANNOTATION.lastIndex = this.start;
    const keyword = ANNOTATION.exec(this.#text)?.[0];
    if (keyword === undefined) return null;
    const { start } = this;
    this.end = start + keyword.length;
    return { keyword, content: this.restOfLine(), start };
  }

  /** The text behind the current token up to the end of its line, trimmed; the token after it becomes the current one. */
  restOfLine(): string {
    const newline = /[\r\n]/g;
    newline.lastIndex = this.end;
    const stop = newline.exec(this.#text)?.index ?? this.#text.length;
    const rest = this.#text.slice(this.end, stop).trim();
    this.moveTo(stop);
    return rest;
  }

  /**
   * The text between the current token, an opening brace, and its closing one; the token after that becomes the current one.
   *
   * @throws FileFormatError when the brace is never closed.
   */
  balancedBlock(): string {
    const start = this.end;
    const brace = /[{}]/g;
    brace.lastIndex = start;
    for (let depth = 1; ; ) {
      const found = brace.exec(this.#text);
      if (found === null)
        throw this.source.formatError(this.start, 'a closing "}"', 'the end of the program');
      depth += found[0] === '{' ? 1 : -1;
      if (depth > 0) continue;
      this.moveTo(found.index + 1);
      return this.#text.slice(start, found.index);
    }
  }

  #set(kind: TokenKind, text: string, end: number): void {
    this.kind = kind;
    this.text = text;
    this.end = end;
  }

  #skipBlanks(): void {
    const text = this.#text;
    let at = this.end;
    for (;;) {
      const code = text.charCodeAt(at);
      if (CLASSES[code] === 4) at++;
      else if (code === SLASH && text.charCodeAt(at + 1) === SLASH) {
        const newline = text.indexOf('\n', at);
        at = newline < 0 ? text.length : newline + 1;
      } else if (code === SLASH && text.charCodeAt(at + 1) === STAR) {
        const close = text.indexOf('*/', at + 2);
        if (close < 0)
          throw this.source.formatError(at, 'a comment closed by "*/"', 'the end of the program');
        at = close + 2;
      } else if (code === 0xfeff && at === 0) at++;
      else break;
    }
    this.start = at;
  }

  #readWord(start: number): void {
    const text = this.#text;
    let at = start;
    let code = text.charCodeAt(at);
    while (code < 128 && (CLASSES[code]! & 3) !== 0) code = text.charCodeAt(++at);
    if (code >= 128) at = this.#endOfWideWord(start, at);
    const word = text.slice(start, at);
    this.#set(this.#keywords.has(word) ? 'keyword' : 'identifier', word, at);
  }

  /** The end of a word that has characters outside ASCII. */
  #endOfWideWord(start: number, at: number): number {
    if (at === start) {
      WIDE_WORD_START.lastIndex = start;
      if (!WIDE_WORD_START.test(this.#text)) {
        const character = String.fromCodePoint(this.#text.codePointAt(start)!);
        throw this.#badCharacter(start, character);
      }
    }
    WIDE_WORD_REST.lastIndex = at;
    WIDE_WORD_REST.test(this.#text);
    return WIDE_WORD_REST.lastIndex;
  }

  #readNumber(start: number): void {
    const text = this.#text;
    this.#number.lastIndex = start;
    const number = this.#number.exec(text)![0];
    let kind: TokenKind = /^0[bBoxX]/.test(number) || !/[.eE]/.test(number) ? 'integer' : 'float';
    let end = start + number.length;
    SUFFIX.lastIndex = end;
    if (this.#hasUnits && !/^0[bBoxX]/.test(number) && SUFFIX.test(text)) {
      end = SUFFIX.lastIndex;
      kind = text.endsWith('im', end) ? 'imaginary' : 'timing';
    } else if (this.#continuesWord(end)) {
      throw this.source.formatError(start, 'a number', `"${text.slice(start, end + 1)}"`);
    }
    this.#set(kind, text.slice(start, end), end);
  }

  #continuesWord(at: number): boolean {
    const code = this.#text.charCodeAt(at);
    return code < 128 ? (CLASSES[code]! & 3) !== 0 : code >= 128 && /[\p{L}\p{Nl}]/u.test(this.#text[at]!);
  }

  #readString(start: number, quote: number): void {
    const text = this.#text;
    const close = text.indexOf(String.fromCharCode(quote), start + 1);
    const newline = text.indexOf('\n', start);
    if (close < 0 || (newline >= 0 && newline < close)) {
      throw this.source.formatError(
        start,
        'a string closed on its line',
        `"${text.slice(start, start + 20)}"`,
      );
    }
    this.#set('string', text.slice(start + 1, close), close + 1);
  }

  #readHardwareQubit(start: number): void {
    let end = start + 1;
    while (CLASSES[this.#text.charCodeAt(end)] === 2) end++;
    if (end === start + 1) throw this.#badCharacter(start, '$');
    this.#set('hardware-qubit', this.#text.slice(start, end), end);
  }

  #readSymbol(start: number, code: number): void {
    for (const symbol of this.#symbols[code] ?? []) {
      if (symbol.length > 1 && !this.#text.startsWith(symbol, start)) continue;
      this.#set('symbol', symbol, start + symbol.length);
      return;
    }
    throw this.#badCharacter(start, String.fromCharCode(code));
  }

  #badCharacter(start: number, character: string) {
    this.#set('symbol', character, start + 1);
    return this.source.formatError(
      start,
      `a word of OpenQASM ${this.source.version}`,
      NEWLINE === character.charCodeAt(0) ? 'a line end' : `"${character}"`,
    );
  }
}
