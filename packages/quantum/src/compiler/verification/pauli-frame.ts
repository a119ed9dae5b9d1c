import { doCommute, multiplyStrings, type PauliString, signOf, singleLetter } from './pauli-string.ts';

/**
 * The Clifford part `C` of a circuit, as what it makes of the letters on each wire, seen from the inputs: `C^dag X_w C` and `C^dag Z_w C`
 * (Aaronson and Gottesman, quant-ph/0406196).
 */
export class PauliFrame {
  readonly #x: PauliString[];
  readonly #z: PauliString[];

  constructor(wireCount: number) {
    const words = Math.ceil(wireCount / 32);
    this.#x = Array.from({ length: wireCount }, (_, wire) => singleLetter('x', wire, words));
    this.#z = Array.from({ length: wireCount }, (_, wire) => singleLetter('z', wire, words));
  }

  x(wire: number): PauliString {
    return this.#x[wire]!;
  }

  y(wire: number): PauliString {
    return multiplyStrings(this.#x[wire]!, this.#z[wire]!, 1);
  }

  z(wire: number): PauliString {
    return this.#z[wire]!;
  }

  cx(control: number, target: number): void {
    this.#x[control] = multiplyStrings(this.#x[control]!, this.#x[target]!);
    this.#z[target] = multiplyStrings(this.#z[control]!, this.#z[target]!);
  }

  cz(a: number, b: number): void {
    const [first, second] = [this.#x[a]!, this.#x[b]!];
    this.#x[a] = multiplyStrings(first, this.#z[b]!);
    this.#x[b] = multiplyStrings(this.#z[a]!, second);
  }

  swap(a: number, b: number): void {
    [this.#x[a], this.#x[b]] = [this.#x[b]!, this.#x[a]!];
    [this.#z[a], this.#z[b]] = [this.#z[b]!, this.#z[a]!];
  }

  /** Puts `exp(-i quarters pi/4 axis)`, the axis as seen from the inputs, before everything. */
  turn(axis: PauliString, quarters: number): void {
    for (const rows of [this.#x, this.#z]) {
      for (const [wire, row] of rows.entries()) {
        rows[wire] = turnString(row, axis, quarters);
      }
    }
  }

  /**
   * Whether the wires are left as they are where some of them start in |0>: letters of the others come back with Z on those at most, and
   * so does Z on those.
   */
  isIdentity(isZero: (wire: number) => boolean): boolean {
    const returns = (row: PauliString, letter: 'x' | 'z', wire: number) => {
      const single = singleLetter(letter, wire, row.x.length);
      const rest = multiplyStrings(single, row);
      if (rest.x.some((word) => word !== 0)) return false;
      if (signOf(rest) < 0) return false;
      return this.#x.every((_, at) => ((rest.z[at >> 5]! >> (at & 31)) & 1) === 0 || isZero(at));
    };
    return this.#x.every(
      (row, wire) => returns(this.#z[wire]!, 'z', wire) && (isZero(wire) || returns(row, 'x', wire)),
    );
  }
}

/** `exp(i quarters pi/4 axis) string exp(-i quarters pi/4 axis)`: `string (-i axis)^quarters` where they do not commute. */
export function turnString(string: PauliString, axis: PauliString, quarters: number): PauliString {
  if (doCommute(string, axis)) return string;
  if (quarters === 2) return { ...string, quarterTurns: (string.quarterTurns + 2) & 3 };
  return multiplyStrings(string, axis, quarters === 1 ? 3 : 1);
}
