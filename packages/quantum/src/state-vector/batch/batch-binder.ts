import type { Units } from '../lowering/unit-list.ts';

/** Adding and subtracting it rounds to an integer, ties to even: 1.5 * 2^52. */
const ROUNDER = 6755399441055744;
/** Beyond this many quarter turns the reduction below loses digits. */
const MOST_QUARTERS = 2 ** 20;
/** pi/2 in two parts; products of the first one, of 33 bits, with a number of quarter turns are exact. */
const QUARTER_HIGH = 1.5707963267341256;
const QUARTER_LOW = 6.077100506506192e-11;

/** Fills the angles of a batch, set by set. */
export class BatchBinder {
  readonly #units: Units;
  readonly #width: number;

  /** @param width sets that lie side by side. */
  constructor(units: Units, width: number) {
    this.#units = units;
    this.#width = width;
  }

  /** Writes the angles that depend on no parameter, for all sets. */
  fillConstants(angles: Float32Array | Float64Array): void {
    const { count, real, imaginary } = this.#units;
    for (let unit = 0; unit < count; unit++) {
      const angle = Math.atan2(imaginary[unit]!, real[unit]!);
      for (let set = 0; set < this.#width; set++) this.#write(angle, angles, unit, set);
    }
  }

  /**
   * Writes the other angles of one set.
   *
   * @param values of the units' parameters, in their order.
   * @param angles `[units, 3, width]` as `LoadedBatch.angles`.
   */
  bind(set: number, values: ArrayLike<number>, angles: Float32Array | Float64Array): void {
    const { units, parameters, coefficients, offsets } = this.#units.linear;
    for (let i = 0; i < units.length; i++) {
      this.#write(coefficients[i]! * values[parameters[i]!]! + offsets[i]!, angles, units[i]!, set);
    }
    for (const { unit, factor, evaluate } of this.#units.general) {
      this.#write(factor * evaluate(values), angles, unit, set);
    }
  }

  #write(angle: number, angles: Float32Array | Float64Array, unit: number, set: number): void {
    let rest = angle;
    let quarters = angle * (2 / Math.PI) + ROUNDER - ROUNDER;
    if (!(Math.abs(quarters) < MOST_QUARTERS)) {
      rest = Math.atan2(Math.sin(angle), Math.cos(angle));
      quarters = Math.round(rest * (2 / Math.PI));
    }
    const at = 3 * unit * this.#width + set;
    const quadrant = quarters & 3;
    angles[at] = rest - quarters * QUARTER_HIGH - quarters * QUARTER_LOW;
    // i^quadrant
    angles[at + this.#width] = (1 - (quadrant & 2)) * (1 - (quadrant & 1));
    angles[at + 2 * this.#width] = (1 - (quadrant & 2)) * (quadrant & 1);
  }
}
