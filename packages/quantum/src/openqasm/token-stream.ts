import { describe, syntaxError, type Token, tokenize } from './tokenize.ts';

/** Reads tokens one after another. */
export class TokenStream {
  readonly #tokens: readonly Token[];
  #position = 0;

  constructor(source: string) {
    this.#tokens = tokenize(source);
  }

  /** The words from a token that was read earlier to the last one read, separated by blanks. */
  textSince(token: Token): string {
    const words = this.#tokens.slice(this.#tokens.indexOf(token), this.#position);
    return words.map(({ text }) => text).join(' ');
  }

  /** The next token, left in place. */
  peek(): Token {
    return this.#tokens[this.#position]!;
  }

  /** The next token, taken. The last one stays. */
  next(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.#position++;
    return token;
  }

  /** Takes the next token if it is this symbol or word. */
  accept(text: string): boolean {
    const { kind } = this.peek();
    if (kind === 'end' || kind === 'string' || this.peek().text !== text) return false;
    this.next();
    return true;
  }

  /** Takes a symbol or word. @throws FileFormatError when something else comes. */
  expect(text: string): Token {
    const token = this.peek();
    if (!this.accept(text)) throw syntaxError(`"${text}"`, describe(token), token);
    return token;
  }

  /** Takes a token of a kind. @throws FileFormatError when another kind comes. */
  take(kind: Token['kind'], what: string): Token {
    const token = this.next();
    if (token.kind !== kind) throw syntaxError(what, describe(token), token);
    return token;
  }

  /** Takes an integer >= `least`. @throws FileFormatError when something else comes. */
  takeInteger(least: number): number {
    const token = this.next();
    const value = Number(token.text);
    if (token.kind !== 'number' || !/^\d+$/.test(token.text) || value < least) {
      throw syntaxError(`an integer >= ${least}`, describe(token), token);
    }
    return value;
  }

  /** Reads `item (, item)*`. */
  list<T>(item: () => T): T[] {
    const items = [item()];
    while (this.accept(',')) items.push(item());
    return items;
  }
}
