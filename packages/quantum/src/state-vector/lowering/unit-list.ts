import type { ParameterExpression, ParameterValue } from '../../circuit/parameter.ts';

/**
 * Complex numbers `e^(i angle)` of a circuit, constant ones computed once, the others for every set of parameters: all the
 * trigonometry that binding needs.
 */
export interface Units {
  readonly count: number;
  /** `[count]` each; places of symbolic units hold 1. */
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
  /** `angle[unit] = sum of coefficient * value[parameter] + offset`, with one parameter. */
  readonly linear: {
    readonly units: Int32Array;
    readonly parameters: Int32Array;
    readonly coefficients: Float64Array;
    readonly offsets: Float64Array;
  };
  /** Any other expression: `angle[unit] = factor * evaluate(values)`. */
  readonly general: readonly {
    readonly unit: number;
    readonly factor: number;
    readonly evaluate: (values: ArrayLike<number>) => number;
  }[];
  /** In the order in which `bind` takes their values: that of first use. */
  readonly parameterNames: readonly string[];
}

/** Collects the units of a circuit. */
export class UnitList {
  readonly #real: number[] = [];
  readonly #imaginary: number[] = [];
  readonly #places = new Map<string, number>();
  readonly #linearUnits: number[] = [];
  readonly #linearParameters: number[] = [];
  readonly #coefficients: number[] = [];
  readonly #offsets: number[] = [];
  readonly #general: [unit: number, factor: number, expression: ParameterExpression][] = [];

  /** `e^(i factor value)`; returns its number. */
  add(value: ParameterValue, factor = 1): number {
    const unit = this.#real.length;
    if (typeof value === 'number') {
      this.#real.push(Math.cos(factor * value));
      this.#imaginary.push(Math.sin(factor * value));
      return unit;
    }
    this.#real.push(1);
    this.#imaginary.push(0);
    const form = value.linear;
    if (form?.terms.length === 1) {
      const [name, coefficient] = form.terms[0]!;
      this.#linearUnits.push(unit);
      this.#linearParameters.push(this.#placeOf(name));
      this.#coefficients.push(factor * coefficient);
      this.#offsets.push(factor * form.constant);
    } else {
      for (const name of value.names) this.#placeOf(name);
      this.#general.push([unit, factor, value]);
    }
    return unit;
  }

  #placeOf(name: string): number {
    const known = this.#places.get(name);
    if (known !== undefined) return known;
    this.#places.set(name, this.#places.size);
    return this.#places.size - 1;
  }

  finish(): Units {
    const parameterNames = [...this.#places.keys()];
    return {
      count: this.#real.length,
      real: new Float64Array(this.#real),
      imaginary: new Float64Array(this.#imaginary),
      linear: {
        units: new Int32Array(this.#linearUnits),
        parameters: new Int32Array(this.#linearParameters),
        coefficients: new Float64Array(this.#coefficients),
        offsets: new Float64Array(this.#offsets),
      },
      general: this.#general.map(([unit, factor, expression]) => ({
        unit,
        factor,
        evaluate: expression.compile(this.#places),
      })),
      parameterNames,
    };
  }
}
