import type { ParameterValue } from '../../circuit/parameter.ts';

/** How an angle changes with one parameter. */
export interface AngleDerivative {
  /** Its place among the parameters. */
  readonly parameter: number;
  /** `d angle / d parameter` at the parameters' values. */
  readonly evaluate: (values: ArrayLike<number>) => number;
}

/** The derivatives of an angle with respect to every parameter that it depends on. */
export function differentiateAngle(
  angle: ParameterValue,
  parameterNames: readonly string[],
): AngleDerivative[] {
  if (typeof angle === 'number') return [];
  const { linear } = angle;
  if (linear !== null) {
    return linear.terms.map(([name, coefficient]) => ({
      parameter: parameterNames.indexOf(name),
      evaluate: () => coefficient,
    }));
  }
  return angle.names.map((name) => ({
    parameter: parameterNames.indexOf(name),
    evaluate: angle.derivative(name).compile(parameterNames),
  }));
}
