import { Lexer, type TokenKind } from './lexer.ts';
import type { OpenQasmVersion, SourceText } from './source-text.ts';

/** Statements and brackets within one another: far more than anybody writes, far less than overflows the stack. */
const MAX_NESTING = 200;
/** The height of an expression's tree; a chain of operators grows it by one each. */
const MAX_EXPRESSION_HEIGHT = 500;

/** A place between two tokens of a program that is being read; the parsing functions move it. */
export class Cursor {
  readonly lexer: Lexer;
  readonly version: OpenQasmVersion;
  /** The height of the expression that was read last. */
  expressionHeight = 0;
  #nesting = 0;

  /** @throws FileFormatError when the first token is none. */
  constructor(source: SourceText) {
    this.lexer = new Lexer(source);
    this.version = source.version;
  }

  /** True when the next token is this symbol or keyword. */
  at(text: string): boolean {
    const { kind } = this.lexer;
    return this.lexer.text === text && (kind === 'symbol' || kind === 'keyword');
  }

  /** Takes the next token if it is this symbol or keyword. */
  accept(text: string): boolean {
    if (!this.at(text)) return false;
    this.lexer.advance();
    return true;
  }

  /** Takes this symbol or keyword. @throws FileFormatError when something else comes. */
  expect(text: string): void {
    if (!this.accept(text)) this.fail(`"${text}"`);
  }

  /** Takes a token of a kind and returns its text. @throws FileFormatError when another kind comes. */
  take(kind: TokenKind, what: string): string {
    const { lexer } = this;
    if (lexer.kind !== kind) this.fail(what);
    const { text } = lexer;
    lexer.advance();
    return text;
  }

  /** Takes an identifier. @throws FileFormatError when something else comes. */
  takeName(what: string): string {
    return this.take('identifier', what);
  }

  /** True when the next token can begin an operand of a gate. */
  atOperand(): boolean {
    return this.lexer.kind === 'identifier' || this.lexer.kind === 'hardware-qubit';
  }

  /** Reads `item (, item)*`, in OpenQASM 3 with an optional comma at the end, which comes before `close`. */
  list<T>(item: (cursor: Cursor) => T, close: string): T[] {
    const items = [item(this)];
    while (this.accept(',')) {
      if (this.version === 3 && this.at(close)) break;
      items.push(item(this));
    }
    return items;
  }

  /** Counts a level of nesting; `leave` undoes it. @throws FileFormatError when there are too many. */
  enter(): void {
    if (++this.#nesting > MAX_NESTING) this.fail(`at most ${MAX_NESTING} levels of nesting`, 'more');
  }

  leave(): void {
    this.#nesting--;
  }

  /** Notes the height of the expression just read. @throws FileFormatError when it is too large. */
  grow(height: number): void {
    this.expressionHeight = height;
    if (height > MAX_EXPRESSION_HEIGHT)
      this.fail(`at most ${MAX_EXPRESSION_HEIGHT} chained operations`, 'more');
  }

  /** @throws FileFormatError at the next token. */
  fail(expected: string, actual = this.lexer.describe()): never {
    throw this.lexer.source.formatError(this.lexer.start, expected, actual);
  }
}
