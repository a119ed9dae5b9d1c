/**
 * Phases of everything that do not depend on parameters: a complex number, as a sum of many angles would round worse, and
 * eighths of a turn.
 */
export class GlobalPhase {
  #real = 1;
  #imaginary = 0;
  #eighths = 0;

  turn(angle: number): void {
    const [c, s, real] = [Math.cos(angle), Math.sin(angle), this.#real];
    this.#real = real * c - this.#imaginary * s;
    this.#imaginary = real * s + this.#imaginary * c;
  }

  turnEighths(count: number): void {
    this.#eighths += count;
  }

  /** All of it in radians. */
  finish(): number {
    this.turn((this.#eighths % 8) * (Math.PI / 4));
    this.#eighths = 0;
    return Math.atan2(this.#imaginary, this.#real);
  }
}
