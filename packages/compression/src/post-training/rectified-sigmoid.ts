/** How far the sigmoid is stretched beyond 0 and 1 on either side, so that its clip reaches both. */
const STRETCH = 0.1;
const WIDTH = 1 + 2 * STRETCH;
const INTERVALS = 4096;

/**
 * `h(alpha) = clip(1.2 sigmoid(alpha) - 0.1, 0, 1)` (Louizos et al. 2018, arXiv:1712.01312; Nagel et al. 2020, arXiv:2004.10568, eq. 23), from
 * a table with an error below 1e-7.
 */
export class RectifiedSigmoid {
  /** Where h reaches 1; at minus this number it reaches 0. */
  readonly end = Math.log((1 + STRETCH) / STRETCH);
  readonly #table = new Float64Array(INTERVALS + 2);

  constructor() {
    for (let at = 0; at < this.#table.length; at++) {
      const alpha = (2 * at * this.end) / INTERVALS - this.end;
      this.#table[at] = WIDTH / (1 + Math.exp(-alpha)) - STRETCH;
    }
  }

  at(alpha: number): number {
    if (alpha <= -this.end) return 0;
    if (alpha >= this.end) return 1;
    const place = ((alpha + this.end) * INTERVALS) / (2 * this.end);
    const index = place | 0;
    const low = this.#table[index];
    return low + (place - index) * (this.#table[index + 1] - low);
  }

  /** The derivative where h has the value `value`, inside the clip. */
  slope(value: number): number {
    return (value + STRETCH) * (1 - (value + STRETCH) / WIDTH);
  }

  /** The alpha that gives a value in [0, 1]. */
  inverse(value: number): number {
    return Math.log((value + STRETCH) / (1 + STRETCH - value));
  }
}

/** `|t|^exponent` for t in [-1, 1] from a table, which is made anew when the exponent changes. */
export class PowerTable {
  readonly #table = new Float64Array(1026);

  set exponent(exponent: number) {
    for (let at = 0; at < this.#table.length; at++) this.#table[at] = (at / 1024) ** exponent;
  }

  at(t: number): number {
    const place = Math.abs(t) * 1024;
    const index = place | 0;
    const low = this.#table[index];
    return low + (place - index) * (this.#table[index + 1] - low);
  }
}
