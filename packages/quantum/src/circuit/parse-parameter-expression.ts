import { FileFormatError } from '@qedge/core';
import {
  addNodes,
  callNode,
  EXPRESSION_FUNCTIONS,
  type ExpressionFunction,
  type ExpressionNode,
  multiplyNodes,
  numberNode,
  raiseNode,
  scaleNode,
} from './expression-node.ts';

const WORDS =
  /\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|([\p{L}_][\p{L}\p{N}_]*(?:\[\d+\])?)|(\*\*|[-+*/^()]))/uy;

interface Word {
  readonly kind: 'number' | 'name' | 'symbol' | 'end';
  readonly text: string;
  readonly column: number;
}

/** Parentheses and functions inside one another. */
const DEEPEST_NESTING = 200;

/**
 * Reads an expression. Precedence, loosest first: `+ -`, `* /`, sign, `**` (to the right).
 *
 * @param leaf makes the tree of a parameter.
 * @throws FileFormatError with the column (from 1) and what was expected.
 */
export function parseExpressionText(text: string, leaf: (name: string) => ExpressionNode): ExpressionNode {
  const reader = new Reader(text, leaf);
  const node = reader.sum(0);
  reader.expect('end', 'an operator or the end');
  return node;
}

function readWords(text: string): Word[] {
  const words: Word[] = [];
  WORDS.lastIndex = 0;
  let position = 0;
  while (text.slice(position).trim() !== '') {
    WORDS.lastIndex = position;
    const match = WORDS.exec(text);
    if (match === null)
      throw failure('a number, a name or an operator', text.slice(position, position + 10), position + 1);
    const word = (match[1] ?? match[2] ?? match[3])!;
    const kind = match[1] !== undefined ? 'number' : match[2] !== undefined ? 'name' : 'symbol';
    words.push({ kind, text: word, column: WORDS.lastIndex - word.length + 1 });
    position = WORDS.lastIndex;
  }
  words.push({ kind: 'end', text: 'the end', column: text.length + 1 });
  return words;
}

function failure(expected: string, actual: string, column: number): FileFormatError {
  return new FileFormatError(`Parameter expression, column ${column}`, {
    expected,
    actual,
    facts: { column },
  });
}

class Reader {
  readonly #words: readonly Word[];
  readonly #leaf: (name: string) => ExpressionNode;
  #next = 0;

  constructor(text: string, leaf: (name: string) => ExpressionNode) {
    this.#words = readWords(text);
    this.#leaf = leaf;
  }

  expect(what: Word['kind'] | ')' | '(', expected: string): Word {
    const word = this.#words[this.#next]!;
    if (word.kind !== what && word.text !== what) throw failure(expected, word.text, word.column);
    if (word.kind !== 'end') this.#next++;
    return word;
  }

  #accept(...symbols: string[]): string | null {
    const word = this.#words[this.#next]!;
    if (word.kind !== 'symbol' || !symbols.includes(word.text)) return null;
    this.#next++;
    return word.text;
  }

  sum(depth: number): ExpressionNode {
    if (depth > DEEPEST_NESTING) {
      throw failure(`at most ${DEEPEST_NESTING} levels`, 'more', this.#words[this.#next]!.column);
    }
    let node = this.#product(depth);
    for (let sign = this.#accept('+', '-'); sign; sign = this.#accept('+', '-')) {
      const term = this.#product(depth);
      node = addNodes(node, sign === '-' ? scaleNode(term, -1) : term);
    }
    return node;
  }

  /** Numbers and signs are multiplied among themselves, so that `-0.5*(a + b)*c` comes out as it was spelled. */
  #product(depth: number): ExpressionNode {
    let coefficient = 1;
    let node: ExpressionNode = numberNode(1);
    let operator: string | null = '*';
    while (operator !== null) {
      for (let sign = this.#accept('+', '-'); sign; sign = this.#accept('+', '-')) {
        if (sign === '-') coefficient = -coefficient;
      }
      const factor = this.#power(depth);
      if (factor.kind === 'number') {
        coefficient = operator === '*' ? coefficient * factor.value : coefficient / factor.value;
      } else node = multiplyNodes(node, operator === '*' ? factor : raiseNode(factor, numberNode(-1)));
      operator = this.#accept('*', '/');
    }
    return multiplyNodes(numberNode(coefficient), node);
  }

  #power(depth: number): ExpressionNode {
    const base = this.#atom(depth);
    if (this.#accept('**', '^') === null) return base;
    if (depth > DEEPEST_NESTING) {
      throw failure(`at most ${DEEPEST_NESTING} levels`, 'more', this.#words[this.#next]!.column);
    }
    const negative = this.#accept('-') !== null;
    const exponent = this.#power(depth + 1);
    return raiseNode(base, negative ? scaleNode(exponent, -1) : exponent);
  }

  #atom(depth: number): ExpressionNode {
    const word = this.#words[this.#next]!;
    if (word.kind === 'end') throw failure('a number, a name or "("', word.text, word.column);
    this.#next++;
    if (word.kind === 'number') return numberNode(Number(word.text));
    if (word.kind === 'name') {
      if (word.text === 'pi') return numberNode(Math.PI);
      if (!Object.hasOwn(EXPRESSION_FUNCTIONS, word.text)) return this.#leaf(word.text);
      this.expect('(', '"("');
      const argument = this.sum(depth + 1);
      this.expect(')', '")"');
      return callNode(word.text as ExpressionFunction, argument);
    }
    if (word.text !== '(') throw failure('a number, a name or "("', word.text, word.column);
    const node = this.sum(depth + 1);
    this.expect(')', '")"');
    return node;
  }
}
