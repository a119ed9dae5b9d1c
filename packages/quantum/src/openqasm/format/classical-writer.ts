import { InvalidArgumentError } from '@qedge/core';
import type {
  ClassicalExpression,
  ClassicalTarget,
  ClassicalType,
} from '../../circuit/classical-expression.ts';
import { formatType } from '../../circuit/classical-type.ts';
import type { BitNames } from './bit-names.ts';
import { formatDigits } from './format-angle.ts';
import type { NameTable } from './name-table.ts';

/** Writes classical expressions and targets of OpenQASM 3. */
export class ClassicalWriter {
  readonly #bits: BitNames;
  readonly #names: NameTable;
  readonly #variables = new Map<string, { readonly word: string; readonly type: ClassicalType }>();
  readonly #aliases = new Map<string, { readonly word: string; readonly value: string }>();

  constructor(bits: BitNames, names: NameTable) {
    this.#bits = bits;
    this.#names = names;
  }

  /** Chooses the word for a variable. */
  declare(name: string, type: ClassicalType): string {
    const word = this.#names.choose(name);
    this.#variables.set(name, { word, type });
    return word;
  }

  /** A variable's word and type, or null. */
  variable(name: string): { readonly word: string; readonly type: ClassicalType } | null {
    return this.#variables.get(name) ?? null;
  }

  /** The names for bits that lie apart, as statements. */
  get aliases(): readonly string[] {
    return [...this.#aliases.values()].map(({ word, value }) => `let ${word} = ${value};`);
  }

  target(target: ClassicalTarget): string {
    if (target.kind !== 'index') return this.expression(target);
    return `${this.expression(target.operand)}[${this.expression(target.index)}]`;
  }

  expression(expression: ClassicalExpression): string {
    switch (expression.kind) {
      case 'literal':
        return formatLiteral(expression.type, expression.value);
      case 'bit':
        return this.#bits.nameOf(expression.clbit);
      case 'bits':
        return this.#bits.sliceOf(expression.clbits) ?? this.#alias(expression.clbits);
      case 'variable':
        return this.#variables.get(expression.name)?.word ?? unknownVariable(expression.name);
      case 'index':
        return `${this.#indexable(expression.operand)}[${this.expression(expression.index)}]`;
      case 'unary':
        return `${expression.operator}${this.#operand(expression.operand)}`;
      case 'binary':
        return `${this.#operand(expression.left)} ${expression.operator} ${this.#operand(expression.right)}`;
      case 'cast':
        return `${formatType(expression.type)}(${this.expression(expression.operand)})`;
      case 'call':
        return `${expression.function}(${expression.arguments.map((value) => this.expression(value)).join(', ')})`;
    }
  }

  /** In parentheses where operators could bind otherwise. */
  #operand(expression: ClassicalExpression): string {
    const text = this.expression(expression);
    const isOpen = expression.kind === 'unary' || expression.kind === 'binary' || text.startsWith('-');
    return isOpen ? `(${text})` : text;
  }

  #indexable(expression: ClassicalExpression): string {
    const { kind } = expression;
    const text = this.expression(expression);
    return kind === 'variable' || kind === 'cast' || kind === 'bits' ? text : `(${text})`;
  }

  #alias(clbits: readonly number[]): string {
    const key = clbits.join();
    const known = this.#aliases.get(key);
    if (known !== undefined) return known.word;
    const word = this.#names.choose(`bits_${this.#aliases.size}`);
    this.#aliases.set(key, { word, value: clbits.map((clbit) => this.#bits.nameOf(clbit)).join(' ++ ') });
    return word;
  }
}

function unknownVariable(name: string): never {
  throw new InvalidArgumentError('An expression names a variable that the circuit does not declare', {
    actual: name,
  });
}

/** The widest int that literals have by themselves. */
const PLAIN_INTEGER = { size: 64, most: 1n << 63n };

function formatLiteral(type: ClassicalType, value: boolean | number | bigint): string {
  switch (type.kind) {
    case 'bool':
      return String(value);
    case 'float':
      return formatFloat(Number(value), type.size);
    case 'bit':
      return formatBits(BigInt(value), type.size);
    case 'angle':
      return `angle[${type.size}](${formatBits(BigInt(value), type.size)})`;
    case 'uint':
      return `uint[${type.size}](${BigInt(value)})`;
    case 'int': {
      const integer = BigInt(value);
      const isPlain = type.size === PLAIN_INTEGER.size && integer > -PLAIN_INTEGER.most;
      return isPlain ? String(integer) : `int[${type.size}](${integer})`;
    }
  }
}

function formatBits(value: bigint, size: number): string {
  return `"${BigInt.asUintN(size, value).toString(2).padStart(size, '0')}"`;
}

function formatFloat(value: number, size: 32 | 64): string {
  if (!Number.isFinite(value)) {
    throw new InvalidArgumentError('OpenQASM 3 has no literal for a number', {
      expected: 'a finite number',
      actual: value,
    });
  }
  const digits = formatDigits(value);
  const text = /[.e]/.test(digits) ? digits : `${digits}.0`;
  return size === 64 ? text : `float[32](${text})`;
}
