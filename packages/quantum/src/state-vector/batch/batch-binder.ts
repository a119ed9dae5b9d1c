import type { Units } from '../lowering/unit-list.ts';
import { writeUnit } from '../tables/sine-cosine.ts';

/** Fills the units of a batch, set by set. */
export class BatchBinder {
  readonly #units: Units;
  readonly #width: number;
  readonly #real: Float64Array;
  readonly #imaginary: Float64Array;

  /** @param width sets that lie side by side. */
  constructor(units: Units, width: number) {
    this.#units = units;
    this.#width = width;
    this.#real = new Float64Array(units.linear.units.length);
    this.#imaginary = new Float64Array(units.linear.units.length);
  }

  /** Writes the units that depend on no parameter, for all sets. */
  fillConstants(tables: Float32Array | Float64Array): void {
    const width = this.#width;
    for (let unit = 0; unit < this.#units.count; unit++) {
      tables.fill(this.#units.real[unit]!, 2 * unit * width, (2 * unit + 1) * width);
      tables.fill(this.#units.imaginary[unit]!, (2 * unit + 1) * width, (2 * unit + 2) * width);
    }
  }

  /**
   * Writes the other units of one set.
   *
   * @param values of the units' parameters, in their order.
   * @param tables `[units, 2, width]`.
   */
  bind(set: number, values: ArrayLike<number>, tables: Float32Array | Float64Array): void {
    const { units, parameters, coefficients, offsets } = this.#units.linear;
    const width = this.#width;
    const real = this.#real;
    const imaginary = this.#imaginary;
    for (let i = 0; i < units.length; i++) {
      writeUnit(coefficients[i]! * values[parameters[i]!]! + offsets[i]!, real, imaginary, i);
      const at = 2 * units[i]! * width + set;
      tables[at] = real[i]!;
      tables[at + width] = imaginary[i]!;
    }
    for (const { unit, factor, evaluate } of this.#units.general) {
      const angle = factor * evaluate(values);
      const at = 2 * unit * width + set;
      tables[at] = Math.cos(angle);
      tables[at + width] = Math.sin(angle);
    }
  }
}
