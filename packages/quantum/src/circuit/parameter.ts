import { InvalidArgumentError } from '@qedge/core';
import {
  collectNames,
  compileNode,
  differentiateNode,
  type ExpressionProgram,
} from './expression-calculus.ts';
import {
  addNodes,
  callNode,
  EXPRESSION_FUNCTIONS,
  type ExpressionFunction,
  type ExpressionNode,
  multiplyNodes,
  numberNode,
  parameterNode,
  raiseNode,
  scaleNode,
  substituteNode,
} from './expression-node.ts';
import { parseExpressionText } from './parse-parameter-expression.ts';

/** `constant + sum of coefficient * parameter`. */
export interface LinearForm {
  readonly constant: number;
  readonly terms: readonly (readonly [parameter: string, coefficient: number])[];
}

/** Letters, digits and underscores, not beginning with a digit; an index in brackets may follow. */
const PARAMETER_NAME = /^[\p{L}_][\p{L}\p{N}_]*(\[\d+\])?$/u;

/**
 * A real expression of named parameters: sums, products, powers and functions. Immutable, kept in a canonical form: equal
 * linear expressions are spelled alike. `JSON.stringify` writes the text, `ParameterExpression.parse` reads it back.
 */
export class ParameterExpression {
  readonly #node: ExpressionNode;
  /** The exact spelling: `2*theta - 0.5`. */
  readonly text: string;

  private constructor(node: ExpressionNode) {
    this.#node = node;
    this.text = node.text;
  }

  /** A parameter by its name. See {@link parameter}. */
  static named(name: string): ParameterExpression {
    const reserved = name === 'pi' || Object.hasOwn(EXPRESSION_FUNCTIONS, name);
    if (typeof name !== 'string' || reserved || !PARAMETER_NAME.test(name)) {
      throw new InvalidArgumentError('A parameter needs a name', {
        expected: 'letters, digits and underscores, not "pi" nor a function; an index like [0] may follow',
        actual: name,
      });
    }
    return new ParameterExpression(parameterNode(name));
  }

  /** A number as an expression; an expression as it is. @throws InvalidArgumentError for a number that is not finite. */
  static of(value: ParameterValue): ParameterExpression {
    return typeof value === 'number' ? new ParameterExpression(numberNode(value)) : value;
  }

  /**
   * Reads what `toString` writes: `+ - * / **` (or `^`), parentheses, numbers, `pi`, functions, parameters.
   *
   * @throws FileFormatError saying where and what was expected.
   */
  static parse(text: string): ParameterExpression {
    return new ParameterExpression(
      parseExpressionText(text, (name) => ParameterExpression.named(name).#node),
    );
  }

  /** The parameters, in the order of the spelling. */
  get names(): readonly string[] {
    return [...collectNames(this.#node)];
  }

  /** The number where no parameter is left, else null. */
  get constant(): number | null {
    return this.#node.kind === 'number' ? this.#node.value : null;
  }

  /** A plain number where no parameter is left, else the expression. */
  get value(): ParameterValue {
    return this.constant ?? this;
  }

  plus(other: ParameterValue): ParameterExpression {
    return new ParameterExpression(addNodes(this.#node, nodeOf(other)));
  }
  minus(other: ParameterValue): ParameterExpression {
    return new ParameterExpression(addNodes(this.#node, scaleNode(nodeOf(other), -1)));
  }
  times(other: ParameterValue): ParameterExpression {
    return new ParameterExpression(multiplyNodes(this.#node, nodeOf(other)));
  }
  /** @throws InvalidArgumentError for the divisor 0. */
  dividedBy(other: ParameterValue): ParameterExpression {
    if (typeof other === 'number' && other !== 0) {
      const { constant } = this;
      // One rounding, as plain numbers are divided.
      if (constant !== null) return ParameterExpression.of(constant / other);
    }
    return new ParameterExpression(multiplyNodes(this.#node, raiseNode(nodeOf(other), numberNode(-1))));
  }
  /** `this ** exponent`. */
  power(exponent: ParameterValue): ParameterExpression {
    return new ParameterExpression(raiseNode(this.#node, nodeOf(exponent)));
  }
  /** A function of this: `parameter('t').apply('sin')`. */
  apply(name: ExpressionFunction): ParameterExpression {
    return new ParameterExpression(callNode(name, this.#node));
  }

  /** The number that the expression stands for; NaN where a function is not defined. @throws InvalidArgumentError for a missing value. */
  evaluate(values: ParameterBinding): number {
    const names = this.names;
    for (const name of names) {
      if (!Object.hasOwn(values, name)) {
        throw new InvalidArgumentError('A parameter has no value', {
          expected: `a value for "${name}"`,
          actual: Object.keys(values).join(', ') || 'no values',
        });
      }
    }
    return this.compile(names)(names.map((name) => values[name]!));
  }

  /**
   * A function from the values of `names` to the number, for evaluating often. Whoever compiles many expressions gives the place of
   * each name instead of the list, which is then looked through once.
   *
   * @throws InvalidArgumentError when a parameter of the expression is not among the names.
   */
  compile(names: readonly string[] | ReadonlyMap<string, number>): ExpressionProgram {
    const places = 'get' in names ? names : new Map(names.map((name, index) => [name, index]));
    return compileNode(this.#node, (name) => {
      const place = places.get(name);
      if (place !== undefined) return place;
      throw new InvalidArgumentError('An expression uses an unknown parameter', {
        expected: [...places.keys()].join(', '),
        actual: name,
      });
    });
  }

  /** The exact derivative with respect to one parameter. */
  derivative(name: string): ParameterExpression {
    return new ParameterExpression(differentiateNode(this.#node, name));
  }

  /** Puts numbers or expressions in the place of some parameters. */
  substitute(values: Readonly<Record<string, ParameterValue>>): ParameterExpression {
    const nodes = new Map(Object.entries(values).map(([name, value]) => [name, nodeOf(value)]));
    return new ParameterExpression(substituteNode(this.#node, nodes));
  }

  /** The coefficients of a linear expression; null for any other. */
  get linear(): LinearForm | null {
    const node = this.#node;
    if (node.kind === 'number') return { constant: node.value, terms: [] };
    if (node.kind === 'parameter') return { constant: 0, terms: [[node.name, 1]] };
    if (node.kind !== 'sum') return null;
    const terms: [string, number][] = [];
    for (const [coefficient, term] of node.terms) {
      if (term.kind !== 'parameter') return null;
      terms.push([term.name, coefficient]);
    }
    return { constant: node.constant, terms };
  }

  /** True for the same canonical form. Different forms may still have equal values. */
  equals(other: ParameterValue): boolean {
    return nodeOf(other).text === this.text;
  }

  toString(): string {
    return this.text;
  }

  toJSON(): string {
    return this.text;
  }

  /** The tree of a value. */
  static nodeOf(value: ParameterValue): ExpressionNode {
    return typeof value === 'number' ? numberNode(value) : value.#node;
  }
}

const nodeOf = ParameterExpression.nodeOf;

/** An angle in radians, or an expression that becomes one when its parameters are bound. */
export type ParameterValue = number | ParameterExpression;

/** Values for named parameters, in radians. */
export type ParameterBinding = Readonly<Record<string, number>>;

/**
 * A free parameter of a circuit.
 *
 * @throws InvalidArgumentError for a name that is none.
 * @example
 * const theta = parameter('theta');
 * const circuit = new Circuit(1).ry(theta.times(2).plus(Math.PI), 0);
 */
export function parameter(name: string): ParameterExpression {
  return ParameterExpression.named(name);
}

/** `factor * value`. */
export function scaleAngle(value: ParameterValue, factor: number): ParameterValue {
  return typeof value === 'number' ? value * factor : value.times(factor).value;
}

/** `value + constant`. */
export function shiftAngle(value: ParameterValue, constant: number): ParameterValue {
  return typeof value === 'number' ? value + constant : value.plus(constant).value;
}

/** `a + b`. */
export function addAngles(a: ParameterValue, b: ParameterValue): ParameterValue {
  if (typeof a === 'number') return shiftAngle(b, a);
  return a.plus(b).value;
}
