import { InvalidArgumentError } from '@qedge/core';

/**
 * A linear expression in one named parameter: `coefficient * parameter + offset`, in radians. Immutable, and plain data once
 * it went through JSON.
 */
export class ParameterExpression {
  readonly parameter: string;
  readonly coefficient: number;
  readonly offset: number;

  /** @throws InvalidArgumentError for an empty name, a coefficient that is 0 or not finite, or an offset that is not finite. */
  constructor(parameter: string, coefficient = 1, offset = 0) {
    if (typeof parameter !== 'string' || parameter === '') {
      throw new InvalidArgumentError('A parameter needs a name', {
        expected: 'a non-empty string',
        actual: parameter,
      });
    }
    if (!Number.isFinite(coefficient) || coefficient === 0 || !Number.isFinite(offset)) {
      throw new InvalidArgumentError(`The expression in "${parameter}" is not linear`, {
        expected: 'a finite coefficient other than 0 and a finite offset',
        actual: [coefficient, offset],
      });
    }
    this.parameter = parameter;
    this.coefficient = coefficient;
    this.offset = offset;
  }

  /** `factor * this`. @throws InvalidArgumentError when the factor is 0 or not finite. */
  times(factor: number): ParameterExpression {
    return new ParameterExpression(this.parameter, this.coefficient * factor, this.offset * factor);
  }

  /** `this + constant`. */
  plus(constant: number): ParameterExpression {
    return new ParameterExpression(this.parameter, this.coefficient, this.offset + constant);
  }

  /** The number that the expression stands for when the parameter has this value. */
  evaluate(value: number): number {
    return this.coefficient * value + this.offset;
  }

  /** For people: `2*theta - 0.5`. */
  toString(): string {
    const { parameter, coefficient, offset } = this;
    const head =
      coefficient === 1 ? parameter : coefficient === -1 ? `-${parameter}` : `${coefficient}*${parameter}`;
    if (offset === 0) return head;
    return offset > 0 ? `${head} + ${offset}` : `${head} - ${-offset}`;
  }
}

/** An angle in radians, or a linear expression that becomes one when its parameter is bound. */
export type ParameterValue = number | ParameterExpression;

/** Values for named parameters, in radians. */
export type ParameterBinding = Readonly<Record<string, number>>;

/**
 * A free parameter of a circuit.
 *
 * @example
 * const theta = parameter('theta');
 * const circuit = new Circuit(1).ry(theta.times(2).plus(Math.PI), 0);
 */
export function parameter(name: string): ParameterExpression {
  return new ParameterExpression(name);
}

/** `factor * value`; 0 when the factor is 0. */
export function scaleAngle(value: ParameterValue, factor: number): ParameterValue {
  if (typeof value === 'number') return value * factor;
  return factor === 0 ? 0 : value.times(factor);
}

/** `value + constant`. */
export function shiftAngle(value: ParameterValue, constant: number): ParameterValue {
  return typeof value === 'number' ? value + constant : value.plus(constant);
}

/** `a + b`, or null when that is not a linear expression in one parameter. */
export function addAngles(a: ParameterValue, b: ParameterValue): ParameterValue | null {
  if (typeof a === 'number') return shiftAngle(b, a);
  if (typeof b === 'number') return a.plus(b);
  if (a.parameter !== b.parameter) return null;
  const coefficient = a.coefficient + b.coefficient;
  const offset = a.offset + b.offset;
  return coefficient === 0 ? offset : new ParameterExpression(a.parameter, coefficient, offset);
}
