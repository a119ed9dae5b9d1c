import { InvalidArgumentError } from '@qedge/core';
import type { ParameterValue } from '../../circuit/parameter.ts';

/** Works out angles from the values of parameters. */
export interface AngleTable {
  readonly count: number;
  /**
   * @param values of the parameters, in the order of their names.
   * @param out `[count]`; overwritten.
   * @throws InvalidArgumentError for an angle that is not finite at these values.
   */
  evaluate(values: ArrayLike<number>, out: Float64Array): void;
}

/**
 * Prepares the angles of a program. Numbers and multiples of one parameter, which nearly all angles are, take no function call.
 *
 * @throws InvalidArgumentError when an expression uses a name that is not given.
 */
export function prepareAngles(angles: readonly ParameterValue[], names: readonly string[]): AngleTable {
  const { length } = angles;
  const places = new Map(names.map((name, index) => [name, index]));
  const sources = new Int32Array(length);
  const coefficients = new Float64Array(length);
  const constants = new Float64Array(length);
  const others: { readonly index: number; readonly evaluate: (values: ArrayLike<number>) => number }[] = [];
  angles.forEach((angle, index) => {
    if (typeof angle === 'number') {
      constants[index] = angle;
      return;
    }
    const form = angle.linear;
    const place = form?.terms.length === 1 ? places.get(form.terms[0]![0]) : undefined;
    if (form === null || place === undefined) others.push({ index, evaluate: angle.compile(places) });
    else {
      sources[index] = place;
      coefficients[index] = form.terms[0]![1];
      constants[index] = form.constant;
    }
  });
  return {
    count: length,
    evaluate(values, out) {
      for (let i = 0; i < length; i++) {
        const coefficient = coefficients[i]!;
        out[i] = coefficient === 0 ? constants[i]! : coefficient * values[sources[i]!]! + constants[i]!;
      }
      for (const { index, evaluate } of others) out[index] = evaluate(values);
      for (let i = 0; i < length; i++) if (!Number.isFinite(out[i]!)) throw notFinite(angles[i]!, out[i]!);
    },
  };
}

function notFinite(angle: ParameterValue, value: number): InvalidArgumentError {
  return new InvalidArgumentError('An angle of the circuit is not usable', {
    expected: 'a finite number',
    actual: value,
    facts: { angle: String(angle) },
    remedy: `Choose values at which ${angle} is finite`,
  });
}
