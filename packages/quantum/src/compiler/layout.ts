import { InvalidArgumentError } from '@qedge/core';
import { checkCount } from '../circuit/register.ts';

/** What {@link Layout.toJSON} writes. */
export interface LayoutData {
  /** `[virtual qubits]`: the physical qubit of each. */
  readonly physicalQubits: readonly number[];
  readonly physicalQubitCount: number;
}

/**
 * Which physical qubit each virtual qubit (a qubit of the circuit as written) is on, both ways. Immutable. (Qiskit's Layout.)
 *
 * @example
 * const layout = new Layout(compiled.initialLayout, target.qubitCount);
 * layout.physicalOf(0);
 */
export class Layout {
  readonly #physical: readonly number[];
  readonly #virtual: readonly (number | null)[];

  /**
   * @param physicalQubits `[virtual qubits]`: the physical qubit of each; no two the same.
   * @param physicalQubitCount default: as many as there are virtual qubits.
   * @throws InvalidArgumentError for physical qubits that are not there or taken twice.
   */
  constructor(physicalQubits: ArrayLike<number>, physicalQubitCount = physicalQubits.length) {
    checkCount(physicalQubitCount, 'A layout has an impossible size');
    const physical = Array.from(physicalQubits);
    const virtual = new Array<number | null>(physicalQubitCount).fill(null);
    physical.forEach((place, qubit) => {
      if (!Number.isInteger(place) || virtual[place] !== null) {
        throw new InvalidArgumentError('A layout is not usable', {
          expected: `different physical qubits in 0..${physicalQubitCount - 1}`,
          actual: physical,
        });
      }
      virtual[place] = qubit;
    });
    this.#physical = physical;
    this.#virtual = virtual;
  }

  /** Qubit `i` on physical qubit `i`. */
  static trivial(virtualQubitCount: number, physicalQubitCount = virtualQubitCount): Layout {
    return new Layout(
      Array.from({ length: virtualQubitCount }, (_, qubit) => qubit),
      physicalQubitCount,
    );
  }

  /** Reads what `toJSON` writes. @throws InvalidArgumentError for anything else. */
  static fromJSON(data: LayoutData): Layout {
    if (Array.isArray(data?.physicalQubits)) return new Layout(data.physicalQubits, data.physicalQubitCount);
    throw new InvalidArgumentError('A layout is not usable', {
      expected: 'physicalQubits, a list, and physicalQubitCount',
      actual: data,
    });
  }

  get virtualQubitCount(): number {
    return this.#physical.length;
  }
  get physicalQubitCount(): number {
    return this.#virtual.length;
  }
  /** `[virtual qubits]`; borrowed. */
  get physicalQubits(): readonly number[] {
    return this.#physical;
  }

  /** Where a virtual qubit is. @throws InvalidArgumentError for one that is not there. */
  physicalOf(virtualQubit: number): number {
    const place = this.#physical[virtualQubit];
    if (place !== undefined) return place;
    throw new InvalidArgumentError('There is no such virtual qubit', {
      expected: `an integer in 0..${this.#physical.length - 1}`,
      actual: virtualQubit,
    });
  }

  /** What is on a physical qubit; null for spare ones. @throws InvalidArgumentError for one that is not there. */
  virtualOf(physicalQubit: number): number | null {
    const qubit = this.#virtual[physicalQubit];
    if (qubit !== undefined) return qubit;
    throw new InvalidArgumentError('There is no such physical qubit', {
      expected: `an integer in 0..${this.#virtual.length - 1}`,
      actual: physicalQubit,
    });
  }

  /**
   * The layout from physical to virtual qubits.
   *
   * @throws InvalidArgumentError unless every physical qubit holds a virtual one.
   */
  inverse(): Layout {
    const spare = this.#virtual.indexOf(null);
    if (spare < 0) return new Layout(this.#virtual as readonly number[]);
    throw new InvalidArgumentError('A layout with spare qubits has no inverse', {
      expected: 'as many virtual as physical qubits',
      actual: `nothing on physical qubit ${spare}`,
    });
  }

  /** This layout, then another one on its physical qubits: virtual `q` is on `next.physicalOf(this.physicalOf(q))`. */
  compose(next: Layout): Layout {
    return new Layout(
      this.#physical.map((place) => next.physicalOf(place)),
      next.physicalQubitCount,
    );
  }

  /** The layout after a swap of what is on two physical qubits. */
  swap(a: number, b: number): Layout {
    const [first, second] = [this.virtualOf(a), this.virtualOf(b)];
    const physical = [...this.#physical];
    if (first !== null) physical[first] = b;
    if (second !== null) physical[second] = a;
    return new Layout(physical, this.physicalQubitCount);
  }

  /** True for the same places on as many physical qubits. */
  equals(other: Layout): boolean {
    return JSON.stringify(this) === JSON.stringify(other);
  }

  toJSON(): LayoutData {
    return { physicalQubits: this.#physical, physicalQubitCount: this.physicalQubitCount };
  }
}
