import { InvalidArgumentError, ShapeMismatchError, UnsupportedError } from '@qedge/core';

/** A Pauli string with its coefficient; character `i` acts on qubit `i`, so qubit 0 is leftmost. */
export type PauliTerm = readonly [pauliString: string, coefficient: number];

/** One term as bit masks: a qubit in `x` only has X, in `z` only has Z, in both has Y, in neither has I. */
export interface MaskedPauli {
  readonly x: number;
  readonly z: number;
  readonly coefficient: number;
}

/**
 * A real linear combination of Pauli strings, hence a Hermitian operator: an observable or a Hamiltonian. Immutable.
 *
 * Strings are written with qubit 0 leftmost (`XI` is X on qubit 0 of two), the opposite of Qiskit's labels. Equal strings are
 * merged; terms are kept in ascending order of their strings.
 *
 * @example
 * const ising = PauliSum.fromTerms([['ZZ', -1], ['XI', -0.5], ['IX', -0.5]]);
 */
export class PauliSum {
  readonly qubitCount: number;
  /** Merged, in ascending order of their strings. */
  readonly terms: readonly PauliTerm[];
  #masks: readonly MaskedPauli[] | null = null;

  private constructor(qubitCount: number, terms: readonly PauliTerm[]) {
    this.qubitCount = qubitCount;
    this.terms = terms;
  }

  /** The same terms as bit masks, in the same order. @throws UnsupportedError for more than 30 qubits. */
  get masks(): readonly MaskedPauli[] {
    if (this.qubitCount > MAX_MASKED_QUBITS) {
      throw new UnsupportedError('The Pauli strings are too long for masks', {
        expected: `at most ${MAX_MASKED_QUBITS} qubits`,
        actual: this.qubitCount,
      });
    }
    this.#masks ??= this.terms.map(([string, coefficient]) => maskString(string, coefficient));
    return this.#masks;
  }

  /**
   * Makes a sum from strings; needs at least one to know the number of qubits.
   *
   * @throws InvalidArgumentError for strings of different length, other characters than I, X, Y, Z, or coefficients that are
   *   not finite.
   */
  static fromTerms(terms: Iterable<PauliTerm>): PauliSum {
    const merged = new Map<string, number>();
    let qubitCount = -1;
    for (const [string, coefficient] of terms) {
      if (qubitCount < 0) qubitCount = string.length;
      checkTerm(string, coefficient, qubitCount);
      merged.set(string, (merged.get(string) ?? 0) + coefficient);
    }
    if (qubitCount < 0) {
      throw new InvalidArgumentError('A Pauli sum needs terms', { expected: 'at least one', actual: 'none' });
    }
    const ordered = [...merged].sort(([a], [b]) => (a < b ? -1 : 1));
    return new PauliSum(qubitCount, ordered);
  }

  /** `this + other`. @throws ShapeMismatchError when the numbers of qubits differ. */
  add(other: PauliSum): PauliSum {
    if (other.qubitCount !== this.qubitCount) {
      throw new ShapeMismatchError('The Pauli sums act on different numbers of qubits', {
        expected: this.qubitCount,
        actual: other.qubitCount,
      });
    }
    return PauliSum.fromTerms([...this.terms, ...other.terms]);
  }

  /** `factor * this`. */
  scale(factor: number): PauliSum {
    return PauliSum.fromTerms(this.terms.map(([string, coefficient]) => [string, factor * coefficient]));
  }

  /** Without terms whose coefficient is at most `threshold` in magnitude; the identity is kept. */
  simplify(threshold = 1e-12): PauliSum {
    const identity = 'I'.repeat(this.qubitCount);
    const kept = this.terms.filter(
      ([string, coefficient]) => string === identity || Math.abs(coefficient) > threshold,
    );
    return kept.length > 0 ? new PauliSum(this.qubitCount, kept) : PauliSum.fromTerms([[identity, 0]]);
  }

  /** The sum of the coefficients' magnitudes without the identity: a bound on the spread of the spectrum. */
  oneNorm(): number {
    let norm = 0;
    for (const [string, coefficient] of this.terms) if (/[XYZ]/.test(string)) norm += Math.abs(coefficient);
    return norm;
  }

  /** The record `[pauliString, coefficient][]`. */
  toJSON(): readonly PauliTerm[] {
    return this.terms;
  }
}

/** Masks are 31-bit integers. */
const MAX_MASKED_QUBITS = 30;

function checkTerm(string: string, coefficient: number, qubitCount: number): void {
  if (string.length !== qubitCount || !/^[IXYZ]*$/.test(string)) {
    throw new InvalidArgumentError('A Pauli string does not fit', {
      expected: `${qubitCount} characters of I, X, Y, Z`,
      actual: string,
    });
  }
  if (!Number.isFinite(coefficient)) {
    throw new InvalidArgumentError(`The coefficient of ${string} is not usable`, {
      expected: 'a finite number',
      actual: coefficient,
    });
  }
}

function maskString(string: string, coefficient: number): MaskedPauli {
  let [x, z] = [0, 0];
  for (let qubit = 0; qubit < string.length; qubit++) {
    const letter = string[qubit];
    if (letter === 'X' || letter === 'Y') x |= 1 << qubit;
    if (letter === 'Z' || letter === 'Y') z |= 1 << qubit;
  }
  return { x, z, coefficient };
}
